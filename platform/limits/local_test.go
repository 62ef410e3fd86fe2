package limits_test

import (
	"fmt"
	"testing"
	"time"

	"tansu.cloud/platform/limits"
	"tansu.cloud/platform/limits/limitstest"
)

func TestLocal(t *testing.T) {
	t.Parallel()
	limitstest.Run(t, func(*testing.T) limitstest.Fixture {
		return limitstest.Fixture{Limits: limits.NewLocal()}
	})
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
