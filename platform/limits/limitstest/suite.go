// Package limitstest is the contract of limits as tests: one suite that every
// engine passes. Engines call [Run] from a test of their own.
package limitstest

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"tansu.cloud/platform/limits"
)

const (
	patience = 20 * time.Second // for what another process or Redis decides
	tick     = 5 * time.Millisecond
)

// Fixture is an engine of which nothing is used.
type Fixture struct {
	Limits limits.Limits
	// Second is the same installation in another process (optional).
	Second limits.Limits
}

func (f Fixture) far() limits.Limits {
	if f.Second != nil {
		return f.Second
	}
	return f.Limits
}

var tests = []struct {
	name string
	run  func(*testing.T, Fixture)
}{
	{"a burst passes, then nothing", testBurst},
	{"what remains is told", testRemaining},
	{"what is refused takes nothing", testRefusedTakesNothing},
	{"more than the burst is never allowed", testMoreThanBurst},
	{"tokens come back at the rate", testRefill},
	{"the rate holds under pressure", testPressure},
	{"a changed rate counts at once", testChangedRate},
	{"keys are apart", testKeys},
	{"what is held is bounded", testHeld},
	{"a release counts once", testReleaseOnce},
	{"holding is exact under concurrency", testHeldConcurrently},
}

// Run runs the suite; its tests keep apart by using new keys.
func Run(t *testing.T, open func(t *testing.T) Fixture) {
	f := open(t)
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			tc.run(t, f)
		})
	}
}

func newKey() string { return uuid.NewString() + ":joins" }

// slow refills so slowly that a test sees nothing of it.
func slow(burst int) limits.Rate { return limits.Rate{Tokens: 1, Per: time.Hour, Burst: burst} }
