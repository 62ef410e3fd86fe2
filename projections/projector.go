package projections

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"tansu.cloud/domain/projection"
	"tansu.cloud/eventstore"
)

// projector runs one projection in this process: it holds the lease or stands
// by for it, and as the holder keeps what runs in line with what is desired.
type projector struct {
	*setup
	live    atomic.Pointer[generation] // serves and moves on; nil while nothing does
	changed chan struct{}              // the stream of the desired state may have grown

	// Owned by run.
	desired desired
	build   *build
	retired map[int]time.Time // since when the tables of a generation are not needed

	mu    sync.Mutex
	view  view
	ready func() // called once, when a generation serves
}

// view is what the status of a projection is made of.
type view struct {
	state    projection.State
	serving  int // generation that the views show, 0 if none
	building *build
	err      error
	stopped  bool
}

func newProjector(s *setup, ready func()) *projector {
	return &projector{
		setup: s, changed: make(chan struct{}, 1), desired: newDesired(s.Name),
		retired: map[int]time.Time{}, view: view{stopped: true}, ready: sync.OnceFunc(ready),
	}
}

// handle takes a message: it only puts the events into the inbox, so that the
// bus is never held up, and never refuses one, because the log has it.
func (p *projector) handle(m *message.Message) error {
	tenant, err := messageTenant(m)
	if err == nil && !p.reads(tenant) {
		return nil
	}
	var r *run
	if err == nil {
		r, err = decodeRun(tenant, m)
	}
	if err != nil {
		p.metrics.refused.Add(m.Context(), 1, p.metrics.attributes)
		p.logger.WarnContext(m.Context(), "projection: refused a message", "message_id", m.UUID, "error", err)
		return nil
	}
	r.trace.parent = extractTrace(m)
	if p.concerns(r) {
		p.wake()
	}
	if g := p.live.Load(); g != nil {
		if repeated := g.queue.offer(r); repeated > 0 {
			p.metrics.redelivered.Add(m.Context(), int64(repeated), p.metrics.attributes)
		}
	}
	return nil
}

// concerns reports whether a run may change what the projection should do.
func (p *projector) concerns(r *run) bool {
	if r.tenant != eventstore.SystemTenant {
		return false
	}
	for i := range r.events {
		if r.events[i].Stream == p.desired.stream {
			return true
		}
	}
	return len(r.events) == 0
}

func (p *projector) wake() {
	select {
	case p.changed <- struct{}{}:
	default:
	}
}

// run leads or stands by until quit is closed; the end of ctx aborts it.
func (p *projector) run(ctx context.Context, quit <-chan struct{}) {
	p.show(func(v *view) { v.stopped = false })
	defer p.show(func(v *view) { v.stopped = true })
	for failures := 0; ; {
		l, err := acquireLease(ctx, p.setup)
		switch {
		case err == nil && l != nil:
			err = p.lead(ctx, quit, l)
		case err == nil:
			err = p.standBy(ctx)
		}
		delay := p.config.PollInterval
		if failures++; err == nil {
			failures = 0
		} else {
			delay = backoff(failures, p.config.MaxBackoff)
		}
		p.note(ctx, err)
		if !pause(ctx, quit, delay) {
			return
		}
	}
}

// pause waits; it reports false if it is time to go.
func pause(ctx context.Context, quit <-chan struct{}, delay time.Duration) bool {
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-quit:
		return false
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// lead runs the projection until quit is closed or the lease is lost.
func (p *projector) lead(ctx context.Context, quit <-chan struct{}, l *lease) error {
	ctx, cancel := context.WithCancelCause(ctx)
	var renewal sync.WaitGroup
	renewal.Go(func() {
		if err := l.keep(ctx); err != nil {
			cancel(err)
		}
	})
	defer renewal.Wait()
	defer cancel(nil)
	defer func() {
		err := errors.Join(p.stopBuild(ctx), p.stopLive(ctx))
		if ctx.Err() != nil {
			return
		}
		if err = errors.Join(err, l.release(ctx)); err != nil {
			p.logger.WarnContext(ctx, "projection: stopping", "error", err)
		}
	}()
	p.logger.InfoContext(ctx, "projection: leads", "token", l.token)
	for failures := 0; ; {
		err := p.reconcile(ctx, l)
		delay := p.config.PollInterval
		if failures++; err == nil {
			failures = 0
		} else {
			delay = min(delay, backoff(failures, p.config.MaxBackoff))
		}
		p.note(ctx, err)
		timer := time.NewTimer(delay)
		select {
		case <-quit:
			timer.Stop()
			return nil
		case <-ctx.Done():
			timer.Stop()
			return context.Cause(ctx)
		case <-p.changed:
		case <-p.build.ready():
		case <-timer.C:
		}
		timer.Stop()
	}
}

// standBy keeps the status up to date while another process leads.
func (p *projector) standBy(ctx context.Context) error {
	if err := p.desired.refresh(ctx, p.config.Log, p.config.Decoder); err != nil {
		return err
	}
	serving, _, err := p.tables(ctx)
	if err != nil {
		return err
	}
	p.show(func(v *view) { v.state, v.serving = p.desired.state, serving })
	return nil
}

func (p *projector) show(change func(*view)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change(&p.view)
	if p.view.serving > 0 {
		p.ready()
	}
}

func (p *projector) shown() view {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.view
}

// note keeps an error for the status and logs it when it is new.
func (p *projector) note(ctx context.Context, err error) {
	was := p.shown().err
	p.show(func(v *view) { v.err = err })
	if err != nil && ctx.Err() == nil && (was == nil || was.Error() != err.Error()) {
		p.logger.WarnContext(ctx, "projection: something is in the way", "error", err)
	}
}
