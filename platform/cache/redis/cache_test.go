package redis_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tansu.cloud/platform/cache/cachetest"
	cacheredis "tansu.cloud/platform/cache/redis"
	"tansu.cloud/platform/redis"
	"tansu.cloud/platform/redistest"
)

func TestMain(m *testing.M) { redistest.Main(m) }

const unbounded = 64 << 20 // bytes a minute

func open(t testing.TB, url, prefix, space string, bytesPerMinute int64) *cacheredis.Cache {
	t.Helper()
	c, _, _ := redistest.Node(t, redis.Config{URL: url, Prefix: prefix, Beat: 200 * time.Millisecond}, func(link *redis.Link) *cacheredis.Cache {
		return cacheredis.New(link, space, bytesPerMinute)
	})
	return c
}

func TestCache(t *testing.T) {
	t.Parallel()
	url, prefix := redistest.URL(t), uuid.NewString()
	cachetest.Run(t, func(t *testing.T) cachetest.Fixture {
		return cachetest.Fixture{Cache: open(t, url, prefix, "v1", unbounded), Second: open(t, url, prefix, "v1", unbounded)}
	})
}

func TestSpacesAreApart(t *testing.T) {
	t.Parallel()
	url, prefix, key := redistest.URL(t), uuid.NewString(), uuid.NewString()
	old, next := open(t, url, prefix, "v1", unbounded), open(t, url, prefix, "v2", unbounded)
	cachetest.Keep(t, old, key, []byte("old"), time.Minute)
	_, found := next.Get(t.Context(), key)
	require.False(t, found)
	cachetest.Keep(t, next, key, []byte("next"), time.Minute)
	cachetest.Await(t, old, key, []byte("old"))
}

// What does not fit into the budget is not kept, and what is kept stays.
func TestWritingIsBounded(t *testing.T) {
	t.Parallel()
	c := open(t, redistest.URL(t), uuid.NewString(), "v1", 2000)
	require.Eventually(t, func() bool { return c.Healthy() == nil }, 20*time.Second, time.Millisecond)
	value := make([]byte, 900)
	for _, key := range []string{"one", "two"} {
		c.Set(t.Context(), key, value, time.Hour)
		cachetest.Await(t, c, key, value)
	}
	c.Set(t.Context(), "three", value, time.Hour)
	c.Set(t.Context(), "small", []byte("value"), time.Hour) // which is written after it
	cachetest.Await(t, c, "small", []byte("value"))
	_, found := c.Get(t.Context(), "three")
	require.False(t, found)
	cachetest.Await(t, c, "one", value)
	cachetest.Await(t, c, "two", value)
}

func TestWithoutRedisTheCacheIsEmpty(t *testing.T) {
	t.Parallel()
	c := open(t, "redis://127.0.0.1:1", "tansu", "v1", unbounded)
	require.ErrorIs(t, c.Healthy(), redis.ErrAway)
	c.Set(t.Context(), "key", []byte("value"), time.Minute)
	_, found := c.Get(t.Context(), "key")
	require.False(t, found)
}

// A Redis that hangs costs one request some milliseconds and the others nothing;
// when it is back, what it kept is there.
func TestASlowRedisHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	server := redistest.Private(t)
	c := open(t, server.URL(), "tansu", "v1", unbounded)
	key := uuid.NewString()
	require.Eventually(t, func() bool { return c.Healthy() == nil }, 20*time.Second, time.Millisecond)
	cachetest.Keep(t, c, key, []byte("value"), time.Hour)
	require.NoError(t, server.Freeze())
	began := time.Now()
	for range 1000 {
		_, found := c.Get(t.Context(), key)
		require.False(t, found)
		c.Set(t.Context(), uuid.NewString(), []byte("value"), time.Hour)
	}
	require.Less(t, time.Since(began), time.Second)
	require.NoError(t, server.Thaw())
	cachetest.Await(t, c, key, []byte("value"))
}
