package bounds_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tansu.cloud/api/bounds"
	"tansu.cloud/domain/tenant"
	"tansu.cloud/eventstore"
	"tansu.cloud/platform/stopwatchtest"
	"tansu.cloud/projections/readmodels/access"
	"tansu.cloud/projections/readmodels/tenantdirectory"
)

const patience = time.Minute

// directory is the read model of tenants.
type directory struct {
	mu     sync.Mutex
	quotas map[uuid.UUID]tenant.Quotas
	pages  map[uuid.UUID][]string
	asked  int
	broken error

	looking chan struct{} // if set, it says here that it is asked
	gate    chan struct{} // and waits for this
}

func (d *directory) Details(ctx context.Context, id uuid.UUID) (tenantdirectory.Details, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.asked++
	if d.gate != nil {
		d.looking <- struct{}{}
		<-d.gate
	}
	return tenantdirectory.Details{Quotas: d.quotas[id]}, errors.Join(d.broken, ctx.Err())
}

func (d *directory) Origins(_ context.Context, id uuid.UUID) (found access.Origins, err error) {
	d.do(func() { d.asked++; found.Names = d.pages[id] })
	return found, nil
}

func (d *directory) OriginNamed(_ context.Context, origin string) (named bool, err error) {
	d.do(func() {
		d.asked++
		for _, names := range d.pages {
			named = named || slices.Contains(names, origin)
		}
	})
	return named, nil
}

func (d *directory) do(act func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	act()
}

func table(t *testing.T, d *directory) *bounds.Table {
	t.Helper()
	known, err := bounds.NewTable([]string{"https://console.example.com"}, d, d)
	require.NoError(t, err)
	t.Cleanup(known.Close)
	return known
}

func TestAChangeIsSeenWithinASecond(t *testing.T) {
	t.Parallel()
	acme, other := uuid.New(), uuid.New()
	d := &directory{quotas: map[uuid.UUID]tenant.Quotas{acme: {tenant.QuotaSockets: 3}}}
	known := table(t, d)
	is := func(id uuid.UUID, want int) bool {
		most, bounded, err := known.Quota(t.Context(), id, tenant.QuotaSockets)
		require.NoError(t, err)
		require.True(t, bounded)
		return most == want
	}
	require.True(t, is(acme, 3))
	require.True(t, is(other, int(tenant.Quotas(nil).Of(tenant.QuotaSockets))), "the default")
	d.do(func() { d.quotas[acme] = tenant.Quotas{tenant.QuotaSockets: 5} })
	began := stopwatchtest.Start(t)
	require.Eventually(t, func() bool { return is(acme, 5) }, patience, time.Millisecond)
	began.Within(time.Second)
}

func TestManyRequestsCostOneQuery(t *testing.T) {
	t.Parallel()
	d := &directory{looking: make(chan struct{}, 100), gate: make(chan struct{})}
	known, id := table(t, d), uuid.New()
	gone, leave := context.WithCancel(t.Context())
	var all sync.WaitGroup
	all.Go(func() { _, _, _ = known.Quota(gone, id, tenant.QuotaRequests) })
	<-d.looking
	leave() // who goes takes the answer from nobody
	for range 50 {
		all.Go(func() {
			_, _, err := known.Quota(t.Context(), id, tenant.QuotaRequests)
			require.NoError(t, err)
		})
	}
	close(d.gate)
	all.Wait()
	d.do(func() { require.Less(t, d.asked, 10, "one, and one more for each half a second that passed meanwhile") })
}

func TestTheSystemTenantIsNotBounded(t *testing.T) {
	t.Parallel()
	d := &directory{quotas: map[uuid.UUID]tenant.Quotas{eventstore.SystemTenant: {tenant.QuotaRequests: 0}}}
	_, bounded, err := table(t, d).Quota(t.Context(), eventstore.SystemTenant, tenant.QuotaRequests)
	require.NoError(t, err)
	require.False(t, bounded)
	require.Zero(t, d.asked)
}

func TestWhatCannotBeToldIsAskedAgain(t *testing.T) {
	t.Parallel()
	d := &directory{broken: errors.New("no database")}
	known, id := table(t, d), uuid.New()
	_, _, err := known.Quota(t.Context(), id, tenant.QuotaRequests)
	require.ErrorIs(t, err, d.broken)
	d.do(func() { d.broken = nil })
	_, _, err = known.Quota(t.Context(), id, tenant.QuotaRequests)
	require.NoError(t, err)
}
