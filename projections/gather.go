package projections

import (
	"context"
	"fmt"
	"time"

	"tansu.cloud/sql/db"
)

// gatherInterval is the time between tries to take partitions that others are
// about to give back.
const gatherInterval = 20 * time.Millisecond

// standStill ends everything that moves the serving generation on, in whichever
// process, until this one resumes or gives partitions back: it takes all of their
// leases, and then refuses the writes of whoever held one before and does not know
// yet that it is lost. bounded is ctx with the time that this may take.
func (p *projector) standStill(ctx, bounded context.Context, t *tenure, serving int) error {
	if err := p.halt(ctx, p.shares...); err != nil {
		return err
	}
	if p.EveryTenant {
		if err := p.gather(ctx, bounded, t); err != nil {
			return fmt.Errorf("gathering the partitions: %w", err)
		}
	}
	if serving == 0 {
		return nil
	}
	fence := p.shares[0].lease.token
	for _, s := range p.shares {
		fence = min(fence, s.lease.token)
	}
	return p.queries.FenceCheckpoints(bounded, db.FenceCheckpointsParams{Projection: p.Name, Generation: int32(serving), Fence: fence})
}

// gather takes all partitions, those that this process has already too: the new
// tokens are higher than any under which one of the generations was written. The
// others see the announcement within a moment and give theirs back; what a dead
// process held runs out.
func (p *projector) gather(ctx, bounded context.Context, t *tenure) error {
	announcement, err := t.take(bounded, p.gatherName())
	if err != nil {
		return err
	}
	if announcement == nil {
		return fmt.Errorf("a former leader did so a moment ago: %w", errLeaseLost)
	}
	defer func() {
		if err := t.release(ctx, announcement); err != nil {
			p.logger.WarnContext(ctx, "projection: the others wait for partitions", "error", err)
		}
	}()
	for missing := p.shares; ; {
		var left []*share
		for _, s := range missing {
			l, err := t.take(bounded, s.name)
			switch {
			case err != nil:
				return err
			case l == nil:
				left = append(left, s)
			case s.lease == nil:
				p.takeOver(ctx, t, s, l)
			default:
				s.lease = l
			}
		}
		if missing = left; len(missing) == 0 {
			return nil
		}
		sleep(bounded, gatherInterval)
		if bounded.Err() != nil {
			return fmt.Errorf("%d are still held elsewhere: %w", len(missing), bounded.Err())
		}
	}
}
