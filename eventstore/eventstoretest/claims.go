package eventstoretest

import (
	"fmt"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"tansu.cloud/eventstore"
)

var claimTests = []test{
	{"take and release", claimTakeRelease},
	{"taken by another stream", claimTaken},
	{"release of what is not held", claimNotHeld},
	{"move to another value and to another stream", claimMove},
	{"two takers in one append", claimTwiceInOneAppend},
	{"scopes and tenants are independent", claimScopes},
	{"many callers race for one value", claimRace},
}

func take(value string, s eventstore.Stream) eventstore.Claim {
	return eventstore.Claim{Op: eventstore.TakeClaim, Scope: "name", Value: value, Stream: s}
}

func release(value string, s eventstore.Stream) eventstore.Claim {
	return eventstore.Claim{Op: eventstore.ReleaseClaim, Scope: "name", Value: value, Stream: s}
}

func claiming(tenant uuid.UUID, s eventstore.Stream, claims ...eventstore.Claim) eventstore.Append {
	a := appendOf(tenant, write(s, eventstore.AnyVersion, 1))
	a.Claims = claims
	return a
}

// requireHolder checks who holds a value; the zero Stream means nobody.
func requireHolder(t T, s eventstore.Reader, tenant uuid.UUID, value string, want eventstore.Stream) {
	t.Helper()
	holder, held, err := s.ClaimHolder(ctx, tenant, "name", value)
	require.NoError(t, err)
	require.Equal(t, want, holder, "holder of %s", value)
	require.Equal(t, want != eventstore.Stream{}, held)
}

func claimTakeRelease(t *testing.T, f Fixture) {
	tenant, a, b := uuid.New(), account("a"), account("b")
	requireHolder(t, f.Store, tenant, "x", eventstore.Stream{})
	mustAppend(t, f.Store, claiming(tenant, a, take("x", a), take("y", a)))
	requireHolder(t, f.Store, tenant, "x", a)
	requireHolder(t, f.Store, tenant, "y", a)
	mustAppend(t, f.Store, claiming(tenant, a, take("x", a)))
	requireHolder(t, f.Store, tenant, "x", a)
	mustAppend(t, f.Store, claiming(tenant, a, release("x", a)))
	requireHolder(t, f.Store, tenant, "x", eventstore.Stream{})
	mustAppend(t, f.Store, claiming(tenant, b, take("x", b)))
	requireHolder(t, f.Store, tenant, "x", b)
	requireHolder(t, f.Store, tenant, "y", a)
}

func claimTaken(t *testing.T, f Fixture) {
	tenant, a, b := uuid.New(), account("a"), account("b")
	mustAppend(t, f.Store, claiming(tenant, a, take("x", a)))
	_, err := f.Store.Append(ctx, claiming(tenant, b, take("free", b), take("x", b)))
	var taken *eventstore.ClaimTaken
	require.ErrorAs(t, err, &taken)
	require.Equal(t, &eventstore.ClaimTaken{Scope: "name", Value: "x", Holder: a}, taken)
	requireVersion(t, f.Store, tenant, b, 0)
	requireHolder(t, f.Store, tenant, "free", eventstore.Stream{})
	requireHolder(t, f.Store, tenant, "x", a)
	require.Len(t, requireLog(t, f.Store, tenant), 1)
}

func claimNotHeld(t *testing.T, f Fixture) {
	tenant, a, b := uuid.New(), account("a"), account("b")
	mustAppend(t, f.Store, claiming(tenant, a, take("x", a)))
	for _, value := range []string{"x", "never taken"} {
		_, err := f.Store.Append(ctx, claiming(tenant, b, take("free", b), release(value, b)))
		var notHeld *eventstore.ClaimNotHeld
		require.ErrorAs(t, err, &notHeld)
		require.Equal(t, &eventstore.ClaimNotHeld{Scope: "name", Value: value, Stream: b}, notHeld)
	}
	requireVersion(t, f.Store, tenant, b, 0)
	requireHolder(t, f.Store, tenant, "x", a)
	requireHolder(t, f.Store, tenant, "free", eventstore.Stream{})
}

