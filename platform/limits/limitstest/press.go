package limitstest

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tansu.cloud/platform/limits"
)

// Pressed is what came of a Press.
type Pressed struct {
	Passed int
	// Most is what the rate allows in the time that it took, and Least what it
	// allows without the times in which a machine that stood still asked for nothing.
	Least, Most float64
}

// still is how long nobody asks when a machine stands still.
const still = 100 * time.Millisecond

// Press takes tokens of a new key from all engines at once, as fast as they are
// given, for a while and then until nothing is left, so that it does not matter
// when a busy machine lets it go on.
func Press(t *testing.T, rate limits.Rate, during time.Duration, engines ...limits.Limits) Pressed {
	key := newKey()
	var passed, last, stood atomic.Int64
	var presses sync.WaitGroup
	began := time.Now()
	ask := func() {
		now := int64(time.Since(began))
		if gap := now - last.Swap(now); gap > int64(still) {
			stood.Add(gap)
		}
	}
	for _, engine := range engines {
		presses.Go(func() {
			for ok := true; time.Since(began) < during || ok && time.Since(began) < patience; {
				ask()
				if ok = allowed(t, engine, key, rate, 1); ok {
					passed.Add(1)
				} else {
					time.Sleep(time.Millisecond) // leaves the processor to what is tested
				}
			}
		})
	}
	presses.Wait()
	ask()
	took := time.Duration(last.Load())
	return Pressed{
		Passed: int(passed.Load()),
		Least:  nominal(rate, took-time.Duration(stood.Load())) - float64(len(engines)), // tokens that are not whole yet
		Most:   nominal(rate, took),
	}
}

func nominal(rate limits.Rate, took time.Duration) float64 {
	return float64(rate.Burst) + took.Seconds()*float64(rate.Tokens)/rate.Per.Seconds()
}
