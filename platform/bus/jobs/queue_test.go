package jobs_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"tansu.cloud/platform/bus/jobs"
	"tansu.cloud/platform/postgrestest"
)

// work starts workers for the kind mail.
func work(t *testing.T, pool *pgxpool.Pool, k jobs.Kind, adjust ...func(*jobs.Config)) *jobs.Workers {
	t.Helper()
	config := jobs.Config{Pool: pool, NodeID: "test", Kinds: map[string]jobs.Kind{"mail": k}, PollInterval: 20 * time.Millisecond}
	for _, change := range adjust {
		change(&config)
	}
	w, err := jobs.New(config)
	require.NoError(t, err)
	require.NoError(t, w.Start(context.Background()))
	t.Cleanup(func() { require.NoError(t, w.Stop(context.Background())) })
	return w
}

func enqueue(t *testing.T, pool *pgxpool.Pool, all ...jobs.Job) {
	t.Helper()
	n, err := jobs.Enqueue(t.Context(), pool, all...)
	require.NoError(t, err)
	require.Equal(t, len(all), n)
}

func TestJobsAreListedByTenant(t *testing.T) {
	t.Parallel()
	pool := postgrestest.New(t)
	queue, mine, other := jobs.NewQueue(pool), uuid.New(), uuid.New()
	for i := range 5 {
		enqueue(t, pool, jobs.Job{TenantID: mine, Kind: "mail", Key: fmt.Sprint(i)})
	}
	enqueue(t, pool, jobs.Job{TenantID: mine, Kind: "print", Key: "p", Group: "g"}, jobs.Job{TenantID: other, Kind: "mail", Key: "0"})
	_, err := pool.Exec(t.Context(), "UPDATE jobs SET state = 'done', finished_at = now() WHERE key = '1'")
	require.NoError(t, err)

	list := func(q jobs.ListQuery) (keys []string, last uuid.UUID, more bool) {
		q.Limit = max(q.Limit, 1)
		records, more, err := queue.List(t.Context(), mine, q)
		require.NoError(t, err)
		for _, r := range records {
			require.Equal(t, mine, r.TenantID)
			keys, last = append(keys, r.Key), r.ID
		}
		return keys, last, more
	}
	keys, last, more := list(jobs.ListQuery{Limit: 4})
	require.Equal(t, []string{"p", "4", "3", "2"}, keys)
	require.True(t, more)
	keys, _, more = list(jobs.ListQuery{Limit: 4, Before: last})
	require.Equal(t, []string{"1", "0"}, keys)
	require.False(t, more)
	for want, q := range map[string]jobs.ListQuery{
		"[1]": {State: jobs.StateDone}, "[p]": {State: jobs.StateWaiting}, "[4 3 2 0]": {State: jobs.StateReady, Kind: "mail", Limit: 9}, "[]": {Kind: "fax"},
	} {
		keys, _, more = list(q)
		require.Equal(t, want, fmt.Sprint(keys))
		require.False(t, more)
	}

	found, _, err := queue.List(t.Context(), mine, jobs.ListQuery{Kind: "print", Limit: 1})
	require.NoError(t, err)
	one, err := queue.Get(t.Context(), mine, found[0].ID)
	require.NoError(t, err)
	require.Equal(t, found[0], one)
	require.Equal(t, "g", one.Group)
	_, err = queue.Get(t.Context(), other, one.ID)
	require.ErrorIs(t, err, jobs.ErrNotFound)
}

