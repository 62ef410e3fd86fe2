package postgres_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"tansu.cloud/eventstore/eventstoretest"
	"tansu.cloud/eventstore/postgres"
	"tansu.cloud/platform/postgrestest"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

func TestConformance(t *testing.T) {
	eventstoretest.Run(t, func(t *testing.T) eventstoretest.Fixture {
		pool := postgrestest.New(t)
		clock := &clock{}
		commits := &eventstoretest.Recorder{}
		return eventstoretest.Fixture{
			Store:     start(t, pool, postgres.Options{Lanes: 2, OnCommit: commits.Committed, Now: clock.now}),
			Snapshots: postgres.New(pool, postgres.Options{}),
			Keys:      postgres.NewSubjectKeys(pool, [32]byte{1}),
			Second:    start(t, pool, postgres.Options{Lanes: 2}),
			SetClock:  clock.set,
			Commits:   commits,
		}
	})
}

// start returns a running store that is stopped at the end of the test.
func start(t *testing.T, pool *pgxpool.Pool, opts postgres.Options) *postgres.Store {
	t.Helper()
	store := postgres.New(pool, opts)
	require.NoError(t, store.Start(t.Context()))
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		require.NoError(t, store.Stop(ctx))
	})
	return store
}

// clock is the real one until it is set.
type clock struct {
	mu    sync.Mutex
	fixed time.Time
}

func (c *clock) set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fixed = t
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fixed.IsZero() {
		return time.Now()
	}
	return c.fixed
}
