package memory

import (
	"bytes"
	"context"
	"slices"

	"github.com/google/uuid"
	"tansu.cloud/eventstore"
)

// ReadLog implements eventstore.Reader.
func (s *Store) ReadLog(ctx context.Context, tenant uuid.UUID, q eventstore.LogQuery) (eventstore.LogPage, error) {
	if err := ctx.Err(); err != nil {
		return eventstore.LogPage{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.log(tenant)
	head, limit := int64(len(l.events)), pageLimit(q.Limit)

	step, next, end := int64(1), max(q.After, 0), head
	if q.Backwards {
		step, next, end = -1, q.After, 1
		if q.After <= 0 || q.After > head {
			next = head + 1
		}
	}
	page := eventstore.LogPage{Next: max(q.After, 0), Done: true}
	for scanned := 0; (end-next)*step > 0; scanned++ {
		if len(page.Events) == limit || q.Filtered() && scanned == eventstore.ScanWindow {
			page.Done = false
			break
		}
		next += step
		page.Next = next
		if l.matches(q, next) {
			page.Events = append(page.Events, l.events[next-1])
		}
	}
	page.Events = cloneEvents(page.Events)
	return page, nil
}

func (l *log) matches(q eventstore.LogQuery, position int64) bool {
	e := &l.events[position-1]
	return (len(q.Types) == 0 || slices.Contains(q.Types, e.Type)) &&
		(q.StreamType == "" || q.StreamType == e.Stream.Type) &&
		(q.StreamID == "" || q.StreamID == e.Stream.ID) &&
		(q.Actor == "" || q.Actor == l.actors[position-1])
}

// ReadStream implements eventstore.Reader.
func (s *Store) ReadStream(ctx context.Context, tenant uuid.UUID, stream eventstore.Stream, q eventstore.StreamQuery) ([]eventstore.Event, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.log(tenant)
	var events []eventstore.Event
	for _, p := range l.streams[stream] {
		e := l.events[p-1]
		if q.ToVersion > 0 && e.Version > q.ToVersion || !q.ToTime.IsZero() && e.RecordedAt.After(q.ToTime) {
			break
		}
		if q.Backwards && (q.After <= 0 || e.Version < q.After) || !q.Backwards && e.Version > q.After {
			events = append(events, e)
		}
	}
	if q.Backwards {
		slices.Reverse(events)
	}
	return cloneEvents(events[:min(len(events), pageLimit(q.Limit))]), nil
}

// Head implements eventstore.Reader.
func (s *Store) Head(ctx context.Context, tenant uuid.UUID) (eventstore.Head, error) {
	if err := ctx.Err(); err != nil {
		return eventstore.Head{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log(tenant).head(), nil
}

// Heads implements eventstore.Reader.
func (s *Store) Heads(ctx context.Context, after uuid.UUID, first bool, limit int) ([]eventstore.Head, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var heads []eventstore.Head
	for tenant, l := range s.logs {
		if len(l.events) > 0 && (first || bytes.Compare(tenant[:], after[:]) > 0) {
			heads = append(heads, l.head())
		}
	}
	slices.SortFunc(heads, func(a, b eventstore.Head) int { return bytes.Compare(a.TenantID[:], b.TenantID[:]) })
	return heads[:min(len(heads), pageLimit(limit))], nil
}

// ClaimHolder implements eventstore.Reader.
func (s *Store) ClaimHolder(ctx context.Context, tenant uuid.UUID, scope, value string) (eventstore.Stream, bool, error) {
	if err := ctx.Err(); err != nil {
		return eventstore.Stream{}, false, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	holder, ok := s.log(tenant).claims[claimed{scope, value}]
	return holder, ok, nil
}

// IdempotencyRecord implements eventstore.Reader.
func (s *Store) IdempotencyRecord(ctx context.Context, tenant uuid.UUID, key string) (*eventstore.IdempotencyRecord, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	rec, ok := s.log(tenant).idempotency[key]
	if !ok {
		return nil, nil
	}
	rec.Response = bytes.Clone(rec.Response)
	return &rec, nil
}
