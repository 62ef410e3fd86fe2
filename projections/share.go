package projections

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"tansu.cloud/platform/bus"
)

// share is one partition of a projection's tenants in this process. Whoever has
// its lease moves the serving generation on for them and takes the messages about
// them. A projection of the system tenant's log has a single one, which goes with
// the lead.
type share struct {
	partition int
	name      string                     // of its lease
	live      atomic.Pointer[generation] // serves and moves on; nil while nothing does here

	// Owned by the projector's loop.
	lease *lease
	hush  context.CancelFunc // ends the subscription
}

func newShares(p *Projection) []*share {
	if !p.EveryTenant {
		return []*share{{partition: bus.PartitionOf(uuid.Nil.String()), name: p.leadName()}}
	}
	shares := make([]*share, bus.Partitions)
	for n := range shares {
		shares[n] = &share{partition: n, name: p.partitionName(n)}
	}
	return shares
}

// shareOf returns the share that a tenant belongs to.
func (p *projector) shareOf(tenant uuid.UUID) *share {
	if !p.EveryTenant {
		return p.shares[0]
	}
	return p.shares[bus.PartitionOf(tenant.String())]
}

// lives lists the generations that this process moves on, at most one per share.
func (p *projector) lives() []*generation {
	var found []*generation
	for _, s := range p.shares {
		if g := s.live.Load(); g != nil {
			found = append(found, g)
		}
	}
	return found
}

// takeOver makes a share this process's own.
func (p *projector) takeOver(ctx context.Context, t *tenure, s *share, l *lease) {
	s.lease = l
	ctx, s.hush = context.WithCancel(ctx)
	t.work.Go(func() { p.listen(ctx, s.partition) })
}

// giveBack lets other processes go on with shares, from where they are.
func (p *projector) giveBack(ctx context.Context, t *tenure, shares ...*share) error {
	if err := p.halt(ctx, shares...); err != nil {
		return err
	}
	var leases []*lease
	for _, s := range shares {
		if s.lease != nil {
			s.hush()
			leases = append(leases, s.lease)
			s.lease = nil
		}
	}
	return t.release(ctx, leases...)
}

// halt ends what moves shares on. The pointers are cleared first, so that who
// waits asks the database.
func (p *projector) halt(ctx context.Context, shares ...*share) error {
	var stopped []*generation
	for _, s := range shares {
		if g := s.live.Swap(nil); g != nil {
			g.halt()
			stopped = append(stopped, g)
		}
	}
	var errs []error
	for _, g := range stopped {
		errs = append(errs, g.stop(ctx))
	}
	return errors.Join(errs...)
}

// resume has every share that this process holds moved on in one generation, 0
// for none.
func (p *projector) resume(ctx context.Context, number int) error {
	var wrong []*share
	for _, s := range p.shares {
		if g := s.live.Load(); g != nil && (g.number != number || g.lease != s.lease) {
			wrong = append(wrong, s)
		}
	}
	if err := p.halt(ctx, wrong...); err != nil {
		return err
	}
	for _, s := range p.shares {
		if number > 0 && s.lease != nil && s.live.Load() == nil {
			s.live.Store(newLive(ctx, p.setup, number, s.lease))
			p.lookSoon()
		}
	}
	return nil
}

// listen takes the messages about a partition until ctx ends. They only save
// reading, so that it does not matter how long a broker is away.
func (p *projector) listen(ctx context.Context, partition int) {
	for failures := 1; ; failures++ {
		began := time.Now()
		err := p.subscribe(ctx, partition)
		if ctx.Err() != nil {
			return
		}
		if time.Since(began) > p.config.MaxBackoff {
			failures = 1
		}
		if failures > 1 && failures&(failures-1) == 0 {
			p.logger.WarnContext(ctx, "projection: no messages", "partition", partition, "failures", failures, "error", err)
		}
		sleep(ctx, backoff(failures, p.config.MaxBackoff))
	}
}

// subscribe takes messages until the subscription ends.
func (p *projector) subscribe(ctx context.Context, partition int) error {
	subscriber := p.config.Bus.Queue("projection."+p.Name, partition)
	defer func() { _ = subscriber.Close() }()
	messages, err := subscriber.Subscribe(ctx, Topic)
	if err != nil {
		return err
	}
	p.lookSoon() // for what was published before
	for m := range messages {
		p.handle(m)
		m.Ack()
	}
	return errors.New("the subscription has ended")
}
