package redistest_test

import (
	"context"
	"testing"
	"time"

	"github.com/redis/rueidis"
	"github.com/stretchr/testify/require"

	"tansu.cloud/platform/redistest"
)

func TestMain(m *testing.M) { redistest.Main(m) }

func connect(t *testing.T, url string) rueidis.Client {
	t.Helper()
	option, err := rueidis.ParseURL(url)
	require.NoError(t, err)
	option.DisableRetry = true
	client, err := rueidis.NewClient(option)
	require.NoError(t, err)
	t.Cleanup(client.Close)
	return client
}

func count(t *testing.T, client rueidis.Client) int64 {
	t.Helper()
	n, err := client.Do(t.Context(), client.B().Incr().Key("n").Build()).AsInt64()
	require.NoError(t, err)
	return n
}

func TestEachTestHasADatabaseOfItsOwn(t *testing.T) {
	t.Parallel()
	for range 3 {
		t.Run("", func(t *testing.T) {
			t.Parallel()
			require.Equal(t, int64(1), count(t, connect(t, redistest.URL(t))))
		})
	}
}

func TestAServerOfTheTestsOwnCanBeStoppedKilledAndFrozen(t *testing.T) {
	t.Parallel()
	s := redistest.Private(t)
	url := s.URL()
	for _, end := range []func() error{s.Stop, s.Kill} {
		client := connect(t, url)
		require.Equal(t, int64(1), count(t, client))
		require.NoError(t, end())
		require.Error(t, client.Do(t.Context(), client.B().Ping().Build()).Error())
		require.NoError(t, s.Start(t.Context()))
		require.Equal(t, url, s.URL())
	}
	client := connect(t, url)
	require.Equal(t, int64(1), count(t, client), "keeps nothing")
	require.NoError(t, s.Freeze())
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, client.Do(ctx, client.B().Ping().Build()).Error(), context.DeadlineExceeded)
	require.NoError(t, s.Thaw())
	require.Equal(t, int64(2), count(t, client))
}
