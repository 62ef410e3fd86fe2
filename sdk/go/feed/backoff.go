package feed

import (
	"context"
	"math/rand/v2"
	"time"
)

// Bounds of the pauses before a connection is tried again.
const (
	firstPause  = 100 * time.Millisecond // after a connection that worked
	lowerBound  = 500 * time.Millisecond // after the first failure
	upperBound  = 20 * time.Second
	longestAsk  = time.Minute // that a server may ask for
	doublingMax = 6           // 0.5 s · 2⁶ > 20 s
)

// pause is how long to wait after a number of failures in a row: a random part
// of a bound that doubles (full jitter), so that the clients of a server that
// comes back do not all come at once.
func pause(failures int) time.Duration {
	if failures == 0 {
		return rand.N(firstPause)
	}
	return rand.N(min(lowerBound<<min(failures-1, doublingMax), upperBound))
}

func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
