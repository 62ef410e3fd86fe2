package eventstoretest

import (
	"encoding/json"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"tansu.cloud/eventstore"
)

var appendTests = []test{
	{"returns what it stored", appendReturnsStored},
	{"expected version", appendExpected},
	{"several streams are written together or not at all", appendSeveralStreams},
	{"a stream may be written once per append", appendSameStreamTwice},
	{"tenants are independent", appendTenants},
	{"metadata", appendMetadata},
	{"callers may reuse their bytes", appendOwnsBytes},
	{"a thousand events at once", appendLargest},
}

func appendReturnsStored(t *testing.T, f Fixture) {
	tenant := uuid.New()
	first := appendOf(tenant, write(account("a"), eventstore.NoStream, 2), write(account("b"), eventstore.AnyVersion, 1))
	done := mustAppend(t, f.Store, first)
	require.EqualValues(t, 3, done.Position)
	second := mustAppend(t, f.Store, appendOf(tenant, write(account("a"), 2, 3)))
	require.EqualValues(t, 6, second.Position)

	log := requireLog(t, f.Store, tenant)
	requireSame(t, log, append(done.Events, second.Events...))
	want := append(first.Writes[0].Events, first.Writes[1].Events...)
	for i, n := range want {
		require.Equal(t, n, eventstore.NewEvent{ID: log[i].ID, Type: log[i].Type, SchemaVersion: log[i].SchemaVersion, Data: log[i].Data})
	}
	require.Equal(t, account("b"), log[2].Stream)
}

func appendExpected(t *testing.T, f Fixture) {
	tenant := uuid.New()
	mustAppend(t, f.Store, appendOf(tenant, write(account("a"), eventstore.NoStream, 3)))
	for _, tc := range []struct {
		name             string
		stream           string
		expected, actual int64 // actual -1: no conflict
	}{
		{"no stream, but there is one", "a", eventstore.NoStream, 3},
		{"too low", "a", 2, 3},
		{"too high", "a", 4, 3},
		{"much too high", "a", 1 << 60, 3},
		{"of a stream that does not exist", "new", 1, 0},
		{"exact", "a", 3, -1},
		{"exact again", "a", 4, -1},
		{"any", "a", eventstore.AnyVersion, -1},
		{"any of a new stream", "b", eventstore.AnyVersion, -1},
		{"no stream", "c", eventstore.NoStream, -1},
	} {
		before := requireLog(t, f.Store, tenant)
		_, err := f.Store.Append(ctx, appendOf(tenant, write(account(tc.stream), tc.expected, 1)))
		after := requireLog(t, f.Store, tenant)
		if tc.actual < 0 {
			require.NoError(t, err, tc.name)
			require.Len(t, after, len(before)+1, tc.name)
			continue
		}
		var conflict *eventstore.VersionConflict
		require.ErrorAs(t, err, &conflict, tc.name)
		require.Equal(t, &eventstore.VersionConflict{Stream: account(tc.stream), Expected: tc.expected, Actual: tc.actual}, conflict, tc.name)
		require.Len(t, after, len(before), tc.name)
	}
}

func appendSeveralStreams(t *testing.T, f Fixture) {
	tenant := uuid.New()
	mustAppend(t, f.Store, appendOf(tenant, write(account("a"), eventstore.NoStream, 1)))
	bad := appendOf(tenant,
		write(account("b"), eventstore.NoStream, 2),
		write(account("a"), 7, 1),
		write(account("c"), eventstore.AnyVersion, 1))
	bad.Claims = []eventstore.Claim{{Op: eventstore.TakeClaim, Scope: "name", Value: "b", Stream: account("b")}}
	bad.Idempotency = &eventstore.Idempotency{Key: "k"}
	_, err := f.Store.Append(ctx, bad)
	var conflict *eventstore.VersionConflict
	require.ErrorAs(t, err, &conflict)
	require.Equal(t, account("a"), conflict.Stream)

	require.Len(t, requireLog(t, f.Store, tenant), 1)
	requireVersion(t, f.Store, tenant, account("b"), 0)
	requireVersion(t, f.Store, tenant, account("c"), 0)
	_, held, err := f.Store.ClaimHolder(ctx, tenant, "name", "b")
	require.NoError(t, err)
	require.False(t, held)
	rec, err := f.Store.IdempotencyRecord(ctx, tenant, "k")
	require.NoError(t, err)
	require.Nil(t, rec)

	bad.Writes[1].Expected = 1
	mustAppend(t, f.Store, bad)
	require.Len(t, requireLog(t, f.Store, tenant), 5)
	requireVersion(t, f.Store, tenant, account("a"), 2)
	requireVersion(t, f.Store, tenant, account("b"), 2)
	requireVersion(t, f.Store, tenant, account("c"), 1)
}

