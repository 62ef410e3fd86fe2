package redistest

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"tansu.cloud/platform/redis"
)

type engine interface {
	Start(context.Context) error
	Stop(context.Context) error
}

// Node runs an engine on a link of its own, as a process does, to the end of the
// test. kill ends it without a farewell.
func Node[E engine](t testing.TB, config redis.Config, open func(*redis.Link) E) (e E, link *redis.Link, kill func()) {
	t.Helper()
	link, err := redis.Open(config)
	require.NoError(t, err)
	e = open(link)
	ctx, kill := context.WithCancel(context.Background())
	require.NoError(t, link.Start(ctx))
	require.NoError(t, e.Start(ctx))
	t.Cleanup(func() {
		defer kill()
		require.NoError(t, e.Stop(context.Background()))
		require.NoError(t, link.Stop(context.Background()))
	})
	return e, link, kill
}
