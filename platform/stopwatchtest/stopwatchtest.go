// Package stopwatchtest measures promises like "within a second" in tests that
// share their machine with others.
package stopwatchtest

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const tick = 10 * time.Millisecond

// Stopwatch measures how long something takes while this process runs: it stands
// still when the process does, because the machine is busy with others.
type Stopwatch struct {
	t     testing.TB
	ticks atomic.Int64
}

// Start starts a stopwatch, which ends with the test.
func Start(t testing.TB) *Stopwatch {
	s := &Stopwatch{t: t}
	go func() {
		ticker := time.NewTicker(tick) // drops the ticks that nobody took in time
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				s.ticks.Add(1)
			case <-t.Context().Done():
				return
			}
		}
	}()
	return s
}

// Read returns how long it has run.
func (s *Stopwatch) Read() time.Duration { return time.Duration(s.ticks.Load()) * tick }

// Within fails the test if it has run for longer than something may take.
func (s *Stopwatch) Within(most time.Duration) {
	s.t.Helper()
	require.Less(s.t, s.Read(), most)
}
