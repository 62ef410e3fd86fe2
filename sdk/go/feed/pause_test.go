package feed

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestPausesAreSpreadBelowABoundThatGrows(t *testing.T) {
	t.Parallel()
	for failures, bound := range []time.Duration{
		100 * time.Millisecond, 500 * time.Millisecond, time.Second, 2 * time.Second, 4 * time.Second,
		8 * time.Second, 16 * time.Second, 20 * time.Second, 20 * time.Second,
	} {
		low, high := bound, time.Duration(0)
		for range 1000 {
			p := pause(failures)
			low, high = min(low, p), max(high, p)
		}
		require.Less(t, high, bound)
		require.Greater(t, high, bound*9/10, "the whole range is used")
		require.Less(t, low, bound/10)
	}
	require.Less(t, pause(1<<40), upperBound)
}
