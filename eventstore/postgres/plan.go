package postgres

import (
	"time"

	"tansu.cloud/eventstore"
)

// plan is one tenant's part of a transaction: requests whose events have their
// place in the log.
type plan struct {
	old, new eventstore.Head
	versions map[eventstore.Stream]int64 // after the plan, of the streams it writes
	holders  holders                     // of the unique values that the plan touches
	keys     map[string]bool             // idempotency keys that the plan records
	placed   []placed
}

type placed struct {
	*request
	result eventstore.Appended
}

// newPlan starts at a head. Time never runs backwards within a log, whatever
// the clocks of several processes say.
func newPlan(head eventstore.Head, now time.Time) *plan {
	now = now.UTC().Truncate(time.Microsecond)
	if now.Before(head.RecordedAt) {
		now = head.RecordedAt
	}
	p := &plan{old: head, new: head, versions: map[eventstore.Stream]int64{}}
	p.new.RecordedAt = now
	return p
}

// empty: nothing to write.
func (p *plan) empty() bool { return len(p.placed) == 0 }

// movesHead: the plan has events, not only idempotency records.
func (p *plan) movesHead() bool { return p.new.Position > p.old.Position }

// conflict returns the first stream of the request that is not at its expected
// version; version tells where a stream stands before the plan.
func (p *plan) conflict(r *request, version func(eventstore.Stream) int64) *eventstore.VersionConflict {
	for _, w := range r.Writes {
		if w.Expected == eventstore.AnyVersion {
			continue
		}
		actual, written := p.versions[w.Stream]
		if !written {
			actual = version(w.Stream)
		}
		if actual != w.Expected {
			return &eventstore.VersionConflict{Stream: w.Stream, Expected: w.Expected, Actual: actual}
		}
	}
	return nil
}

// place gives the request's events their positions, versions and hashes. The
// caller has checked conflict and applied the claims.
func (p *plan) place(r *request, version func(eventstore.Stream) int64) {
	n := 0
	for _, w := range r.Writes {
		n += len(w.Events)
	}
	events := make([]eventstore.Event, 0, n)
	for _, w := range r.Writes {
		v, written := p.versions[w.Stream]
		if !written && w.Expected != eventstore.AnyVersion {
			v = w.Expected
		} else if !written {
			v = version(w.Stream)
		}
		for _, e := range w.Events {
			v++
			p.new.Position++
			event := eventstore.Event{
				TenantID: r.TenantID, Position: p.new.Position,
				Stream: w.Stream, Version: v,
				ID: e.ID, Type: e.Type, SchemaVersion: e.SchemaVersion,
				Data: e.Data, Metadata: r.metadata,
				RecordedAt: p.new.RecordedAt,
			}
			p.new.Hash = eventstore.ChainHash(p.new.Hash, &event)
			event.Hash = p.new.Hash
			events = append(events, event)
		}
		p.versions[w.Stream] = v
	}
	if r.Idempotency != nil {
		if p.keys == nil {
			p.keys = map[string]bool{}
		}
		p.keys[r.Idempotency.Key] = true
	}
	p.placed = append(p.placed, placed{r, eventstore.Appended{Events: events, Position: p.new.Position}})
}

// events lists the plan's events in order of position.
func (p *plan) events() []eventstore.Event {
	if len(p.placed) == 1 {
		return p.placed[0].result.Events
	}
	all := make([]eventstore.Event, 0, p.new.Position-p.old.Position)
	for _, pl := range p.placed {
		all = append(all, pl.result.Events...)
	}
	return all
}
