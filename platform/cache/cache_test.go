package cache_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

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
		shared := newLocal(t, 8<<20)
		tiered := func() cache.Cache {
			tier, _ := newTiered(t, newLocal(t, 1<<20), shared, 100*time.Millisecond)
			return tier
		}
		return cachetest.Fixture{Cache: tiered(), Second: tiered()}
	})
}

func TestWithoutASharedCache(t *testing.T) {
	t.Parallel()
	cachetest.Run(t, func(t *testing.T) cachetest.Fixture {
		tier, _ := newTiered(t, newLocal(t, 1<<20), nil, time.Minute)
		return cachetest.Fixture{Cache: tier}
	})
}

func newTiered(t *testing.T, local *cache.Local, shared cache.Cache, ttl time.Duration) (*cache.Tiered, *sdkmetric.ManualReader) {
	reader := sdkmetric.NewManualReader()
	tier, err := cache.NewTiered(local, shared, ttl, sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, tier.Stop(context.Background())) })
	return tier, reader
}

// counted reads what was counted, by metric and level.
func counted(t *testing.T, reader *sdkmetric.ManualReader) map[string]int64 {
	t.Helper()
	var all metricdata.ResourceMetrics
	require.NoError(t, reader.Collect(t.Context(), &all))
	found := map[string]int64{}
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			switch data := m.Data.(type) {
			case metricdata.Sum[int64]:
				for _, p := range data.DataPoints {
					level, _ := p.Attributes.Value("tansu.cache.level")
					found[m.Name+" "+level.AsString()] = p.Value
				}
			case metricdata.Gauge[int64]:
				found[m.Name] = data.DataPoints[0].Value
			}
		}
	}
	return found
}

func TestHitsAreCountedByLevel(t *testing.T) {
	t.Parallel()
	local, shared := newLocal(t, 1<<20), newLocal(t, 1<<20)
	tier, reader := newTiered(t, local, shared, time.Minute)
	shared.Set(t.Context(), "key", []byte("value"), time.Minute)
	for range 3 {
		value, found := tier.Get(t.Context(), "key")
		require.True(t, found)
		require.Equal(t, "value", string(value))
	}
	_, found := tier.Get(t.Context(), "other")
	require.False(t, found)
	require.Eventually(t, func() bool { return counted(t, reader)["tansu.cache.bytes"] > 0 }, time.Minute, time.Millisecond, "it is counted in the background")
	counts := counted(t, reader)
	delete(counts, "tansu.cache.bytes")
	require.Equal(t, map[string]int64{"tansu.cache.hits local": 2, "tansu.cache.hits shared": 1, "tansu.cache.misses ": 1}, counts)
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
