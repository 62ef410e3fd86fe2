package projections

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tansu.cloud/domain/projection"
	"tansu.cloud/sql/db"
)

// build fills a generation that does not serve yet.
type build struct {
	*generation
	cancel context.CancelFunc // of fill
	caught chan struct{}      // closed by fill when little is left
	ended  chan struct{}      // closed when fill has ended
}

// gentlePage is how many events a rebuild beside live traffic takes at once: a
// larger transaction is felt by those who wait for a core.
const gentlePage = 250

func (p *projector) startBuild(ctx context.Context, number int, besideLive bool) {
	b := &build{generation: newGeneration(ctx, p.setup, number, p.lead, 1), caught: make(chan struct{}), ended: make(chan struct{})}
	// Beside a generation that moves on, a rebuild leaves half of a core to live
	// traffic; otherwise everyone waits for it.
	if besideLive {
		b.gentle.Store(true)
		b.page.Store(int64(min(gentlePage, b.config.CatchUpPage)))
		b.addWorkers(ctx, 1)
	} else {
		b.addWorkers(ctx, p.workers())
	}
	p.build = b
	p.show(func(v *view) { v.building = b })
	p.logger.InfoContext(ctx, "projection: builds a generation", "generation", number)
	ctx, b.cancel = context.WithCancel(ctx)
	go func() {
		defer close(b.ended)
		b.fill(ctx)
	}()
}

// fill catches up until little is left, however often the database fails.
func (b *build) fill(ctx context.Context) {
	for failures := 1; ; failures++ {
		err := b.catchUp(ctx, b.config.SwitchLag)
		if err == nil {
			close(b.caught)
			return
		}
		if ctx.Err() != nil || errors.Is(err, errStopping) {
			return
		}
		b.logger.WarnContext(ctx, "projection: building fails", "generation", b.number, "error", err)
		sleep(ctx, backoff(failures, b.config.MaxBackoff))
	}
}

// ready is closed when the build has caught up; it never is without a build.
func (b *build) ready() <-chan struct{} {
	if b == nil {
		return nil
	}
	return b.caught
}

func (b *build) finished() bool {
	select {
	case <-b.ready():
		return true
	default:
		return false
	}
}

func (b *build) firstError() error {
	if b == nil {
		return nil
	}
	return b.queue.firstError()
}

// stopBuild ends a build where it is; its checkpoints stay for a later one.
func (p *projector) stopBuild(ctx context.Context) error {
	b := p.build
	if b == nil {
		return nil
	}
	p.build = nil
	p.show(func(v *view) { v.building = nil })
	b.cancel()
	<-b.ended
	return b.stop(ctx)
}

// levelTimeout bounds how long the serving generation stands still for a switch;
// when it is over, the old one goes on and the switch is tried again.
const levelTimeout = 10 * time.Second

// switchTo makes the generation that was built the one that serves. The old one
// stands still, so that the new one can reach every checkpoint of it: who has
// seen a position on the old rows sees it on the new ones. Only then the log
// says so, and then the views; a crash in between is made up for by reconcile.
// A reader who holds the views for long delays those who wait, not who reads.
func (p *projector) switchTo(ctx context.Context, t *tenure, serving int) error {
	b := p.build
	if b.gentle.Swap(false) {
		b.page.Store(int64(b.config.CatchUpPage))
		b.addWorkers(ctx, p.workers()-1)
	}
	began := time.Now()
	if err := p.level(ctx, t, serving); err != nil {
		return err
	}
	if err := p.lead.verify(ctx); err != nil { // and with it every partition
		return err
	}
	if p.desired.state.Active.Generation != b.number {
		c := projection.Switch{Name: p.Name, Generation: b.number, Version: p.Version}
		if err := p.config.Control.SwitchProjection(ctx, p.Name, c); err != nil {
			return err
		}
		if err := p.desired.refresh(ctx, p.config.Log, p.config.Decoder); err != nil {
			return err
		}
	}
	if err := p.serveWhenFree(ctx, b.number); err != nil {
		return err
	}
	p.show(func(v *view) { v.state, v.serving = p.desired.state, b.number })
	p.wake() // partitions go back
	if err := p.stopBuild(ctx); err != nil {
		return err
	}
	p.logger.InfoContext(ctx, "projection: switched", "generation", b.number, "version", p.Version, "stood_still", time.Since(began))
	return p.resume(ctx, b.number)
}

// level has the serving generation stand still and the build reach it.
func (p *projector) level(ctx context.Context, t *tenure, serving int) error {
	bounded, cancel := context.WithTimeout(ctx, levelTimeout)
	defer cancel()
	if err := p.standStill(ctx, bounded, t, serving); err != nil || serving == 0 {
		return err
	}
	if err := p.build.reach(bounded, serving); err != nil {
		return fmt.Errorf("bringing generation %d up to %d: %w", p.build.number, serving, err)
	}
	return nil
}

// reach advances every tenant to where another generation stands.
func (b *build) reach(ctx context.Context, other int) error {
	for {
		behind, err := b.queries.BehindGeneration(ctx, db.BehindGenerationParams{
			Projection: b.Name, Generation: int32(b.number), ThanGeneration: int32(other), MaxRows: pollTenants})
		if err != nil || len(behind) == 0 {
			return err
		}
		for _, t := range behind {
			b.queue.offer(&run{tenant: t.TenantID, last: t.Head})
		}
		if err := b.settle(ctx); err != nil {
			return err
		}
	}
}
