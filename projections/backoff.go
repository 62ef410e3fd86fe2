package projections

import (
	"context"
	"math/rand/v2"
	"time"
)

// firstDelay is the wait after the first failure; it doubles with each.
const firstDelay = 50 * time.Millisecond

// backoff returns a jittered delay for the nth failure in a row.
func backoff(failures int, limit time.Duration) time.Duration {
	delay := firstDelay << min(failures-1, 20)
	delay = min(delay, limit)
	return delay/2 + rand.N(delay/2+1)
}

// sleep waits for the delay or the end of ctx.
func sleep(ctx context.Context, delay time.Duration) {
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
