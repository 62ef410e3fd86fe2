package limitstest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tansu.cloud/platform/limits"
)

func testBurst(t *testing.T, f Fixture) {
	key := newKey()
	for i := range 6 {
		engine := f.Limits
		if i%2 == 1 {
			engine = f.far()
		}
		d := engine.Allow(t.Context(), key, slow(6), 1)
		require.True(t, d.OK, "token %d", i)
		require.Zero(t, d.RetryAfter)
	}
	for _, engine := range []limits.Limits{f.Limits, f.far()} {
		d := engine.Allow(t.Context(), key, slow(6), 1)
		require.False(t, d.OK)
		require.InDelta(t, time.Hour, d.RetryAfter, float64(time.Minute))
	}
}

// testRemaining: whoever asks is told how much is left and when all is back.
func testRemaining(t *testing.T, f Fixture) {
	key := newKey()
	for left := 5; left >= 0; left-- {
		d := f.Limits.Allow(t.Context(), key, slow(6), 1)
		require.Equal(t, left, d.Remaining)
		require.InDelta(t, time.Duration(6-left)*time.Hour, d.Reset, float64(time.Minute))
	}
	d := f.Limits.Allow(t.Context(), key, slow(6), 1)
	require.Zero(t, d.Remaining)
	require.InDelta(t, 6*time.Hour, d.Reset, float64(time.Minute))

	// Of what another process takes it is known when this one asks again.
	shared := newKey()
	require.True(t, allowed(t, f.far(), shared, slow(10), 4))
	require.Equal(t, 5, f.Limits.Allow(t.Context(), shared, slow(10), 1).Remaining)
}

func testRefusedTakesNothing(t *testing.T, f Fixture) {
	key := newKey()
	require.True(t, allowed(t, f.Limits, key, slow(5), 3))
	require.False(t, allowed(t, f.Limits, key, slow(5), 3))
	require.True(t, allowed(t, f.Limits, key, slow(5), 2))
	require.False(t, allowed(t, f.Limits, key, slow(5), 1))
}

func testMoreThanBurst(t *testing.T, f Fixture) {
	key := newKey()
	d := f.Limits.Allow(t.Context(), key, slow(5), 6)
	require.False(t, d.OK)
	require.Positive(t, d.RetryAfter)
	require.Equal(t, 5, d.Remaining)
	require.True(t, allowed(t, f.Limits, key, slow(5), 5))
}

func testRefill(t *testing.T, f Fixture) {
	key, rate := newKey(), limits.Rate{Tokens: 10, Per: time.Second, Burst: 2}
	began := time.Now()
	require.True(t, allowed(t, f.Limits, key, rate, 2))
	require.Eventually(t, func() bool {
		d := f.Limits.Allow(t.Context(), key, rate, 2)
		assert.Equal(t, d.OK, d.RetryAfter == 0)
		assert.LessOrEqual(t, d.RetryAfter, 250*time.Millisecond, "two tokens take 200 ms")
		return d.OK
	}, patience, tick)
	require.GreaterOrEqual(t, time.Since(began), 190*time.Millisecond, "not before")
}

// testPressure asks far more often than is allowed, for a while.
func testPressure(t *testing.T, f Fixture) {
	rate := limits.Rate{Tokens: 500, Per: time.Second, Burst: 250}
	p := Press(t, rate, time.Second, f.Limits, f.far())
	require.LessOrEqual(t, float64(p.Passed), p.Most*1.1)
	require.GreaterOrEqual(t, float64(p.Passed), p.Least*0.8)
}

func testChangedRate(t *testing.T, f Fixture) {
	key := newKey()
	require.True(t, allowed(t, f.Limits, key, slow(2), 2))
	require.False(t, allowed(t, f.Limits, key, slow(2), 1))
	fast := limits.Rate{Tokens: 1000, Per: time.Second, Burst: 10}
	require.Eventually(t, func() bool { return allowed(t, f.Limits, key, fast, 5) }, patience, tick)
}

func testKeys(t *testing.T, f Fixture) {
	one, other := newKey(), newKey()
	require.True(t, allowed(t, f.Limits, one, slow(1), 1))
	require.False(t, allowed(t, f.Limits, one, slow(1), 1))
	require.True(t, allowed(t, f.Limits, other, slow(1), 1))
}

func allowed(t *testing.T, engine limits.Limits, key string, rate limits.Rate, n int) bool {
	return engine.Allow(t.Context(), key, rate, n).OK
}
