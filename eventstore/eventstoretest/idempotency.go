package eventstoretest

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"tansu.cloud/eventstore"
)

var idempotencyTests = []test{
	{"a key takes effect once", idempotencyOnce},
	{"a known key decides before versions and claims", idempotencyFirst},
	{"a failed append leaves no record", idempotencyFailed},
	{"an append without events", idempotencyOnly},
	{"an append without events on an empty log", idempotencyOnlyEmpty},
	{"keys of tenants are independent", idempotencyTenants},
	{"many callers race with one key", idempotencyRace},
	{"many callers race with one key and no events", idempotencyRaceOnly},
}

func keyed(a eventstore.Append, key, response string) eventstore.Append {
	a.Idempotency = &eventstore.Idempotency{Key: key, Fingerprint: eventstore.Hash{1, 2, 3}, Response: []byte(response)}
	return a
}

// requireRecord checks a stored record and that AlreadyProcessed carries it.
func requireRecord(t T, s eventstore.Store, tenant uuid.UUID, want eventstore.Idempotency, position int64) eventstore.IdempotencyRecord {
	t.Helper()
	rec, err := s.IdempotencyRecord(ctx, tenant, want.Key)
	require.NoError(t, err)
	require.NotNil(t, rec)
	require.Equal(t, want.Key, rec.Key)
	require.Equal(t, want.Fingerprint, rec.Fingerprint)
	require.Equal(t, string(want.Response), string(rec.Response))
	require.Equal(t, position, rec.Position)
	require.Equal(t, rec.RecordedAt.Truncate(time.Microsecond), rec.RecordedAt)
	require.False(t, rec.RecordedAt.IsZero())
	return *rec
}

func requireProcessed(t T, err error, want eventstore.IdempotencyRecord) {
	t.Helper()
	var processed *eventstore.AlreadyProcessed
	require.ErrorAs(t, err, &processed)
	got := processed.Record
	require.True(t, want.RecordedAt.Equal(got.RecordedAt))
	require.Equal(t, string(want.Response), string(got.Response))
	want.RecordedAt, want.Response = got.RecordedAt, got.Response
	require.Equal(t, want, got)
}

func idempotencyOnce(t *testing.T, f Fixture) {
	tenant := uuid.New()
	rec, err := f.Store.IdempotencyRecord(ctx, tenant, "k")
	require.NoError(t, err)
	require.Nil(t, rec)

	a := keyed(appendOf(tenant, write(account("a"), eventstore.AnyVersion, 2)), "k", `{"ok":true}`)
	done := mustAppend(t, f.Store, a)
	stored := requireRecord(t, f.Store, tenant, *a.Idempotency, 2)
	require.True(t, stored.RecordedAt.Equal(done.Events[1].RecordedAt))

	mustAppend(t, f.Store, appendOf(tenant, write(account("b"), eventstore.AnyVersion, 1)))
	again := appendOf(tenant, write(account("a"), eventstore.AnyVersion, 1))
	again.Idempotency = &eventstore.Idempotency{Key: "k", Fingerprint: eventstore.Hash{9}, Response: []byte("other")}
	for _, s := range f.both() {
		_, err = s.Append(ctx, again)
		requireProcessed(t, err, stored)
	}
	require.Len(t, requireLog(t, f.Store, tenant), 3)
	requireRecord(t, f.Store, tenant, *a.Idempotency, 2)
}

func idempotencyFirst(t *testing.T, f Fixture) {
	tenant, a := uuid.New(), account("a")
	create := keyed(claiming(tenant, a, take("x", a)), "k", "{}")
	create.Writes[0].Expected = eventstore.NoStream
	mustAppend(t, f.Store, create)
	_, err := f.Store.Append(ctx, create)
	requireProcessed(t, err, requireRecord(t, f.Store, tenant, *create.Idempotency, 1))

	other := create
	other.Claims = []eventstore.Claim{take("x", account("b")), release("never", a)}
	_, err = f.Store.Append(ctx, other)
	requireProcessed(t, err, requireRecord(t, f.Store, tenant, *create.Idempotency, 1))
	require.Len(t, requireLog(t, f.Store, tenant), 1)
}