func TestDeadJobsAreSelectedByKindAndTime(t *testing.T) {
	t.Parallel()
	pool := postgrestest.New(t)
	tenant, died := uuid.New(), make(chan struct{})
	w := work(t, pool, jobs.Kind{
		Handle: func(context.Context, jobs.Delivery) error { return jobs.Dead(errors.New("no such address")) },
		OnDead: func(context.Context, jobs.Delivery, error) { died <- struct{}{} },
	})
	queue := jobs.NewQueue(pool)
	for _, key := range []string{"1", "2"} {
		enqueue(t, pool, jobs.Job{TenantID: tenant, Kind: "mail", Key: key})
		w.Wake()
		<-died
	}
	all, _, err := queue.Dead(t.Context(), tenant, jobs.DeadQuery{Limit: 9})
	require.NoError(t, err)
	require.Len(t, all, 2)
	for _, tc := range []struct {
		q    jobs.DeadQuery
		keys int
		more bool
	}{
		{jobs.DeadQuery{Kind: "mail", Limit: 1}, 1, true},
		{jobs.DeadQuery{Kind: "fax", Limit: 1}, 0, false},
		{jobs.DeadQuery{DiedUntil: all[0].FinishedAt, Limit: 9}, 1, false},
		{jobs.DeadQuery{DiedUntil: all[1].FinishedAt, Limit: 9}, 2, false},
	} {
		found, more, err := queue.Dead(t.Context(), tenant, tc.q)
		require.NoError(t, err)
		require.Len(t, found, tc.keys, tc.q)
		require.Equal(t, tc.more, more, tc.q)
	}
}

// TestAJobThatKillsItsWorkersDies: attempts that nobody could write down count.
func TestAJobThatKillsItsWorkersDies(t *testing.T) {
	t.Parallel()
	pool := postgrestest.New(t)
	tenant, died := uuid.New(), make(chan jobs.Delivery, 1)
	enqueue(t, pool, jobs.Job{TenantID: tenant, Kind: "mail", Key: "1"})
	_, err := pool.Exec(t.Context(), "UPDATE jobs SET state = 'running', attempts = 3, claim = 3, lease_until = now() - interval '1 second', worker = 'gone'")
	require.NoError(t, err)
	work(t, pool, jobs.Kind{
		Delays: make([]time.Duration, 2),
		Handle: func(context.Context, jobs.Delivery) error { panic("it is not to be tried a fourth time") },
		OnDead: func(_ context.Context, d jobs.Delivery, _ error) { died <- d },
	})
	d := <-died
	require.Equal(t, 3, d.Attempt)
	one, err := jobs.NewQueue(pool).Get(t.Context(), tenant, d.ID)
	require.NoError(t, err)
	require.Equal(t, jobs.StateDead, one.State)
	require.Contains(t, one.LastError, "in every attempt")
}

// TestMuchThatIsDueDelaysNobody: also jobs that fall due at once wait fairly.
func TestMuchThatIsDueDelaysNobody(t *testing.T) {
	t.Parallel()
	pool := postgrestest.New(t)
	const crowd = 100_000
	noisy, quiet := uuid.New(), uuid.New()
	_, err := pool.Exec(t.Context(), `INSERT INTO jobs (tenant_id, id, run_at, enqueued_at, kind, key, job_group, state, payload)
		SELECT $1, gen_random_uuid(), now() - interval '1 minute', now(), 'mail', n::text, '', 'scheduled', '{}' FROM generate_series(1, $2::int) n`, noisy, crowd)
	require.NoError(t, err)
	var ran, due atomic.Int64 // of the others' jobs, so far and when the quiet one's fell due
	started := make(chan int64, 1)
	const delay = 100 * time.Millisecond
	enqueue(t, pool, jobs.Job{TenantID: quiet, Kind: "mail", Key: "1", RunAt: time.Now().Add(delay)})
	time.AfterFunc(delay, func() { due.Store(ran.Load()) })
	work(t, pool, jobs.Kind{Handle: func(_ context.Context, d jobs.Delivery) error {
		if d.TenantID == quiet {
			started <- ran.Load() - due.Load()
		}
		ran.Add(1)
		return nil
	}})
	overtaken := <-started
	t.Logf("%d jobs began while a quiet tenant's waited", overtaken)
	require.Less(t, overtaken, int64(crowd/10))
	var left int
	require.NoError(t, pool.QueryRow(t.Context(), "SELECT count(*) FROM jobs WHERE state = 'scheduled'").Scan(&left))
	require.Greater(t, left, crowd/10, "the others were still due")
}
