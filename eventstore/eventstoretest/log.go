package eventstoretest

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"tansu.cloud/eventstore"
)

// T is what the checks need of a *testing.T or a *rapid.T.
type T interface {
	require.TestingT
	Helper()
}

var ctx = context.Background()

func account(id string) eventstore.Stream {
	return eventstore.Stream{Type: "account", ID: id}
}

func event(data string) eventstore.NewEvent {
	return eventstore.NewEvent{
		ID: uuid.Must(uuid.NewV7()), Type: "account.changed", SchemaVersion: 1, Data: json.RawMessage(data),
	}
}

// write makes a write of n events.
func write(s eventstore.Stream, expected int64, n int) eventstore.StreamWrite {
	w := eventstore.StreamWrite{Stream: s, Expected: expected}
	for i := range n {
		w.Events = append(w.Events, event(fmt.Sprintf(`{"n":%d}`, i)))
	}
	return w
}

func appendOf(tenant uuid.UUID, writes ...eventstore.StreamWrite) eventstore.Append {
	return eventstore.Append{TenantID: tenant, Writes: writes, Metadata: eventstore.Metadata{Actor: "tester"}}
}

func mustAppend(t T, s eventstore.Appender, a eventstore.Append) eventstore.Appended {
	t.Helper()
	done, err := s.Append(ctx, a)
	require.NoError(t, err)
	return done
}

// requireVersion checks how many events a stream has.
func requireVersion(t T, s eventstore.Reader, tenant uuid.UUID, stream eventstore.Stream, version int64) {
	t.Helper()
	newest, err := s.ReadStream(ctx, tenant, stream, eventstore.StreamQuery{Backwards: true, Limit: 1})
	require.NoError(t, err)
	if version == 0 {
		require.Empty(t, newest, "stream %s", stream)
		return
	}
	require.Len(t, newest, 1, "stream %s", stream)
	require.Equal(t, version, newest[0].Version, "stream %s", stream)
}

// requireEmpty checks that the tenant's log has no event.
func requireEmpty(t T, s eventstore.Reader, tenant uuid.UUID) {
	t.Helper()
	head, err := s.Head(ctx, tenant)
	require.NoError(t, err)
	require.Equal(t, eventstore.Head{}, head)
}

// requireSame compares events field by field, times by instant.
func requireSame(t T, want, got []eventstore.Event) {
	t.Helper()
	require.Len(t, got, len(want))
	for i := range want {
		w, g := want[i], got[i]
		require.True(t, w.RecordedAt.Equal(g.RecordedAt), "recorded_at at position %d: %s, want %s", g.Position, g.RecordedAt, w.RecordedAt)
		require.Equal(t, string(w.Data), string(g.Data), "data at position %d", g.Position)
		require.Equal(t, string(w.Metadata), string(g.Metadata), "metadata at position %d", g.Position)
		w.RecordedAt, w.Data, w.Metadata = g.RecordedAt, g.Data, g.Metadata
		require.Equal(t, w, g)
	}
}

// requireLog reads a tenant's whole log and checks all that must always hold of
// it: dense positions, dense versions, times that never go back, the chain, and
// a head that agrees. Appends may go on meanwhile.
func requireLog(t T, s eventstore.Reader, tenant uuid.UUID) []eventstore.Event {
	t.Helper()
	head, err := s.Head(ctx, tenant)
	require.NoError(t, err)
	var events []eventstore.Event
	for q := (eventstore.LogQuery{}); ; {
		page, err := s.ReadLog(ctx, tenant, q)
		require.NoError(t, err)
		events = append(events, page.Events...)
		q.After = page.Next
		if page.Done {
			break
		}
	}
	var prev eventstore.Event
	versions := map[eventstore.Stream]int64{}
	ids := map[uuid.UUID]bool{}
	for i := range events {
		e := &events[i]
		versions[e.Stream]++
		require.Equal(t, tenant, e.TenantID)
		require.EqualValues(t, i+1, e.Position, "positions must be dense")
		require.Equal(t, versions[e.Stream], e.Version, "versions of %s must be dense, at position %d", e.Stream, e.Position)
		require.False(t, ids[e.ID], "event %s stands twice in the log", e.ID)
		require.False(t, e.RecordedAt.Before(prev.RecordedAt), "recorded_at goes back at position %d", e.Position)
		require.Equal(t, e.RecordedAt.Truncate(time.Microsecond), e.RecordedAt)
		require.Equal(t, time.UTC, e.RecordedAt.Location())
		require.Equal(t, eventstore.ChainHash(prev.Hash, e), e.Hash, "chain at position %d", e.Position)
		ids[e.ID] = true
		prev = *e
	}
	require.GreaterOrEqual(t, int64(len(events)), head.Position, "the log ends before its head")
	if head.Position > 0 {
		last := events[head.Position-1]
		require.Equal(t, tenant, head.TenantID)
		require.Equal(t, last.Hash, head.Hash)
		require.True(t, last.RecordedAt.Equal(head.RecordedAt))
	}
	return events
}

// requirePresent checks that the log holds each acknowledged event, as it was
// acknowledged.
func requirePresent(t T, log, acknowledged []eventstore.Event) {
	t.Helper()
	for _, e := range acknowledged {
		require.LessOrEqual(t, e.Position, int64(len(log)), "acknowledged event %s is missing", e.ID)
		requireSame(t, []eventstore.Event{e}, log[e.Position-1:e.Position])
	}
}
