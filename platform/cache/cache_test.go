package cache_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tansu.cloud/platform/cache"
	"tansu.cloud/platform/cache/cachetest"
)

func newLocal(t testing.TB, bytes int64) *cache.Local {
	local, err := cache.NewLocal(bytes)
	require.NoError(t, err)
	t.Cleanup(local.Close)
	return local
}

func TestLocal(t *testing.T) {
	t.Parallel()
	cachetest.Run(t, func(t *testing.T) cachetest.Fixture {
		return cachetest.Fixture{Cache: newLocal(t, 8<<20)}
	})
}

func TestTiered(t *testing.T) {
	t.Parallel()
	cachetest.Run(t, func(t *testing.T) cachetest.Fixture {
		far := newLocal(t, 8<<20)
		tiered := func() cache.Cache {
			return cache.Tiered{Near: newLocal(t, 1<<20), Far: far, TTL: 100 * time.Millisecond}
		}
		return cachetest.Fixture{Cache: tiered(), Second: tiered()}
	})
}

func TestTheNearCacheGetsWhatTheFarOneHas(t *testing.T) {
	t.Parallel()
	near, far := newLocal(t, 1<<20), newLocal(t, 1<<20)
	far.Set(t.Context(), "key", []byte("value"), time.Minute)
	value, found := cache.Tiered{Near: near, Far: far, TTL: time.Minute}.Get(t.Context(), "key")
	require.True(t, found)
	require.Equal(t, "value", string(value))
	value, found = near.Get(t.Context(), "key")
	require.True(t, found)
	require.Equal(t, "value", string(value))
}

func TestTheLocalCacheIsBounded(t *testing.T) {
	t.Parallel()
	_, err := cache.NewLocal(0)
	require.Error(t, err)
	const bound = 1 << 20
	local := newLocal(t, bound)
	for i := range 1000 {
		local.Set(t.Context(), fmt.Sprint(i), make([]byte, 10_000), time.Minute)
	}
	require.Eventually(t, func() bool { return local.Bytes() <= bound }, time.Minute, time.Millisecond)
	require.Greater(t, local.Bytes(), int64(bound/2))
}

func TestJitterShortens(t *testing.T) {
	t.Parallel()
	for range 1000 {
		ttl := cache.Jitter(time.Minute)
		require.LessOrEqual(t, ttl, time.Minute)
		require.GreaterOrEqual(t, ttl, 54*time.Second)
	}
}

func BenchmarkLocalGet(b *testing.B) {
	local := newLocal(b, 8<<20)
	local.Set(b.Context(), "key", []byte("value"), time.Hour)
	b.ReportAllocs()
	for b.Loop() {
		local.Get(b.Context(), "key")
	}
}
