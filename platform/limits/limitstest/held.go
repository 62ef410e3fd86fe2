package limitstest

import (
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"tansu.cloud/platform/limits"
)

func testHeld(t *testing.T, f Fixture) {
	key, other := newKey(), newKey()
	first, ok := f.Limits.Acquire(t.Context(), key, 2)
	require.True(t, ok)
	second, ok := f.far().Acquire(t.Context(), key, 2)
	require.True(t, ok)
	for _, engine := range []limits.Limits{f.Limits, f.far()} {
		_, ok = engine.Acquire(t.Context(), key, 2)
		require.False(t, ok)
	}
	third, ok := f.Limits.Acquire(t.Context(), other, 2)
	require.True(t, ok)
	for _, engine := range []limits.Limits{f.Limits, f.far()} {
		require.Equal(t, 2, engine.Held(t.Context(), key))
		require.Equal(t, 1, engine.Held(t.Context(), other))
		require.Zero(t, engine.Held(t.Context(), newKey()))
	}
	second()
	require.Eventually(t, func() bool { return f.Limits.Held(t.Context(), key) == 1 }, patience, tick)
	awaitAcquire(t, f.Limits, key, 2)()
	awaitAcquire(t, f.far(), key, 2)()
	first()
	third()
}

func testReleaseOnce(t *testing.T, f Fixture) {
	key := newKey()
	first, ok := f.Limits.Acquire(t.Context(), key, 2)
	require.True(t, ok)
	second, ok := f.Limits.Acquire(t.Context(), key, 2)
	require.True(t, ok)
	first()
	first()
	third := awaitAcquire(t, f.far(), key, 2)
	_, ok = f.far().Acquire(t.Context(), key, 2)
	require.False(t, ok)
	second()
	third()
}

func testHeldConcurrently(t *testing.T, f Fixture) {
	const limit, clients, rounds = 5, 20, 20
	key := newKey()
	var held, most, got atomic.Int64
	var group sync.WaitGroup
	for i := range clients {
		engine := f.Limits
		if i%2 == 1 {
			engine = f.far()
		}
		group.Go(func() {
			for range rounds {
				release, ok := engine.Acquire(t.Context(), key, limit)
				if !ok {
					continue
				}
				got.Add(1)
				now := held.Add(1)
				for seen := most.Load(); now > seen && !most.CompareAndSwap(seen, now); seen = most.Load() {
				}
				held.Add(-1)
				release()
			}
		})
	}
	group.Wait()
	require.LessOrEqual(t, most.Load(), int64(limit))
	require.GreaterOrEqual(t, got.Load(), int64(limit))
	// Nothing is counted that is not held any more.
	for range limit {
		t.Cleanup(awaitAcquire(t, f.far(), key, limit))
	}
	_, ok := f.Limits.Acquire(t.Context(), key, limit)
	require.False(t, ok)
}

// awaitAcquire gives what has been released the time to become known.
func awaitAcquire(t *testing.T, engine limits.Limits, key string, limit int) (release func()) {
	t.Helper()
	require.Eventually(t, func() (ok bool) {
		release, ok = engine.Acquire(t.Context(), key, limit)
		return ok
	}, patience, tick)
	return release
}
