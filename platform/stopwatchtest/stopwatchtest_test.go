package stopwatchtest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAStopwatchRunsWithTheProcess(t *testing.T) {
	t.Parallel()
	began := time.Now()
	s := Start(t)
	require.Eventually(t, func() bool { return s.Read() >= 5*tick }, time.Minute, time.Millisecond)
	require.GreaterOrEqual(t, time.Since(began), 4*tick)
	require.LessOrEqual(t, s.Read(), time.Since(began)+tick)
}
