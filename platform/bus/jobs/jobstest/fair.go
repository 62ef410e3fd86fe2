package jobstest

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tansu.cloud/platform/bus/jobs"
)

// promptly is how many of the others' jobs may begin while a tenant's job waits.
const promptly = 500

// So many jobs, or jobs in groups of their own, wait of one tenant.
const crowd, groupCrowd = 100_000, 20_000

func perTenant(t *testing.T, r *rig) {
	const mine = 3
	noisy, quiet := uuid.New(), uuid.New()
	var running atomic.Int64
	release, calm := make(chan struct{}), make(chan struct{}, 100)
	w := r.start(jobs.Kind{Workers: 5, PerTenant: mine, Handle: func(_ context.Context, d jobs.Delivery) error {
		if d.TenantID == quiet {
			calm <- struct{}{}
			return nil
		}
		if running.Add(1) > mine {
			return jobs.Dead(errBoom)
		}
		defer running.Add(-1)
		<-release
		return nil
	}})
	r.enqueue(numbered(noisy, "", 20)...)
	w.Wake()
	r.eventually(func() bool { return running.Load() == mine }, func() string { return "the tenant does not get its share" })
	r.enqueue(numbered(quiet, "", 10)...) // though the other's jobs came first and wait
	w.Wake()
	for range 10 {
		<-calm
	}
	require.EqualValues(t, mine, running.Load())
	close(release)
	r.awaitNothingLeft()
	require.Empty(t, r.dead(noisy))
}

// slow takes a little time for each job and tells how many others have begun when
// the quiet tenant's runs.
func slow(quiet uuid.UUID, started chan<- int64, ran *atomic.Int64) jobs.Kind {
	return jobs.Kind{Handle: func(_ context.Context, d jobs.Delivery) error {
		if d.TenantID == quiet {
			started <- ran.Load()
			return nil
		}
		ran.Add(1)
		time.Sleep(5 * time.Millisecond)
		return nil
	}}
}

func fairness(t *testing.T, r *rig) {
	noisy := uuid.New()
	_, err := r.pool.Exec(t.Context(), `INSERT INTO jobs (tenant_id, id, run_at, enqueued_at, kind, key, job_group, state, payload)
		SELECT $1, gen_random_uuid(), now(), now(), $2, n::text, '', 'ready', '{}' FROM generate_series(1, $3::int) n`, noisy, kind, crowd)
	require.NoError(t, err)
	r.requirePrompt(crowd, r.enqueue)
}

func groupFairness(t *testing.T, r *rig) {
	noisy := uuid.New()
	_, err := r.pool.Exec(t.Context(), `WITH added AS (
		INSERT INTO jobs (tenant_id, id, run_at, enqueued_at, kind, key, job_group, state, payload)
		SELECT $1, gen_random_uuid(), now(), now(), $2, n::text, n::text, 'waiting', '{}' FROM generate_series(1, $3::int) n
		RETURNING tenant_id, job_group)
		INSERT INTO job_groups SELECT tenant_id, job_group, 1, false FROM added`, noisy, kind, groupCrowd)
	require.NoError(t, err)
	r.requirePrompt(groupCrowd, func(all ...jobs.Job) int {
		for i := range all {
			all[i].Group = "quiet"
		}
		return r.enqueue(all...)
	})
}

// requirePrompt: while the others' jobs are being done, a quiet tenant's job
// starts soon.
func (r *rig) requirePrompt(crowd int, enqueue func(all ...jobs.Job) int) {
	r.Helper()
	quiet, started, ran := uuid.New(), make(chan int64), new(atomic.Int64)
	w := r.start(slow(quiet, started, ran))
	for i := range 5 {
		before := ran.Load()
		r.eventually(func() bool { return ran.Load() > before+4 }, func() string { return "the others' jobs do not run" })
		job := numbered(quiet, "", 10)[i]
		require.Equal(r, 1, enqueue(job))
		enqueued := ran.Load()
		w.Wake()
		overtaken := <-started - enqueued
		r.Logf("%d jobs began while a quiet tenant's waited", overtaken)
		require.Less(r, overtaken, int64(promptly))
	}
	require.Greater(r, r.left(), crowd/2, "the others' jobs were still waiting")
}
