package tenantdirectory_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"tansu.cloud/domain/tenant"
	"tansu.cloud/eventstore"
	"tansu.cloud/platform/postgrestest"
	"tansu.cloud/projections"
	"tansu.cloud/projections/readmodels/page"
	"tansu.cloud/projections/readmodels/tenantdirectory"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

var start = time.Date(2026, 2, 3, 4, 5, 6, 789000, time.UTC)

// directory has the tables where the views would be.
func directory(t *testing.T) (*pgxpool.Pool, *tenantdirectory.Directory) {
	t.Helper()
	pool := postgrestest.New(t)
	_, err := pool.Exec(t.Context(), tenantdirectory.New().DDL)
	require.NoError(t, err)
	return pool, tenantdirectory.NewDirectory(pool)
}

func apply(t *testing.T, pool *pgxpool.Pool, changes ...projections.Change) {
	t.Helper()
	require.NoError(t, tryApply(t, pool, changes...))
}

func tryApply(t *testing.T, pool *pgxpool.Pool, changes ...projections.Change) error {
	return pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error {
		return tenantdirectory.New().Apply(t.Context(), tx, changes)
	})
}

func change(id uuid.UUID, version int64, p tenant.Event) projections.Change {
	return projections.Change{
		Event:   eventstore.Event{Stream: eventstore.Stream{Type: tenant.StreamType, ID: id.String()}, Version: version},
		Payload: p,
	}
}

// Whatever way events fall into batches, a row is the state of its stream.
func TestRowsAreTheStatesOfTheStreams(t *testing.T) {
	t.Parallel()
	pool, dir := directory(t)
	states, versions := map[uuid.UUID]tenant.State{}, map[uuid.UUID]int64{}
	var batch []projections.Change
	happen := func(id uuid.UUID, e tenant.Event) {
		states[id] = tenant.Apply(states[id], e)
		versions[id]++
		batch = append(batch, change(id, versions[id], e))
		if rand.IntN(5) == 0 {
			apply(t, pool, batch...)
			batch = nil
		}
	}
	var ids []uuid.UUID
	for i := range 200 {
		at := start.Add(time.Duration(i) * time.Second)
		if len(ids) == 0 || rand.IntN(8) == 0 {
			id := uuid.New()
			ids = append(ids, id)
			happen(id, tenant.Created{ID: id.String(), Slug: fmt.Sprintf("slug-%d", i), Name: "N", At: at})
			if rand.IntN(2) == 0 {
				happen(id, tenant.ProvisioningStarted{TenantID: id.String(), Steps: []string{tenant.StepSpace, tenant.StepQuotas}, At: at})
			}
		}
		id := ids[rand.IntN(len(ids))]
		switch rand.IntN(9) {
		case 0:
			happen(id, tenant.Renamed{Name: fmt.Sprintf("Name %d", i), At: at})
		case 1:
			happen(id, tenant.SettingsChanged{Settings: map[string]any{"n": float64(i)}, At: at})
		case 2:
			happen(id, tenant.Suspended{Reason: "r", At: at})
		case 3:
			happen(id, tenant.Reactivated{Reason: "r", At: at})
		case 4:
			happen(id, tenant.Archived{Reason: "r", At: at})
		case 5:
			happen(id, tenant.QuotasChanged{Quotas: tenant.Quotas{tenant.QuotaMembers: int64(i)}, At: at})
		case 6:
			happen(id, tenant.ProvisioningStepDone{Step: tenant.StepSpace, At: at})
		case 7:
			happen(id, tenant.ProvisioningFailed{Step: tenant.StepSpace, Error: "boom", At: at})
		case 8:
			happen(id, tenant.ProvisioningResumed{Step: tenant.StepSpace, At: at})
		}
	}
	apply(t, pool, append(batch, change(ids[0], versions[ids[0]]+1, tenant.Renamed{Name: "last", At: start}))...)
	states[ids[0]] = tenant.Apply(states[ids[0]], tenant.Renamed{Name: "last", At: start})
	versions[ids[0]]++

	for _, id := range ids {
		row, err := dir.Get(t.Context(), id.String())
		require.NoError(t, err)
		want := states[id]
		require.Equal(t, want.Name, row.Name)
		require.Equal(t, string(want.Status), row.Status)
		require.Equal(t, want.CreatedAt, row.CreatedAt)
		require.Equal(t, want.UpdatedAt, row.UpdatedAt)
		require.Equal(t, versions[id], row.Version)
		settings := want.Settings
		if settings == nil {
			settings = map[string]any{}
		}
		encoded, err := json.Marshal(settings)
		require.NoError(t, err)
		require.JSONEq(t, string(encoded), string(row.Settings))
		bySlug, err := dir.Get(t.Context(), want.Slug)
		require.NoError(t, err)
		require.Equal(t, row, bySlug)
		details, err := dir.Details(t.Context(), id)
		require.NoError(t, err)
		require.Equal(t, want.Provisioning, details.Provisioning)
		require.Equal(t, want.Quotas.Of(tenant.QuotaMembers), details.Quotas.Of(tenant.QuotaMembers))
	}
}

// TestDetailsOfAnOlderReleasesRows: they come with the rebuild.
func TestDetailsOfAnOlderReleasesRows(t *testing.T) {
	t.Parallel()
	pool, dir := directory(t)
	_, err := pool.Exec(t.Context(), "DROP TABLE tenant_details")
	require.NoError(t, err)
	details, err := dir.Details(t.Context(), uuid.New())
	require.NoError(t, err)
	require.Zero(t, details)
}

