package limitstest

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tansu.cloud/platform/limits"
)

// Press takes tokens of a new key from all engines at once, as fast as they are
// given, for a while and then until nothing is left, so that it does not matter
// when a busy machine lets it go on. It returns how many were allowed in which time.
func Press(t *testing.T, rate limits.Rate, during time.Duration, engines ...limits.Limits) (int, time.Duration) {
	key := newKey()
	var passed atomic.Int64
	var presses sync.WaitGroup
	began := time.Now()
	for _, engine := range engines {
		presses.Go(func() {
			for ok := true; time.Since(began) < during || ok && time.Since(began) < 2*during; {
				if ok = allowed(t, engine, key, rate, 1); ok {
					passed.Add(1)
				} else {
					time.Sleep(time.Millisecond) // leaves the processor to what is tested
				}
			}
		})
	}
	presses.Wait()
	return int(passed.Load()), time.Since(began)
}
