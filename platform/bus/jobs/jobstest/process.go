package jobstest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"tansu.cloud/platform/bus/jobs"
	"tansu.cloud/platform/child"
)

// processDSN makes a test binary a worker process on the database that it names,
// and processAddress says where its engine is.
const (
	processDSN     = "TANSU_TEST_JOBS_DSN"
	processAddress = "TANSU_TEST_JOBS_ADDRESS"
)

// Kinds that worker processes do.
const (
	kindPlain = "test.plain" // writes its effect, and is done a little later
	kindKeyed = "test.keyed" // writes its effect and its end in one transaction
	kindDying = "test.dying" // is of no use
)

// runProcess works until it is killed, or gives up with a message.
func runProcess(dsn string, carrier NewCarrier) {
	fail := func(err error) {
		if err != nil {
			fmt.Fprintln(os.Stderr, "worker process:", err)
			os.Exit(1)
		}
	}
	ctx := context.Background()
	pool, err := pgxpool.New(ctx, dsn)
	fail(err)
	c, err := carrier(os.Getenv(processAddress))
	fail(err)
	again := make([]time.Duration, 1000) // being killed does not kill a job
	kinds := map[string]jobs.Kind{
		kindPlain: {Delays: again, Handle: func(ctx context.Context, d jobs.Delivery) error {
			if err := effect(ctx, pool, d); err != nil {
				return err
			}
			time.Sleep(rand.N(40 * time.Millisecond))
			return nil
		}},
		kindKeyed: {Delays: again, Handle: func(ctx context.Context, d jobs.Delivery) error {
			return pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
				if err := effect(ctx, tx, d); err != nil {
					return err
				}
				time.Sleep(rand.N(40 * time.Millisecond))
				return jobs.CompleteTx(ctx, tx, d)
			})
		}},
		kindDying: {Delays: again, Handle: func(ctx context.Context, d jobs.Delivery) error {
			time.Sleep(rand.N(40 * time.Millisecond))
			return jobs.Dead(errBoom)
		}},
	}
	w, err := jobs.New(jobs.Config{
		Pool: pool, NodeID: fmt.Sprint("process ", os.Getpid()), Kinds: kinds, Carrier: c,
		Lease: time.Second, PollInterval: 50 * time.Millisecond,
	})
	fail(err)
	fail(w.Start(ctx))
	select {}
}

func effect(ctx context.Context, tx interface {
	QueryRow(context.Context, string, ...any) pgx.Row
}, d jobs.Delivery) error {
	var n int
	return tx.QueryRow(ctx, "INSERT INTO effects (kind, key, job_group) VALUES ($1, $2, $3) RETURNING n", d.Kind, d.Key, d.Group).Scan(&n)
}

// killed: worker processes are killed again and again while there is work. No
// effect is missing, keyed ones are not doubled, groups keep their order, and
// what died is there.
func killed(t *testing.T, r *rig) {
	_, err := r.pool.Exec(t.Context(), "CREATE TABLE effects (n bigint GENERATED ALWAYS AS IDENTITY, kind text, key text, job_group text)")
	require.NoError(t, err)
	const each, groups, inGroup, processes, kills = 100, 5, 8, 2, 8
	var all []jobs.Job
	tenants := []uuid.UUID{uuid.New(), uuid.New(), uuid.New()}
	for i := range each {
		for _, k := range []string{kindPlain, kindKeyed} {
			all = append(all, jobs.Job{TenantID: tenants[i%len(tenants)], Kind: k, Key: fmt.Sprint(i)})
		}
		if i%10 == 0 {
			all = append(all, jobs.Job{TenantID: tenants[i%len(tenants)], Kind: kindDying, Key: fmt.Sprint(i)})
		}
	}
	for i := range groups * inGroup {
		group := fmt.Sprint("g", i%groups)
		all = append(all, jobs.Job{TenantID: tenants[0], Kind: kindKeyed, Key: fmt.Sprint(group, "/", i), Group: group})
	}
	require.Equal(t, len(all), r.enqueue(all...))

	alive := make([]*child.Process, processes)
	for i := range alive {
		alive[i] = r.process()
	}
	for k := range kills {
		time.Sleep(200*time.Millisecond + rand.N(200*time.Millisecond))
		alive[k%processes].Kill()
		alive[k%processes] = r.process()
	}
	r.awaitNothingLeft()

	counts := map[string]int{}
	last := map[string]int{}
	rows, err := r.pool.Query(t.Context(), "SELECT kind, key, job_group FROM effects ORDER BY n")
	require.NoError(t, err)
	var kind, key, group string
	_, err = pgx.ForEachRow(rows, []any{&kind, &key, &group}, func() error {
		counts[kind+" "+key]++
		if group != "" {
			var n int
			_, err := fmt.Sscanf(key, group+"/%d", &n)
			require.NoError(t, err)
			require.Greater(t, n+1, last[group], "the order of group %s", group)
			last[group] = n + 1
		}
		return nil
	})
	require.NoError(t, err)
	for _, job := range all {
		n := counts[job.Kind+" "+job.Key]
		switch job.Kind {
		case kindPlain:
			require.Positive(t, n, "%s %s", job.Kind, job.Key)
		case kindKeyed:
			require.Equal(t, 1, n, "%s %s", job.Kind, job.Key)
		}
	}
	var dead int
	require.NoError(t, r.pool.QueryRow(t.Context(), "SELECT count(*) FROM jobs WHERE state = 'dead' AND kind = $1 AND last_error = 'boom'", kindDying).Scan(&dead))
	require.Equal(t, each/10, dead)
}

// process starts a worker process, killed at the end of the test.
func (r *rig) process() *child.Process {
	r.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), processDSN+"="+r.dsn, processAddress+"="+r.address)
	cmd.Stderr = os.Stderr
	child.Confine(cmd, nil, syscall.SIGKILL)
	p, err := child.Start(cmd)
	require.NoError(r, err)
	r.Cleanup(p.Kill)
	return p
}
