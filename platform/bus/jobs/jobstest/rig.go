package jobstest

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"tansu.cloud/platform/bus/jobs"
	"tansu.cloud/platform/postgrestest"
)

const (
	kind    = "test.work"
	lease   = 6 * time.Second // a busy machine may miss a renewal or two
	patient = time.Minute     // for what must come in the end
)

// rig is a database and an engine, on which a test starts workers.
type rig struct {
	*testing.T
	dsn, address string
	pool         *pgxpool.Pool
	queue        *jobs.Queue
	carrier      NewCarrier
}

func newRig(t *testing.T, address string, carrier NewCarrier) *rig {
	dsn := postgrestest.NewDSN(t)
	pool, err := pgxpool.New(t.Context(), dsn)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	return &rig{T: t, dsn: dsn, address: address, pool: pool, queue: jobs.NewQueue(pool), carrier: carrier}
}

// start starts the workers of one process for one kind, stopped at the end.
func (r *rig) start(k jobs.Kind, adjust ...func(*jobs.Config)) *jobs.Workers {
	r.Helper()
	return startWorkers(r, r.pool, r.address, r.carrier, map[string]jobs.Kind{kind: k}, adjust...)
}

func startWorkers(t testing.TB, pool *pgxpool.Pool, address string, carrier NewCarrier, kinds map[string]jobs.Kind, adjust ...func(*jobs.Config)) *jobs.Workers {
	t.Helper()
	c, err := carrier(address)
	require.NoError(t, err)
	config := jobs.Config{
		Pool: pool, NodeID: uuid.NewString(), Kinds: kinds, Carrier: c, Lease: lease, PollInterval: 50 * time.Millisecond,
		Logger: slog.New(slog.DiscardHandler),
	}
	for _, change := range adjust {
		change(&config)
	}
	w, err := jobs.New(config)
	require.NoError(t, err)
	require.NoError(t, w.Start(context.Background()))
	t.Cleanup(func() { require.NoError(t, w.Stop(context.Background())) })
	return w
}

func (r *rig) enqueue(all ...jobs.Job) int {
	r.Helper()
	n, err := jobs.Enqueue(r.Context(), r.pool, all...)
	require.NoError(r, err)
	return n
}

// numbered makes jobs with the keys 0, 1, 2 …
func numbered(tenant uuid.UUID, group string, n int) []jobs.Job {
	all := make([]jobs.Job, n)
	for i := range all {
		all[i] = jobs.Job{TenantID: tenant, Kind: kind, Key: fmt.Sprint(i), Group: group}
		if group != "" {
			all[i].Key = group + "/" + all[i].Key
		}
	}
	return all
}

// record finds a job by its key.
func (r *rig) record(tenant uuid.UUID, key string) jobs.Record {
	r.Helper()
	all, _, err := r.queue.List(r.Context(), tenant, jobs.ListQuery{Limit: 1000})
	require.NoError(r, err)
	for _, one := range all {
		if one.Key == key {
			return one
		}
	}
	require.Fail(r, "no such job", key)
	return jobs.Record{}
}

// await waits until a job is in a state.
func (r *rig) await(tenant uuid.UUID, key, state string) jobs.Record {
	r.Helper()
	var last jobs.Record
	r.eventually(func() bool {
		last = r.record(tenant, key)
		return last.State == state
	}, func() string { return fmt.Sprintf("job %s is to be %s: %+v", key, state, last) })
	return last
}

// left counts what is not yet done or dead.
func (r *rig) left() (n int) {
	r.Helper()
	require.NoError(r, r.pool.QueryRow(r.Context(), "SELECT count(*) FROM jobs WHERE state NOT IN ('done', 'dead', 'discarded')").Scan(&n))
	return n
}

func (r *rig) awaitNothingLeft() {
	r.Helper()
	r.eventually(func() bool { return r.left() == 0 }, func() string { return fmt.Sprint(r.left(), " jobs are left") })
}

func (r *rig) eventually(condition func() bool, otherwise func() string) {
	r.Helper()
	for deadline := time.Now().Add(patient); !condition(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			require.Fail(r, "it did not happen", otherwise())
		}
	}
}

// dead lists the dead jobs of a tenant in the order in which they are re-driven.
func (r *rig) dead(tenant uuid.UUID) []jobs.Record {
	r.Helper()
	all, more, err := r.queue.Dead(r.Context(), tenant, jobs.DeadQuery{Kind: kind, Limit: 1000})
	require.NoError(r, err)
	require.False(r, more)
	return all
}

func (r *rig) redrive(one jobs.Record) {
	r.Helper()
	changed, err := r.queue.Redrive(r.Context(), one.TenantID, one.ID, one.Claims)
	require.NoError(r, err)
	require.True(r, changed)
}

// journal notes what handlers do.
type journal struct {
	mu      sync.Mutex
	entries []jobs.Delivery
	times   []time.Time
	news    chan struct{}
}

func newJournal() *journal { return &journal{news: make(chan struct{}, 1)} }

func (j *journal) note(d jobs.Delivery) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.entries, j.times = append(j.entries, d), append(j.times, time.Now())
	select {
	case j.news <- struct{}{}:
	default:
	}
}

// await returns the first n entries.
func (j *journal) await(t testing.TB, n int) []jobs.Delivery {
	t.Helper()
	deadline := time.After(patient)
	for {
		j.mu.Lock()
		entries := append([]jobs.Delivery(nil), j.entries...)
		j.mu.Unlock()
		if len(entries) >= n {
			return entries
		}
		select {
		case <-j.news:
		case <-deadline:
			require.Fail(t, "too few deliveries", "%d of %d", len(entries), n)
		}
	}
}

func keys(all []jobs.Delivery) []string {
	var keys []string
	for _, d := range all {
		keys = append(keys, d.Key)
	}
	return keys
}
