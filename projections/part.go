package projections

import (
	"context"
	"slices"

	"tansu.cloud/domain/projection"
)

// able reports whether this program can move the active generation on. Those
// that can share the partitions among them.
func (p *projector) able(s projection.State) bool {
	return s.Exists() && (p.Saga || s.Active.Version == p.Version)
}

func (p *projector) holds(partition int) bool {
	return p.shares[partition].lease != nil
}

// takePart takes the leases that are this process's to take: the lead when
// nobody has it, and its share of the partitions. Whatever else it holds it gives
// back. What the log wants must be read afterwards: it does not change under
// whoever has a lease.
func (p *projector) takePart(ctx context.Context, t *tenure) error {
	if p.config.Follow || (p.lead != nil && !p.EveryTenant) {
		return nil
	}
	h, err := p.holders(ctx)
	if err != nil {
		return err
	}
	if err := p.takeLead(ctx, t, h); err != nil || !p.EveryTenant {
		return err
	}
	if err := p.join(ctx, t, &h); err != nil {
		return err
	}
	give, take := h.moves(p.Name, p.config.NodeID, p.holds)
	given := make([]*share, len(give))
	for i, n := range give {
		given[i] = p.shares[n]
	}
	if err := p.giveBack(ctx, t, given...); err != nil {
		return err
	}
	for _, n := range take {
		l, err := t.take(ctx, p.shares[n].name)
		if err != nil {
			return err
		}
		if l != nil {
			p.takeOver(ctx, t, p.shares[n], l)
		}
	}
	return nil
}

func (p *projector) takeLead(ctx context.Context, t *tenure, h holders) error {
	if p.lead != nil || (h.leader != "" && h.leader != p.config.NodeID) {
		return nil
	}
	l, err := t.take(ctx, p.leadName())
	if err != nil || l == nil {
		return err
	}
	p.lead = l
	p.leads.Store(true)
	p.logger.InfoContext(ctx, "projection: leads", "token", l.token)
	if !p.EveryTenant {
		p.takeOver(ctx, t, p.shares[0], l)
	}
	return p.queries.ForgetLeases(ctx, p.membersName())
}

// join counts this process among the members, as long as it is able.
func (p *projector) join(ctx context.Context, t *tenure, h *holders) error {
	able := p.able(p.desired.state)
	switch {
	case able && p.member == nil:
		l, err := t.take(ctx, p.membersName()+p.config.NodeID)
		if err != nil || l == nil {
			return err
		}
		p.member = l
		if i, known := slices.BinarySearch(h.members, p.config.NodeID); !known {
			h.members = slices.Insert(h.members, i, p.config.NodeID)
		}
	case !able && p.member != nil:
		err := t.release(ctx, p.member)
		p.member = nil
		h.members = slices.DeleteFunc(h.members, func(m string) bool { return m == p.config.NodeID })
		return err
	}
	return nil
}
