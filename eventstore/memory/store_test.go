package memory_test

import (
	"sync/atomic"
	"testing"
	"time"

	"tansu.cloud/eventstore/eventstoretest"
	"tansu.cloud/eventstore/memory"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	eventstoretest.Run(t, func(*testing.T) eventstoretest.Fixture {
		var clock atomic.Pointer[time.Time]
		commits := &eventstoretest.Recorder{}
		s := memory.New(memory.Options{
			OnCommit: commits.Committed,
			Now: func() time.Time {
				if at := clock.Load(); at != nil {
					return *at
				}
				return time.Now()
			},
		})
		return eventstoretest.Fixture{
			Store: s, Second: s, Snapshots: s, Keys: s, Commits: commits,
			SetClock: func(at time.Time) { clock.Store(&at) },
		}
	})
}