func appendSameStreamTwice(t *testing.T, f Fixture) {
	tenant := uuid.New()
	_, err := f.Store.Append(ctx, appendOf(tenant, write(account("a"), eventstore.NoStream, 1), write(account("a"), 1, 1)))
	var limit *eventstore.LimitError
	require.ErrorAs(t, err, &limit)
	require.Equal(t, "writes[1].stream", limit.Field)
	requireEmpty(t, f.Store, tenant)
}

func appendTenants(t *testing.T, f Fixture) {
	one, two := uuid.New(), uuid.New()
	for range 3 {
		mustAppend(t, f.Store, appendOf(one, write(account("a"), eventstore.AnyVersion, 2)))
		mustAppend(t, f.Store, appendOf(two, write(account("a"), eventstore.AnyVersion, 1)))
	}
	mustAppend(t, f.Store, appendOf(eventstore.SystemTenant, write(account("a"), eventstore.AnyVersion, 1)))
	require.Len(t, requireLog(t, f.Store, one), 6)
	require.Len(t, requireLog(t, f.Store, two), 3)
	requireVersion(t, f.Store, one, account("a"), 6)
	requireVersion(t, f.Store, two, account("a"), 3)
	require.NotEmpty(t, requireLog(t, f.Store, eventstore.SystemTenant))
}

func appendMetadata(t *testing.T, f Fixture) {
	tenant := uuid.New()
	full := eventstore.Metadata{
		Actor: "user:ä<&>\"\\", CorrelationID: "c", CausationID: "d", Traceparent: "00-1-2-01",
		CommandID: "e", Address: "2001:db8::1", Reason: "because\nof 日本",
	}
	a := appendOf(tenant, write(account("a"), eventstore.NoStream, 2))
	a.Metadata = full
	mustAppend(t, f.Store, a)
	b := appendOf(tenant, write(account("a"), 2, 1))
	b.Metadata = eventstore.Metadata{}
	mustAppend(t, f.Store, b)

	log := requireLog(t, f.Store, tenant)
	for i, want := range []eventstore.Metadata{full, full, {}} {
		got, err := log[i].Meta()
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
}

func appendOwnsBytes(t *testing.T, f Fixture) {
	tenant := uuid.New()
	a := appendOf(tenant, write(account("a"), eventstore.NoStream, 1))
	a.Writes[0].Events[0].Data = json.RawMessage(`{"kept":true}`)
	done := mustAppend(t, f.Store, a)
	copy(a.Writes[0].Events[0].Data, "changed by the caller")
	copy(done.Events[0].Metadata, "changed by the caller")
	read := requireLog(t, f.Store, tenant)
	require.JSONEq(t, `{"kept":true}`, string(read[0].Data))
	copy(read[0].Data, "changed by a reader")
	require.JSONEq(t, `{"kept":true}`, string(requireLog(t, f.Store, tenant)[0].Data))
}

func appendLargest(t *testing.T, f Fixture) {
	tenant := uuid.New()
	done := mustAppend(t, f.Store, appendOf(tenant, write(account("a"), eventstore.NoStream, 400), write(account("b"), eventstore.NoStream, 600)))
	require.EqualValues(t, eventstore.MaxEventsPerCall, done.Position)
	requireSame(t, requireLog(t, f.Store, tenant), done.Events)
}
