package projections

import (
	"context"
	"time"

	"github.com/google/uuid"

	"tansu.cloud/eventstore"
	"tansu.cloud/sql/db"
)

// pollTenants is how many tenants one query finds at most.
const pollTenants = 1000

// poll finds what messages did not tell, and saves checkpoints that lag because
// nothing relevant came. All shares of this process have it in common.
func (p *projector) poll(ctx context.Context) {
	ticker := time.NewTicker(p.config.PollInterval)
	defer ticker.Stop()
	from, failed := uuid.Nil, false
	for {
		var err error
		if lives := p.lives(); len(lives) > 0 {
			if from, err = p.offerBehind(ctx, lives, from); err != nil && ctx.Err() == nil {
				for _, g := range lives {
					g.queue.doubt()
				}
				if !failed {
					p.logger.WarnContext(ctx, "projection: the safety poll fails", "error", err)
				}
			}
		}
		failed = err != nil
		select {
		case <-ticker.C:
		case <-p.look:
			from = uuid.Nil
		case <-ctx.Done():
			return
		}
	}
}

// lookSoon brings the next poll forward.
func (p *projector) lookSoon() {
	select {
	case p.look <- struct{}{}:
	default:
	}
}

// offerBehind queues tenants of this process's shares whose checkpoint is behind
// their log. It returns where to go on the next time: the nil UUID after the
// last tenant.
func (p *projector) offerBehind(ctx context.Context, lives []*generation, from uuid.UUID) (uuid.UUID, error) {
	for _, g := range lives {
		g.queue.saveAll()
	}
	for offered := 0; offered < pollTenants; {
		behind, next, err := p.behind(ctx, lives[0].number, from)
		if err != nil {
			return from, err
		}
		for _, b := range behind {
			if g := p.shareOf(b.TenantID).live.Load(); g != nil {
				g.queue.behind(b.TenantID, b.Head, b.Position)
				offered++
			}
		}
		if from = next; from == uuid.Nil {
			break
		}
	}
	return from, nil
}

// behind finds tenants whose checkpoint in a generation is behind their log, one
// page of them. next is where the following page begins, the nil UUID after the
// last one.
func (s *setup) behind(ctx context.Context, generation int, from uuid.UUID) (page []db.TenantsBehindRow, next uuid.UUID, err error) {
	if s.EveryTenant {
		page, err = s.queries.TenantsBehind(ctx, db.TenantsBehindParams{
			Projection: s.Name, Generation: int32(generation), FromTenant: from, MaxRows: pollTenants})
		if len(page) == pollTenants {
			next = page[pollTenants-1].TenantID
		}
		return page, next, err
	}
	rows, err := s.queries.TenantBehind(ctx, db.TenantBehindParams{
		TenantID: eventstore.SystemTenant, Projection: s.Name, Generation: int32(generation)})
	for _, r := range rows {
		page = append(page, db.TenantsBehindRow(r))
	}
	return page, next, err
}
