package feeds

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/google/uuid"

	"tansu.cloud/platform/tenantscope"
)

var errOutOfScope = errors.New("the feed of a tenant was opened on behalf of another, or of none")

// Open returns a cursor of a tenant's log. Everything that the Spec selects above
// its Start will come out of Next, once and in order, with what was committed
// after Open has returned among it. A Spec that is not valid is a *SpecError.
//
// wake is called whenever Next may have more, or has an error; it must not block
// and may be called from any goroutine, also before Open has returned. It may call
// NextLive. It is not called for what was there when
// Open returned: call Next until there is no More before waiting for it.
//
// The context must be that of the tenant, see tenantscope: tails are in memory,
// where the database's wall around a tenant does not reach.
func (h *Hub) Open(ctx context.Context, tenant uuid.UUID, s Spec, wake func()) (*Cursor, error) {
	if scope, ok := tenantscope.Tenant(ctx); !ok || scope != tenant {
		return nil, errOutOfScope
	}
	selection, err := compile(s)
	if err != nil {
		return nil, err
	}
	// The tail collects messages from here on, so that none falls between the
	// look at the head and the first event of the tail.
	t, err := h.watch(tenant)
	if err != nil {
		return nil, err
	}
	c := &Cursor{hub: h, tail: t, selection: selection, coalesce: s.Coalesce, wake: wake}
	if err := c.place(ctx, s); err != nil {
		h.unwatch(t)
		return nil, err
	}
	h.cursors.Add(1)
	return c, nil
}

// place puts a new cursor where it begins.
func (c *Cursor) place(ctx context.Context, s Spec) (err error) {
	after := s.After
	if s.FromSnapshot != "" {
		if c.rows, after, err = c.hub.snapshot(ctx, c.tail.tenant, s.FromSnapshot); err != nil {
			return err
		}
	}
	head, err := c.hub.config.Walled.Head(ctx, c.tail.tenant)
	if err != nil {
		return err
	}
	if s.FromNow && s.FromSnapshot == "" {
		after = head.Position
	}
	if after > head.Position {
		return ErrAhead
	}
	c.start = after
	c.position.Store(after)
	c.tail.start(head.Position)
	if err := c.tail.join(c); err != nil {
		return err
	}
	_, v, err := c.tail.take(after, nil)
	if err != nil {
		c.tail.leave(c)
		return err
	}
	c.locate(after, v)
	return nil
}

func (h *Hub) snapshot(ctx context.Context, tenant uuid.UUID, name string) ([]json.RawMessage, int64, error) {
	read := h.config.Snapshots[name]
	if read == nil {
		return nil, 0, ErrUnknownSnapshot
	}
	rows, position, err := read(ctx, tenant, MaxSnapshotRows+1)
	if err == nil && len(rows) > MaxSnapshotRows {
		err = ErrSnapshotTooLarge
	}
	return rows, position, err
}
