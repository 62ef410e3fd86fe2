package presence_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tansu.cloud/platform/presence"
	"tansu.cloud/platform/presence/presencetest"
)

func TestLocal(t *testing.T) {
	t.Parallel()
	presencetest.Run(t, func(*testing.T) presencetest.Fixture {
		return presencetest.Fixture{Channels: presence.NewLocal()}
	})
}

func TestOccupiedListsChannelsWithMembers(t *testing.T) {
	t.Parallel()
	local := presence.NewLocal()
	joined := presence.Channel{Tenant: uuid.New(), Name: "joined"}
	heard := presence.Channel{Tenant: joined.Tenant, Name: "heard"}
	stop := local.Listen(heard, func(presence.Message) {})
	require.NoError(t, local.Join(t.Context(), joined, presence.Member{ID: "a"}))
	require.Equal(t, []presence.Channel{joined}, local.Occupied())
	require.NoError(t, local.Leave(t.Context(), joined, "a"))
	require.Empty(t, local.Occupied())
	stop()
}

func BenchmarkBroadcast(b *testing.B) {
	local := presence.NewLocal()
	c := presence.Channel{Tenant: uuid.New(), Name: "channel"}
	for range 100 {
		b.Cleanup(local.Listen(c, func(presence.Message) {}))
	}
	for b.Loop() {
		require.NoError(b, local.Broadcast(b.Context(), c, presence.Member{ID: "a"}, []byte(`1`)))
	}
}
