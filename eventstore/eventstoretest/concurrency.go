package eventstoretest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"tansu.cloud/eventstore"
)

var concurrencyTests = []test{
	{"many callers, several tenants", manyCallers},
	{"one stream, many callers with an exact version", exactRace},
	{"commits are reported in order", commitsInOrder},
}

var cancelTests = []test{
	{"before the call", cancelBefore},
	{"during concurrent appends", cancelDuring},
}

var secondStoreTests = []test{
	{"callers of both stores", manyCallers},
	{"callers of both stores with an exact version", exactRace},
	{"taking turns", takingTurns},
}

// ledger collects what concurrent callers were told.
type ledger struct {
	mu           sync.Mutex
	acknowledged map[uuid.UUID][]eventstore.Event
	failures     []error
}

func (l *ledger) add(tenant uuid.UUID, done eventstore.Appended, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		l.failures = append(l.failures, err)
		return
	}
	if l.acknowledged == nil {
		l.acknowledged = map[uuid.UUID][]eventstore.Event{}
	}
	l.acknowledged[tenant] = append(l.acknowledged[tenant], done.Events...)
}

func tenants(n int) []uuid.UUID {
	ids := make([]uuid.UUID, n)
	for i := range ids {
		ids[i] = uuid.New()
	}
	return ids
}

// manyCallers lets each caller write streams of its own with exact versions and
// shared streams with any version: nothing of that is a conflict.
func manyCallers(t *testing.T, f Fixture) {
	const callers, appends = 24, 25
	ids := tenants(4)
	var told ledger
	var wg sync.WaitGroup
	for c := range callers {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(c), 1))
			own := account(fmt.Sprintf("own-%d", c))
			versions := map[uuid.UUID]int64{}
			for i := range appends {
				tenant := ids[rng.IntN(len(ids))]
				shared := account(fmt.Sprintf("shared-%d", rng.IntN(3)))
				n := 1 + rng.IntN(3)
				a := appendOf(tenant, write(own, versions[tenant], n), write(shared, eventstore.AnyVersion, 1))
				if i%3 == 0 {
					a = keyed(a, fmt.Sprintf("%d-%d", c, i), "{}")
					a.Claims = []eventstore.Claim{take(a.Idempotency.Key, own)}
				}
				stores := f.both()
				done, err := stores[rng.IntN(len(stores))].Append(ctx, a)
				told.add(tenant, done, err)
				if err != nil {
					return
				}
				versions[tenant] += int64(n)
			}
		})
	}
	wg.Wait()
	require.Empty(t, told.failures)
	for _, tenant := range ids {
		log := requireLog(t, f.Store, tenant)
		require.Len(t, log, len(told.acknowledged[tenant]))
		requirePresent(t, log, told.acknowledged[tenant])
	}
}

// exactRace lets callers read a stream's version and append to exactly that:
// every refusal must be a true conflict, and every version is written by one.
func exactRace(t *testing.T, f Fixture) {
	const callers, each = 12, 10
	tenant, stream := uuid.New(), account("contended")
	var told ledger
	var wg sync.WaitGroup
	for c := range callers {
		wg.Go(func() {
			stores := f.both()
			store := stores[c%len(stores)]
			expected, written := int64(0), 0
			for written < each {
				done, err := store.Append(ctx, appendOf(tenant, write(stream, expected, 1)))
				var conflict *eventstore.VersionConflict
				switch {
				case errors.As(err, &conflict) && conflict.Actual > expected && conflict.Expected == expected:
					expected = conflict.Actual
				case err != nil:
					told.add(tenant, done, fmt.Errorf("expected version %d: %w", expected, err))
					return
				default:
					told.add(tenant, done, nil)
					expected++
					written++
				}
			}
		})
	}
	wg.Wait()
	require.Empty(t, told.failures)
	log := requireLog(t, f.Store, tenant)
	require.Len(t, log, callers*each)
	requirePresent(t, log, told.acknowledged[tenant])
}

