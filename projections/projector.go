package projections

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/uuid"

	"tansu.cloud/domain/projection"
	"tansu.cloud/eventstore"
)

// projector runs one projection in this process. It takes the share of the work
// that is this process's among those on the database, and if it leads it decides
// what all of them do.
type projector struct {
	*setup
	shares  []*share
	changed chan struct{} // the desired state or the leases may be others than before
	look    chan struct{} // the next poll should come soon
	hinted  atomic.Bool   // the system tenant's log has grown
	leads   atomic.Bool

	// Owned by run.
	desired desired
	lead    *lease // of the leader
	member  *lease // counts this process among those that share the work
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
		setup: s, shares: newShares(&s.Projection), changed: make(chan struct{}, 1), look: make(chan struct{}, 1),
		desired: newDesired(s.Name), retired: map[int]time.Time{}, view: view{stopped: true}, ready: sync.OnceFunc(ready),
	}
}

// handle takes a message: it only puts the events into the inbox, so that the
// bus is never held up, and never refuses one, because the log has it.
func (p *projector) handle(m *message.Message) {
	tenant, err := messageTenant(m)
	if err == nil && !p.reads(tenant) {
		return
	}
	var r *run
	if err == nil {
		r, err = p.runs.of(tenant, m)
	}
	if err != nil {
		p.metrics.refused.Add(m.Context(), 1, p.metrics.attributes)
		p.logger.WarnContext(m.Context(), "projection: refused a message", "message_id", m.UUID, "error", err)
		return
	}
	r.trace.parent = extractTrace(m)
	if p.concerns(r) {
		p.wake()
	}
	if g := p.shareOf(tenant).live.Load(); g != nil {
		if repeated := g.queue.offer(r); repeated > 0 {
			p.metrics.redelivered.Add(m.Context(), int64(repeated), p.metrics.attributes)
		}
	}
}

// hint takes the news that a tenant's log reaches a position.
func (p *projector) hint(tenant uuid.UUID, position int64) {
	if tenant == eventstore.SystemTenant {
		p.hinted.Store(true)
	}
	if !p.reads(tenant) {
		return
	}
	if g := p.shareOf(tenant).live.Load(); g != nil {
		g.queue.offer(&run{tenant: tenant, last: position})
	}
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

// run takes part until quit is closed; the end of ctx aborts it.
func (p *projector) run(ctx context.Context, quit <-chan struct{}) {
	p.show(func(v *view) { v.stopped = false })
	defer p.show(func(v *view) { v.stopped = true })
	for {
		err := p.serve(ctx, quit)
		if err == nil {
			return
		}
		p.note(ctx, err)
		if !pause(ctx, quit, p.config.PollInterval) {
			return
		}
	}
}

// serve works for one tenure: until quit is closed, which gives it nil, or a
// lease is lost.
func (p *projector) serve(ctx context.Context, quit <-chan struct{}) error {
	ctx, cancel := context.WithCancelCause(ctx)
	t := newTenure(p.setup)
	t.work.Go(func() {
		if err := t.keep(ctx); err != nil {
			cancel(err)
		}
	})
	t.work.Go(func() { p.poll(ctx) })
	defer t.work.Wait()
	defer cancel(nil)
	defer func() {
		if err := p.leave(ctx, t); err != nil && ctx.Err() == nil {
			p.logger.WarnContext(ctx, "projection: stopping", "error", err)
		}
	}()
	for failures := 0; ; {
		err := p.reconcile(ctx, t)
		delay := p.config.PollInterval
		if failures++; err == nil {
			failures = 0
		} else {
			delay = min(delay, backoff(failures, p.config.MaxBackoff))
		}
		p.note(ctx, err)
		if !p.await(ctx, quit, delay, err == nil) {
			return context.Cause(ctx)
		}
	}
}

// leave ends a tenure. Unless it was aborted, others can go on at once.
func (p *projector) leave(ctx context.Context, t *tenure) error {
	err := errors.Join(p.stopBuild(ctx), p.giveBack(ctx, t, p.shares...), t.release(ctx, t.all()...))
	for _, s := range p.shares {
		s.lease = nil
	}
	p.lead, p.member = nil, nil
	p.leads.Store(false)
	return err
}

// await waits until there may be something to do; it reports false if it is time
// to go. A build that is done counts unless the last try to switch to it failed.
func (p *projector) await(ctx context.Context, quit <-chan struct{}, delay time.Duration, well bool) bool {
	timer, beat := time.NewTimer(delay), time.NewTicker(p.config.beat())
	defer timer.Stop()
	defer beat.Stop()
	built := p.build.ready()
	if !well {
		built = nil
	}
	for {
		select {
		case <-quit:
			return false
		case <-ctx.Done():
			return false
		case <-p.changed:
			return true
		case <-built:
			return true
		case <-timer.C:
			return true
		case <-beat.C:
			if p.grown(ctx) {
				return true
			}
		}
	}
}

// grown reports whether a hint about the system tenant's log was about the
// desired state. If that cannot be told, the poll comes anyway.
func (p *projector) grown(ctx context.Context) bool {
	if !p.hinted.Swap(false) {
		return false
	}
	before := p.desired.version
	err := p.desired.refresh(ctx, p.config.Log, p.config.Decoder)
	return err == nil && p.desired.version > before
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