func TestEventOfAnUnknownTenantIsAnError(t *testing.T) {
	t.Parallel()
	pool, _ := directory(t)
	err := tryApply(t, pool, change(uuid.New(), 2, tenant.Renamed{Name: "x", At: start}))
	require.ErrorContains(t, err, "rebuild the projection")
	bad := change(uuid.New(), 1, tenant.Renamed{Name: "x", At: start})
	bad.Event.Stream.ID = "no-uuid"
	require.Error(t, tryApply(t, pool, bad))
}

func TestListsInEveryOrderPageByPage(t *testing.T) {
	t.Parallel()
	pool, dir := directory(t)
	var all []tenantdirectory.Tenant
	var changes []projections.Change
	for i := range 23 {
		id := uuid.New()
		created := tenant.Created{
			ID: id.String(), Slug: fmt.Sprintf("s%02d", (i*7)%23), Name: string(rune('a' + i%4)), // names repeat
			At: start.Add(time.Duration(i/3) * time.Second), // so do times
		}
		changes = append(changes, change(id, 1, created))
		all = append(all, tenantdirectory.Tenant{ID: id, Slug: created.Slug, Name: created.Name, CreatedAt: created.At})
	}
	apply(t, pool, changes...)

	byID := func(a, b tenantdirectory.Tenant) int { return strings.Compare(a.ID.String(), b.ID.String()) }
	orders := map[string]func(a, b tenantdirectory.Tenant) int{
		"created_at": func(a, b tenantdirectory.Tenant) int { return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), byID(a, b)) },
		"name":       func(a, b tenantdirectory.Tenant) int { return cmp.Or(strings.Compare(a.Name, b.Name), byID(a, b)) },
		"slug":       func(a, b tenantdirectory.Tenant) int { return strings.Compare(a.Slug, b.Slug) },
	}
	for field, order := range orders {
		for _, sort := range []string{field, "-" + field} {
			want := slices.Clone(all)
			slices.SortFunc(want, order)
			if sort != field {
				slices.Reverse(want)
			}
			var got []uuid.UUID
			query := tenantdirectory.ListQuery{Sort: sort, Limit: 5}
			for more := true; more; {
				var page []tenantdirectory.Tenant
				var err error
				page, more, err = dir.List(t.Context(), query)
				require.NoError(t, err)
				require.LessOrEqual(t, len(page), 5)
				for _, row := range page {
					got = append(got, row.ID)
				}
				after := query.CursorOf(page[len(page)-1])
				query.After = &after
			}
			ids := make([]uuid.UUID, len(want))
			for i, w := range want {
				ids[i] = w.ID
			}
			require.Equal(t, ids, got, "sorted by %s", sort)
		}
	}
}

func TestFilters(t *testing.T) {
	t.Parallel()
	pool, dir := directory(t)
	ids := []uuid.UUID{uuid.New(), uuid.New(), uuid.New()}
	for i, name := range []string{`100% Wool_`, `1000 Wools`, `back\slash`} {
		apply(t, pool, change(ids[i], 1, tenant.Created{ID: ids[i].String(), Slug: fmt.Sprintf("s%d", i), Name: name, At: start}))
	}
	apply(t, pool, change(ids[1], 2, tenant.Suspended{Reason: "r", At: start}))
	for _, c := range []struct {
		filter tenantdirectory.Filter
		want   []int
	}{
		{tenantdirectory.Filter{}, []int{0, 1, 2}},
		{tenantdirectory.Filter{Status: "suspended"}, []int{1}},
		{tenantdirectory.Filter{Slug: "s2"}, []int{2}},
		{tenantdirectory.Filter{Slug: "s"}, nil},
		{tenantdirectory.Filter{Name: "wool"}, []int{0, 1}},
		{tenantdirectory.Filter{Name: "0%"}, []int{0}},
		{tenantdirectory.Filter{Name: "l_"}, []int{0}},
		{tenantdirectory.Filter{Name: `k\s`}, []int{2}},
		{tenantdirectory.Filter{Name: "wool", Status: "active"}, []int{0}},
	} {
		page, more, err := dir.List(t.Context(), tenantdirectory.ListQuery{Filter: c.filter, Sort: "slug"})
		require.NoError(t, err)
		require.False(t, more)
		var got []int
		for _, row := range page {
			got = append(got, slices.Index(ids, row.ID))
		}
		require.Equal(t, c.want, got, "%+v", c.filter)
		n, err := dir.Count(t.Context(), c.filter)
		require.NoError(t, err)
		require.Len(t, c.want, int(n))
	}
}

func TestHostileInput(t *testing.T) {
	t.Parallel()
	_, dir := directory(t)
	for _, s := range []string{"", "nobody", "a\x00b", "\xff\xfe", uuid.NewString(), strings.Repeat("x", 10_000), "' OR 1=1 --"} {
		_, err := dir.Get(t.Context(), s)
		require.ErrorIs(t, err, tenantdirectory.ErrNotFound)
	}
	for _, q := range []tenantdirectory.ListQuery{
		{Sort: "id"}, {Sort: "--name"}, {Filter: tenantdirectory.Filter{Name: "\x00"}}, {Filter: tenantdirectory.Filter{Slug: "\xff"}},
		{After: &tenantdirectory.Cursor{Value: "yesterday"}}, {Sort: "slug", After: &tenantdirectory.Cursor{Value: "\x00"}},
	} {
		_, _, err := dir.List(t.Context(), q)
		require.ErrorIs(t, err, page.ErrBadQuery, "%+v", q)
	}
}