func idempotencyFailed(t *testing.T, f Fixture) {
	tenant, a := uuid.New(), account("a")
	_, err := f.Store.Append(ctx, keyed(appendOf(tenant, write(a, 5, 1)), "k", "{}"))
	var conflict *eventstore.VersionConflict
	require.ErrorAs(t, err, &conflict)
	_, err = f.Store.Append(ctx, keyed(claiming(tenant, a, release("x", a)), "k", "{}"))
	var notHeld *eventstore.ClaimNotHeld
	require.ErrorAs(t, err, &notHeld)
	rec, err := f.Store.IdempotencyRecord(ctx, tenant, "k")
	require.NoError(t, err)
	require.Nil(t, rec)
	mustAppend(t, f.Store, keyed(appendOf(tenant, write(a, eventstore.NoStream, 1)), "k", "{}"))
}

func idempotencyOnly(t *testing.T, f Fixture) {
	tenant, a := uuid.New(), account("a")
	mustAppend(t, f.Store, appendOf(tenant, write(a, eventstore.NoStream, 3)))
	before := requireLog(t, f.Store, tenant)

	only := keyed(eventstore.Append{TenantID: tenant, Claims: []eventstore.Claim{take("x", a)}}, "k", "nothing to do")
	done := mustAppend(t, f.Store, only)
	require.Empty(t, done.Events)
	require.EqualValues(t, 3, done.Position)
	stored := requireRecord(t, f.Store, tenant, *only.Idempotency, 3)
	requireHolder(t, f.Store, tenant, "x", a)
	_, err := f.Store.Append(ctx, only)
	requireProcessed(t, err, stored)
	requireSame(t, before, requireLog(t, f.Store, tenant))

	mustAppend(t, f.Store, appendOf(tenant, write(a, 3, 1)))
	require.Len(t, requireLog(t, f.Store, tenant), 4)
}

func idempotencyOnlyEmpty(t *testing.T, f Fixture) {
	tenant := uuid.New()
	only := keyed(eventstore.Append{TenantID: tenant}, "k", "")
	done := mustAppend(t, f.Store, only)
	require.Zero(t, done.Position)
	stored := requireRecord(t, f.Store, tenant, *only.Idempotency, 0)
	_, err := f.Store.Append(ctx, only)
	requireProcessed(t, err, stored)
	requireEmpty(t, f.Store, tenant)
	heads, err := f.Store.Heads(ctx, uuid.Nil, true, 0)
	require.NoError(t, err)
	for _, h := range heads {
		require.NotEqual(t, tenant, h.TenantID, "a log without events has no head")
	}

	mustAppend(t, f.Store, appendOf(tenant, write(account("a"), eventstore.NoStream, 1)))
	require.Len(t, requireLog(t, f.Store, tenant), 1)
}

func idempotencyTenants(t *testing.T, f Fixture) {
	one, two := uuid.New(), uuid.New()
	mustAppend(t, f.Store, keyed(appendOf(one, write(account("a"), eventstore.NoStream, 1)), "k", "one"))
	mustAppend(t, f.Store, keyed(appendOf(two, write(account("a"), eventstore.NoStream, 1)), "k", "two"))
	rec, err := f.Store.IdempotencyRecord(ctx, two, "k")
	require.NoError(t, err)
	require.Equal(t, "two", string(rec.Response))
}

func idempotencyRace(t *testing.T, f Fixture)     { raceWithOneKey(t, f, 2) }
func idempotencyRaceOnly(t *testing.T, f Fixture) { raceWithOneKey(t, f, 0) }

func raceWithOneKey(t *testing.T, f Fixture, events int) {
	const rounds, callers = 5, 16
	tenant := uuid.New()
	for round := range rounds {
		key := fmt.Sprintf("key-%d", round)
		tries := make([]eventstore.Append, callers)
		done := make([]eventstore.Appended, callers)
		errs := make([]error, callers)
		var wg sync.WaitGroup
		for i := range callers {
			tries[i] = keyed(eventstore.Append{TenantID: tenant}, key, fmt.Sprint(i))
			if events > 0 {
				tries[i].Writes = []eventstore.StreamWrite{write(account(fmt.Sprintf("%s-%d", key, i)), eventstore.NoStream, events)}
			}
			wg.Go(func() {
				stores := f.both()
				done[i], errs[i] = stores[i%len(stores)].Append(ctx, tries[i])
			})
		}
		wg.Wait()

		winner := -1
		for i, err := range errs {
			if err == nil {
				require.Equal(t, -1, winner, "callers %d and %d both took effect", winner, i)
				winner = i
			}
		}
		require.GreaterOrEqual(t, winner, 0)
		stored := requireRecord(t, f.Store, tenant, *tries[winner].Idempotency, done[winner].Position)
		for i, err := range errs {
			if i != winner {
				requireProcessed(t, err, stored)
			}
		}
	}
	require.Len(t, requireLog(t, f.Store, tenant), rounds*events)
}
