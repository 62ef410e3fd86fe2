package eventstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
)

// auditPage is how many events an audit holds at a time.
const auditPage = 250

// VerifyOptions adjust [Verify].
type VerifyOptions struct {
	// Against is what the log is known to have been at a position, from an
	// export's manifest. Without it a log that was cut or rewritten consistently,
	// head and all, cannot be told from a genuine one.
	Against *Head
	// OnProgress is called after each page with the verified position and the
	// position of the head.
	OnProgress func(position, head int64)
}

// Report is the outcome of an audit.
type Report struct {
	TenantID     uuid.UUID
	Events       int64 // verified, from position 1 on
	HeadPosition int64
	HeadHash     Hash
	// FirstBadPosition is the first position that is not as it was written, 0 if
	// there is none or the problem is not about a position.
	FirstBadPosition int64
	Problem          string // empty if all is well
}

// OK reports whether nothing was found.
func (r Report) OK() bool { return r.Problem == "" }

// note records a finding; any other error is returned.
func (r *Report) note(err error) error {
	var bad *CorruptLog
	if !errors.As(err, &bad) {
		return err
	}
	r.FirstBadPosition, r.Problem = bad.Position, bad.Problem
	return nil
}

// Verify recomputes a tenant's hash chain from position 1 to the head. What it
// finds is in the report; an error means that the log could not be read. It may
// run while the log is written to, and then covers what was there at the start.
func Verify(ctx context.Context, r Reader, tenant uuid.UUID, o VerifyOptions) (Report, error) {
	if o.Against != nil && o.Against.TenantID != tenant {
		return Report{}, fmt.Errorf("the log of tenant %s cannot be compared with an export of tenant %s", tenant, o.Against.TenantID)
	}
	head, err := r.Head(ctx, tenant)
	if err != nil {
		return Report{}, fmt.Errorf("reading the head of the log: %w", err)
	}
	report := Report{TenantID: tenant, HeadPosition: head.Position, HeadHash: head.Hash}
	c := chain{tenant: tenant}
	err = c.followLog(ctx, r, head.Position, func(page []Event) error {
		if o.OnProgress != nil {
			o.OnProgress(c.position, head.Position)
		}
		return compareAgainst(page, o.Against)
	})
	report.Events = c.position
	if err == nil {
		err = c.checkEnd(ctx, r, head, o.Against)
	}
	return report, report.note(err)
}

// compareAgainst compares the page with the expected hash if it has the position.
func compareAgainst(page []Event, against *Head) error {
	if against == nil || len(page) == 0 {
		return nil
	}
	i := against.Position - page[0].Position
	if i < 0 || i >= int64(len(page)) || page[i].Hash == against.Hash {
		return nil
	}
	return &CorruptLog{against.TenantID, against.Position,
		"the hash differs from the export: the log was rewritten here or before"}
}

// chain is a verified beginning of a log.
type chain struct {
	tenant   uuid.UUID
	position int64
	hash     Hash
}

func (c *chain) bad(position int64, problem string, args ...any) error {
	return &CorruptLog{c.tenant, position, fmt.Sprintf(problem, args...)}
}

// add takes the event if it is the next one.
func (c *chain) add(e *Event) bool {
	if e.Position != c.position+1 || ChainHash(c.hash, e) != e.Hash {
		return false
	}
	c.position, c.hash = e.Position, e.Hash
	return true
}

// followLog extends the chain to a position and hands on what was verified, page
// by page. The first event that does not belong is a *CorruptLog.
func (c *chain) followLog(ctx context.Context, r Reader, to int64, verified func([]Event) error) error {
	var ahead *CorruptLog // found by the reader, further on
	for c.position < to {
		limit := min(to-c.position, auditPage)
		if ahead != nil {
			limit = min(limit, ahead.Position-1-c.position)
		}
		if limit <= 0 {
			return ahead
		}
		page, err := r.ReadLog(ctx, c.tenant, LogQuery{After: c.position, Limit: int(limit)})
		var corrupt *CorruptLog
		if errors.As(err, &corrupt) && ahead == nil {
			ahead = corrupt
			continue
		}
		if err != nil {
			return fmt.Errorf("reading the log after position %d: %w", c.position, err)
		}
		if len(page.Events) == 0 {
			return c.bad(c.position+1, "the log ends at position %d, but its head says %d: the tail was cut", c.position, to)
		}
		good := 0
		for good < len(page.Events) && c.add(&page.Events[good]) {
			good++
		}
		if err := verified(page.Events[:good]); err != nil {
			return err
		}
		if good < len(page.Events) {
			bad := &page.Events[good]
			return c.explain(bad, c.following(ctx, r, page.Events[good:]))
		}
	}
	return nil
}

// following returns the event after the first of the rest of a page, nil if
// there is none.
func (c *chain) following(ctx context.Context, r Reader, rest []Event) *Event {
	if len(rest) > 1 {
		return &rest[1]
	}
	page, err := r.ReadLog(ctx, c.tenant, LogQuery{After: rest[0].Position, Limit: 1})
	if err != nil || len(page.Events) == 0 {
		return nil
	}
	return &page.Events[0]
}

// explain says why an event does not continue the chain, as far as it and the
// event after it can tell.
func (c *chain) explain(e, after *Event) error {
	at := c.position + 1
	belongs := func(e *Event, position int64, prev Hash) bool {
		moved := *e
		moved.Position = position
		return ChainHash(prev, &moved) == e.Hash
	}
	switch {
	case after != nil && belongs(after, at, c.hash) && belongs(e, at+1, after.Hash):
		return c.bad(at, "swapped: the events of positions %d and %d stand in each other's place", at, at+1)
	case after != nil && belongs(after, at, c.hash):
		return c.bad(at, "inserted: the event that belongs here comes after this one")
	case e.Position > at:
		return c.bad(at, "removed: after position %d comes %d", c.position, e.Position)
	case e.Position < at:
		return c.bad(at, "after position %d comes %d again", c.position, e.Position)
	}
	return c.bad(at, "altered: the event does not match its hash, or the one before it was removed or altered")
}

// checkEnd compares the chain's end with the head and with what was expected.
func (c *chain) checkEnd(ctx context.Context, r Reader, head Head, against *Head) error {
	if c.hash != head.Hash {
		return c.bad(head.Position, "the head of the log holds another hash than its last event")
	}
	page, err := r.ReadLog(ctx, c.tenant, LogQuery{After: c.position, Limit: 1})
	if err != nil {
		return fmt.Errorf("reading the log after position %d: %w", c.position, err)
	}
	if len(page.Events) > 0 { // appended meanwhile, or without a head
		position := page.Events[0].Position
		now, err := r.Head(ctx, c.tenant)
		if err != nil {
			return fmt.Errorf("reading the head of the log: %w", err)
		}
		if now.Position < position {
			return c.bad(position, "stands beyond the head of the log, which says %d", now.Position)
		}
	}
	if against != nil && against.Position > c.position {
		return c.bad(c.position+1, "the log ends at position %d, but the export at %d: the tail was cut", c.position, against.Position)
	}
	return nil
}
