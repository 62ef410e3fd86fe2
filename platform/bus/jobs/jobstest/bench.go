package jobstest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"tansu.cloud/platform/bus/jobs"
	"tansu.cloud/platform/postgrestest"
)

// Benchmark measures a carrier on a durable database.
func Benchmark(b *testing.B, address func(t testing.TB) string, carrier NewCarrier) {
	for _, workers := range []int{8, 64} {
		b.Run(fmt.Sprintf("run/workers=%d", workers), func(b *testing.B) { benchmarkRun(b, workers, address(b), carrier) })
	}
	b.Run("latency", func(b *testing.B) { benchmarkLatency(b, address(b), carrier) })
}

func durable(b *testing.B) *pgxpool.Pool {
	pool, err := pgxpool.New(b.Context(), postgrestest.Server(b).DSN())
	require.NoError(b, err)
	b.Cleanup(pool.Close)
	return pool
}

// benchmarkRun enqueues jobs of four tenants by the hundred while they run: the
// whole way of a job through the table.
func benchmarkRun(b *testing.B, workers int, address string, carrier NewCarrier) {
	pool := durable(b)
	var left sync.WaitGroup
	left.Add(b.N)
	w := startWorkers(b, pool, address, carrier, map[string]jobs.Kind{kind: {
		Handle:  func(context.Context, jobs.Delivery) error { left.Done(); return nil },
		Workers: workers, PerTenant: workers,
	}})
	tenants := []uuid.UUID{uuid.New(), uuid.New(), uuid.New(), uuid.New()}
	b.ResetTimer()
	for sent := 0; sent < b.N; {
		batch := make([]jobs.Job, min(100, b.N-sent))
		for i := range batch {
			batch[i] = jobs.Job{TenantID: tenants[i%len(tenants)], Kind: kind, Key: fmt.Sprint(sent + i), Payload: []byte(`{"to":"somebody"}`)}
		}
		n, err := jobs.Enqueue(b.Context(), pool, batch...)
		require.NoError(b, err)
		w.Wake()
		sent += n
	}
	left.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "jobs/s")
}

// benchmarkLatency measures from the call of Wake to the start of the handler.
func benchmarkLatency(b *testing.B, address string, carrier NewCarrier) {
	pool := durable(b)
	started := make(chan time.Time)
	w := startWorkers(b, pool, address, carrier, map[string]jobs.Kind{kind: {
		Handle: func(context.Context, jobs.Delivery) error { started <- time.Now(); return nil },
	}})
	tenant := uuid.New()
	var all []time.Duration
	for i := range b.N {
		_, err := jobs.Enqueue(b.Context(), pool, jobs.Job{TenantID: tenant, Kind: kind, Key: fmt.Sprint(i)})
		require.NoError(b, err)
		began := time.Now()
		w.Wake()
		all = append(all, (<-started).Sub(began))
		time.Sleep(5 * time.Millisecond) // each one from idle
	}
	slices.Sort(all)
	b.ReportMetric(float64(all[len(all)/2].Microseconds()), "p50-µs")
	b.ReportMetric(float64(all[len(all)*99/100].Microseconds()), "p99-µs")
}
