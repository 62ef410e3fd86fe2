package memory

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"time"

	"tansu.cloud/eventstore"
)

// Append implements eventstore.Appender. An idempotency key that is known
// decides before versions and claims, since the first run has changed those.
func (s *Store) Append(ctx context.Context, a eventstore.Append) (eventstore.Appended, error) {
	none := eventstore.Appended{}
	if err := cmp.Or(a.Check(), a.CheckData()); err != nil {
		return none, err
	}
	metadata, err := json.Marshal(a.Metadata)
	if err != nil {
		return none, fmt.Errorf("encoding metadata: %w", err)
	}

	s.mu.Lock()
	defer s.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return none, err
	}
	l := s.log(a.TenantID)
	if a.Idempotency != nil {
		if rec, ok := l.idempotency[a.Idempotency.Key]; ok {
			rec.Response = bytes.Clone(rec.Response)
			return none, &eventstore.AlreadyProcessed{Record: rec}
		}
	}
	for _, w := range a.Writes {
		actual := int64(len(l.streams[w.Stream]))
		if w.Expected != eventstore.AnyVersion && w.Expected != actual {
			return none, &eventstore.VersionConflict{Stream: w.Stream, Expected: w.Expected, Actual: actual}
		}
	}
	claims, err := l.withClaims(a.Claims)
	if err != nil {
		return none, err
	}

	at := s.now().UTC().Truncate(time.Microsecond)
	if last := l.head().RecordedAt; at.Before(last) {
		at = last
	}
	events := l.add(a, metadata, at)
	l.claims = claims
	position := int64(len(l.events))
	if k := a.Idempotency; k != nil {
		stored := *k
		stored.Response = bytes.Clone(k.Response)
		l.idempotency[k.Key] = eventstore.IdempotencyRecord{Idempotency: stored, Position: position, RecordedAt: at}
	}
	for _, subject := range a.EraseSubjects {
		l.subjects[subject] = nil
	}
	if len(events) > 0 {
		s.onCommit(cloneEvents(events))
	}
	return eventstore.Appended{Events: cloneEvents(events), Position: position}, nil
}

// add appends the events to the log and returns the added part of it.
func (l *log) add(a eventstore.Append, metadata json.RawMessage, at time.Time) []eventstore.Event {
	before := len(l.events)
	prev := l.head().Hash
	for _, w := range a.Writes {
		for _, n := range w.Events {
			e := eventstore.Event{
				TenantID: a.TenantID,
				Position: int64(len(l.events)) + 1,
				Stream:   w.Stream,
				Version:  int64(len(l.streams[w.Stream])) + 1,
				ID:       n.ID, Type: n.Type, SchemaVersion: n.SchemaVersion,
				Data: bytes.Clone(n.Data), Metadata: metadata,
				RecordedAt: at,
			}
			e.Hash = eventstore.ChainHash(prev, &e)
			prev = e.Hash
			l.events = append(l.events, e)
			l.actors = append(l.actors, a.Metadata.Actor)
			l.streams[w.Stream] = append(l.streams[w.Stream], e.Position)
		}
	}
	return l.events[before:]
}

// withClaims returns the tenant's claims after the operations, releases first.
func (l *log) withClaims(ops []eventstore.Claim) (map[claimed]eventstore.Stream, error) {
	if len(ops) == 0 {
		return l.claims, nil
	}
	claims := maps.Clone(l.claims)
	for _, op := range ops {
		if op.Op != eventstore.ReleaseClaim {
			continue
		}
		key := claimed{op.Scope, op.Value}
		if holder, ok := claims[key]; !ok || holder != op.Stream {
			return nil, &eventstore.ClaimNotHeld{Scope: op.Scope, Value: op.Value, Stream: op.Stream}
		}
		delete(claims, key)
	}
	for _, op := range ops {
		if op.Op != eventstore.TakeClaim {
			continue
		}
		key := claimed{op.Scope, op.Value}
		if holder, ok := claims[key]; ok && holder != op.Stream {
			return nil, &eventstore.ClaimTaken{Scope: op.Scope, Value: op.Value, Holder: holder}
		}
		claims[key] = op.Stream
	}
	return claims, nil
}

// cloneEvents protects the log from callers that change the bytes they are given.
func cloneEvents(events []eventstore.Event) []eventstore.Event {
	out := make([]eventstore.Event, len(events))
	for i, e := range events {
		e.Data, e.Metadata = bytes.Clone(e.Data), bytes.Clone(e.Metadata)
		out[i] = e
	}
	return out
}
