package limits_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tansu.cloud/platform/limits"
	"tansu.cloud/platform/limits/limitstest"
)

func TestLocal(t *testing.T) {
	t.Parallel()
	limitstest.Run(t, func(*testing.T) limitstest.Fixture {
		return limitstest.Fixture{Limits: limits.NewLocal()}
	})
}

// TestOneProcessKeepsTheRate is not parallel: it measures.
func TestOneProcessKeepsTheRate(t *testing.T) {
	local := limits.NewLocal()
	for _, rate := range []limits.Rate{
		{Tokens: 20, Per: time.Second, Burst: 20},
		{Tokens: 200, Per: time.Second, Burst: 200},
		{Tokens: 1_000, Per: time.Second, Burst: 1_000},
	} {
		p := limitstest.Press(t, rate, 2*time.Second, local, local, local)
		t.Logf("%d in %s, burst %d: %+v", rate.Tokens, rate.Per, rate.Burst, p)
		require.LessOrEqual(t, float64(p.Passed), p.Most*1.05)
		require.GreaterOrEqual(t, float64(p.Passed), p.Least*0.95)
	}
}

func BenchmarkAllow(b *testing.B) {
	local := limits.NewLocal()
	keys := make([]string, 10_000)
	for i := range keys {
		keys[i] = fmt.Sprintf("0199a3c4-7a0c-7b6e-9c53-1d2f3e4a5b6c:%d:joins", i)
	}
	rate := limits.Rate{Tokens: 100, Per: time.Second, Burst: 100}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		local.Allow(b.Context(), keys[i%len(keys)], rate, 1)
	}
}
