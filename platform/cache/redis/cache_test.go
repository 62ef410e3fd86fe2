package redis_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
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
	const each, budget = 900, 4 * 1000
	c := open(t, redistest.URL(t), uuid.NewString(), "v1", budget)
	require.Eventually(t, func() bool { return c.Healthy() == nil }, 20*time.Second, time.Millisecond)
	value := make([]byte, each)
	began := time.Now()
	for key := range 40 {
		c.Set(t.Context(), fmt.Sprint(key), value, time.Hour)
	}
	most := int((budget + budget*time.Since(began).Minutes()) / each)
	cachetest.Keep(t, c, "small", []byte("value"), time.Hour) // which is written after them
	// Redis is not asked for a second after a slow answer; that shows fewer, never more.
	require.Eventually(t, func() bool {
		found := 0
		for key := range 40 {
			if _, ok := c.Get(t.Context(), fmt.Sprint(key)); ok {
				found++
			}
		}
		assert.LessOrEqual(t, found, most)
		return found > 0
	}, 20*time.Second, time.Millisecond)
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
	const requests = 10_000
	for range requests {
		_, found := c.Get(t.Context(), key)
		require.False(t, found)
		c.Set(t.Context(), uuid.NewString(), []byte("value"), time.Hour)
	}
	require.Less(t, time.Since(began), requests*5*time.Millisecond/2, "not each waits its 5 ms")
	require.NoError(t, server.Thaw())
	cachetest.Await(t, c, key, []byte("value"))
}
