package commands

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"tansu.cloud/domain/tenant"
	"tansu.cloud/eventstore"
)

// quotaOf returns a tenant's bound, from its stream and so never an old one.
func (p *pipeline) quotaOf(ctx context.Context, owner uuid.UUID, name string) (int64, error) {
	if owner == eventstore.SystemTenant {
		return tenant.Quotas(nil).Of(name), nil
	}
	l, err := load(ctx, p, tenants, eventstore.SystemTenant, owner.String(), 0)
	return l.state.Quotas.Of(name), err
}

// admits refuses one more of what is counted in a read model. Of requests at the
// same moment, and within the time that the read model is behind, some may go
// beyond the quota; for what must not, see quotaSlot.
func (p *pipeline) admits(ctx context.Context, owner uuid.UUID, name string) error {
	if p.usage == nil {
		return nil
	}
	limit, err := p.quotaOf(ctx, owner, name)
	if err != nil {
		return err
	}
	return p.below(ctx, owner, name, limit)
}

func (p *pipeline) below(ctx context.Context, owner uuid.UUID, name string, limit int64) error {
	used, err := p.usage(ctx, owner, name)
	if err != nil {
		return fmt.Errorf("counting %s: %w", name, err)
	}
	if used >= limit {
		return tenant.Exceeded(name, limit, used)
	}
	return nil
}

// quotaSlot returns a free slot within a tenant's quota. Slots make the quota
// exact; only what holds slots beyond it, from before it was lowered, is counted
// in the read model. 0 is what most, the domain's own bound, leads to.
func (p *pipeline) quotaSlot(ctx context.Context, owner uuid.UUID, name, scope string, most int) (int, error) {
	limit, err := p.quotaOf(ctx, owner, name)
	if err != nil {
		return 0, err
	}
	if limit >= int64(most) {
		return p.freeSlot(ctx, owner, scope, most)
	}
	if p.usage != nil {
		if err := p.below(ctx, owner, name, limit); err != nil {
			return 0, err
		}
	}
	slot, err := p.freeSlot(ctx, owner, scope, int(limit))
	if err == nil && slot == 0 {
		err = tenant.Exceeded(name, limit, limit)
	}
	return slot, err
}
