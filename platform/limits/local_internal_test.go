package limits

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// clock stands still until it is moved.
type clock struct{ at time.Time }

func newClock() *clock                   { return &clock{time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)} }
func (c *clock) now() time.Time          { return c.at }
func (c *clock) advance(d time.Duration) { c.at = c.at.Add(d) }

func TestTheRateIsExact(t *testing.T) {
	t.Parallel()
	clock := newClock()
	local := newLocal(MaxKeys, clock.now)
	rate := Rate{Tokens: 600, Per: time.Minute, Burst: 10}
	passed := 0
	for range 60_000 {
		if local.Allow(t.Context(), "key", rate, 1).OK {
			passed++
		}
		clock.advance(time.Millisecond)
	}
	require.InDelta(t, 610, passed, 1)
}

func TestRetryAfterIsWhenItWillBeAllowed(t *testing.T) {
	t.Parallel()
	clock := newClock()
	local := newLocal(MaxKeys, clock.now)
	rate := Rate{Tokens: 7, Per: time.Second, Burst: 5}
	for i := range 100 {
		n := 1 + i%5
		d := local.Allow(t.Context(), "key", rate, n)
		if d.OK {
			continue
		}
		clock.advance(d.RetryAfter - time.Millisecond)
		require.False(t, local.Allow(t.Context(), "key", rate, n).OK, "%d too early", n)
		clock.advance(time.Millisecond + time.Microsecond)
		require.True(t, local.Allow(t.Context(), "key", rate, n).OK, "%d in time", n)
	}
}

// TestCyclingThroughKeysGainsNothing: more keys than are kept, each used in turn
// until it is refused, get no more than if all had been kept.
func TestCyclingThroughKeysGainsNothing(t *testing.T) {
	t.Parallel()
	const kept, keys, rounds = 10 * shards, 40 * shards, 20
	clock := newClock()
	small, all := newLocal(kept, clock.now), newLocal(MaxKeys, clock.now)
	rate := Rate{Tokens: 1, Per: time.Second, Burst: 5}
	count := func(l *Local, key string) (passed int) {
		for {
			if !l.Allow(t.Context(), key, rate, 1).OK {
				return passed
			}
			passed++
		}
	}
	fromSmall, fromAll := 0, 0
	for range rounds {
		for i := range keys {
			fromSmall += count(small, fmt.Sprint(i))
			fromAll += count(all, fmt.Sprint(i))
		}
		clock.advance(2 * time.Second)
	}
	require.LessOrEqual(t, fromSmall, fromAll)
	clock.advance(time.Minute)
	require.Equal(t, rate.Burst, count(small, "someone new"), "when the pressure is over")
}

func TestWhatIsNotHeldTakesNoMemory(t *testing.T) {
	t.Parallel()
	local := NewLocal()
	for i := range 100 {
		release, ok := local.Acquire(t.Context(), fmt.Sprint(i), 1)
		require.True(t, ok)
		release()
	}
	require.Empty(t, local.held.counts)
}
