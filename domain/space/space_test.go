package space_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"tansu.cloud/domain/space"
)

func TestASpaceIsOpenedOnce(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	events, err := space.Decide(space.State{}, space.Open{TenantID: "t", At: at})
	require.NoError(t, err)
	require.Len(t, events, 1)
	s := space.Apply(space.State{}, events[0])
	require.Equal(t, "tenants/t/", s.StoragePrefix)
	require.Equal(t, at, s.OpenedAt)
	require.NotZero(t, s.Vectors)
	require.NotZero(t, s.Collections)

	events, err = space.Decide(s, space.Open{TenantID: "t", At: at.Add(time.Hour)})
	require.NoError(t, err)
	require.Empty(t, events)

	_, err = space.Decide(space.State{}, space.Open{At: at})
	require.ErrorContains(t, err, "space.tenant_invalid")
}