// takingTurns: what one store has cached must not make it refuse, or accept,
// what the other one changed.
func takingTurns(t *testing.T, f Fixture) {
	if f.Second == nil {
		return
	}
	tenant, a := uuid.New(), account("a")
	stores := []eventstore.Store{f.Store, f.Second}
	for i := range 10 {
		mustAppend(t, stores[i%2], appendOf(tenant, write(a, int64(i), 1)))
	}
	for i, s := range append(stores, stores...) {
		_, err := s.Append(ctx, appendOf(tenant, write(a, 9, 1)))
		var conflict *eventstore.VersionConflict
		require.ErrorAs(t, err, &conflict, "turn %d", i)
		require.EqualValues(t, 10, conflict.Actual)
	}
	mustAppend(t, f.Store, claiming(tenant, a, take("x", a)))
	_, err := f.Second.Append(ctx, claiming(tenant, account("b"), take("x", account("b"))))
	var taken *eventstore.ClaimTaken
	require.ErrorAs(t, err, &taken)
	mustAppend(t, f.Second, claiming(tenant, a, release("x", a)))
	mustAppend(t, f.Store, claiming(tenant, account("b"), take("x", account("b"))))
	mustAppend(t, f.Second, appendOf(tenant, write(a, eventstore.AnyVersion, 1)))
	require.Equal(t, requireLog(t, f.Store, tenant), requireLog(t, f.Second, tenant))
}

func commitsInOrder(t *testing.T, f Fixture) {
	if f.Commits == nil {
		return
	}
	ids := tenants(3)
	var told ledger
	var wg sync.WaitGroup
	for c := range 12 {
		wg.Go(func() {
			for i := range 20 {
				tenant := ids[(c+i)%len(ids)]
				done, err := f.Store.Append(ctx, appendOf(tenant, write(account(fmt.Sprint(c)), eventstore.AnyVersion, 1+i%3)))
				told.add(tenant, done, err)
			}
		})
	}
	wg.Wait()
	require.Empty(t, told.failures)
	for _, tenant := range ids {
		log := requireLog(t, f.Store, tenant)
		require.Eventually(t, func() bool { return len(f.Commits.of(tenant)) >= len(log) }, time.Minute, time.Millisecond)
		requireSame(t, log, f.Commits.of(tenant))
	}
	require.False(t, f.Commits.mixedTenants(), "a report holds one tenant's events")
}

func cancelBefore(t *testing.T, f Fixture) {
	tenant, a := uuid.New(), account("a")
	ended, cancel := context.WithCancel(ctx)
	cancel()
	_, err := f.Store.Append(ended, keyed(claiming(tenant, a, take("x", a)), "k", ""))
	require.ErrorIs(t, err, context.Canceled)
	late, cancel := context.WithDeadline(ctx, time.Now().Add(-time.Second))
	defer cancel()
	_, err = f.Store.Append(late, appendOf(tenant, write(a, eventstore.NoStream, 1)))
	require.ErrorIs(t, err, context.DeadlineExceeded)
	_, err = f.Store.ReadLog(ended, tenant, eventstore.LogQuery{})
	require.ErrorIs(t, err, context.Canceled)
	_, err = f.Store.ReadStream(ended, tenant, a, eventstore.StreamQuery{})
	require.ErrorIs(t, err, context.Canceled)

	mustAppend(t, f.Store, appendOf(tenant, write(a, eventstore.NoStream, 1)))
	require.Len(t, requireLog(t, f.Store, tenant), 1)
	requireHolder(t, f.Store, tenant, "x", eventstore.Stream{})
	rec, err := f.Store.IdempotencyRecord(ctx, tenant, "k")
	require.NoError(t, err)
	require.Nil(t, rec)
}

// cancelDuring ends contexts at random moments. A caller that gave up repeats
// its append with the same key, so that each takes effect exactly once.
func cancelDuring(t *testing.T, f Fixture) {
	const callers, appends = 16, 25
	ids := tenants(2)
	var told ledger
	var wg sync.WaitGroup
	for c := range callers {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(c), 2))
			own := account(fmt.Sprintf("own-%d", c))
			tenant := ids[c%len(ids)]
			for i := range appends {
				a := keyed(appendOf(tenant, write(own, int64(i), 1)), fmt.Sprintf("%d-%d", c, i), "")
				short, cancel := context.WithTimeout(ctx, time.Duration(rng.Int64N(int64(3*time.Millisecond))))
				done, err := f.Store.Append(short, a)
				cancel()
				if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, eventstore.ErrOutcomeUnknown) {
					done, err = f.Store.Append(ctx, a)
				}
				var processed *eventstore.AlreadyProcessed
				if errors.As(err, &processed) {
					err = nil
				}
				told.add(tenant, done, err)
				if err != nil {
					return
				}
			}
		})
	}
	wg.Wait()
	require.Empty(t, told.failures)
	for _, tenant := range ids {
		log := requireLog(t, f.Store, tenant)
		require.Len(t, log, callers/len(ids)*appends)
		requirePresent(t, log, told.acknowledged[tenant])
	}
}