func claimMove(t *testing.T, f Fixture) {
	tenant, a, b := uuid.New(), account("a"), account("b")
	mustAppend(t, f.Store, claiming(tenant, a, take("old", a)))
	mustAppend(t, f.Store, claiming(tenant, a, take("new", a), release("old", a)))
	requireHolder(t, f.Store, tenant, "old", eventstore.Stream{})
	requireHolder(t, f.Store, tenant, "new", a)

	handover := appendOf(tenant, write(a, eventstore.AnyVersion, 1), write(b, eventstore.NoStream, 1))
	handover.Claims = []eventstore.Claim{take("new", b), release("new", a)}
	mustAppend(t, f.Store, handover)
	requireHolder(t, f.Store, tenant, "new", b)

	_, err := f.Store.Append(ctx, claiming(tenant, a, release("new", a), take("old", a)))
	var notHeld *eventstore.ClaimNotHeld
	require.ErrorAs(t, err, &notHeld)
	requireHolder(t, f.Store, tenant, "old", eventstore.Stream{})

	mustAppend(t, f.Store, claiming(tenant, b, release("new", b), take("new", b)))
	requireHolder(t, f.Store, tenant, "new", b)
}

func claimTwiceInOneAppend(t *testing.T, f Fixture) {
	tenant, a, b := uuid.New(), account("a"), account("b")
	both := appendOf(tenant, write(a, eventstore.NoStream, 1), write(b, eventstore.NoStream, 1))
	both.Claims = []eventstore.Claim{take("x", a), take("x", b)}
	_, err := f.Store.Append(ctx, both)
	var taken *eventstore.ClaimTaken
	require.ErrorAs(t, err, &taken)
	require.Equal(t, a, taken.Holder)
	requireEmpty(t, f.Store, tenant)
	requireHolder(t, f.Store, tenant, "x", eventstore.Stream{})

	mustAppend(t, f.Store, claiming(tenant, a, take("x", a), take("x", a)))
	_, err = f.Store.Append(ctx, claiming(tenant, a, release("x", a), release("x", a)))
	var notHeld *eventstore.ClaimNotHeld
	require.ErrorAs(t, err, &notHeld)
	requireHolder(t, f.Store, tenant, "x", a)
}

func claimScopes(t *testing.T, f Fixture) {
	one, two, a, b := uuid.New(), uuid.New(), account("a"), account("b")
	mustAppend(t, f.Store, claiming(one, a, take("x", a)))
	mustAppend(t, f.Store, claiming(two, b, take("x", b)))
	other := take("x", b)
	other.Scope = "other"
	mustAppend(t, f.Store, claiming(one, b, other))
	requireHolder(t, f.Store, one, "x", a)
	requireHolder(t, f.Store, two, "x", b)
}

func claimRace(t *testing.T, f Fixture) {
	const rounds, callers = 5, 16
	tenant := uuid.New()
	for round := range rounds {
		value := fmt.Sprintf("value-%d", round)
		errs := make([]error, callers)
		stream := func(i int) eventstore.Stream { return account(fmt.Sprintf("%s-%d", value, i)) }
		var wg sync.WaitGroup
		for i := range callers {
			wg.Go(func() {
				stores := f.both()
				_, errs[i] = stores[i%len(stores)].Append(ctx, claiming(tenant, stream(i), take(value, stream(i))))
			})
		}
		wg.Wait()

		holder, held, err := f.Store.ClaimHolder(ctx, tenant, "name", value)
		require.NoError(t, err)
		require.True(t, held)
		winners := 0
		for i, err := range errs {
			if err == nil {
				winners++
				require.Equal(t, stream(i), holder)
				requireVersion(t, f.Store, tenant, stream(i), 1)
				continue
			}
			var taken *eventstore.ClaimTaken
			require.ErrorAs(t, err, &taken)
			require.Equal(t, holder, taken.Holder)
			requireVersion(t, f.Store, tenant, stream(i), 0)
		}
		require.Equal(t, 1, winners)
	}
	require.Len(t, requireLog(t, f.Store, tenant), rounds)
}
