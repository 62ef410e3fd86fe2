package access_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tansu.cloud/domain/space"
	"tansu.cloud/projections/readmodels/access"
)

func TestOriginsAreTheStatesOfTheSpaces(t *testing.T) {
	t.Parallel()
	pool, dir := directory(t)
	all := []string{"https://a.example.com", "https://b.example.com", "https://c.example.com", "https://d.example.com"}
	named := map[string]bool{}
	for i := range 3 {
		b, state := newBatches(t, pool), space.State{}
		happen := func(e space.Event) {
			state = space.Apply(state, e)
			b.happen(space.StreamType, space.StreamID, e)
		}
		if i > 0 { // a tenant may name origins before its space is opened
			happen(space.Opened{TenantID: b.tenant.String(), At: start})
		}
		for range 30 {
			happen(space.OriginsChanged{Origins: slices.DeleteFunc(slices.Clone(all[:3]), func(string) bool { return rand.IntN(2) == 0 }), At: start})
		}
		b.flush()
		for _, origin := range state.Origins {
			named[origin] = true
		}
		found, err := dir.Origins(t.Context(), b.tenant)
		require.NoError(t, err)
		require.Equal(t, access.Origins{Names: state.Origins, Version: b.version(space.StreamType, space.StreamID)}, found)
	}
	for _, origin := range all {
		is, err := dir.OriginNamed(t.Context(), origin)
		require.NoError(t, err)
		require.Equal(t, named[origin], is, origin)
	}
	none, err := dir.Origins(t.Context(), uuid.New())
	require.NoError(t, err)
	require.Zero(t, none)
}

// TestOriginsOfAnOlderReleasesRows: they come with the rebuild.
func TestOriginsOfAnOlderReleasesRows(t *testing.T) {
	t.Parallel()
	pool, dir := directory(t)
	_, err := pool.Exec(t.Context(), "DROP TABLE tenant_origins, origin_tenants")
	require.NoError(t, err)
	none, err := dir.Origins(t.Context(), uuid.New())
	require.NoError(t, err)
	require.Zero(t, none)
	named, err := dir.OriginNamed(t.Context(), "https://a.example.com")
	require.NoError(t, err)
	require.False(t, named)
}
