package jobstest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"tansu.cloud/platform/bus/jobs"
)

func stops(t *testing.T, r *rig) {
	j := newJournal()
	long := func(c *jobs.Config) { c.Lease, c.Grace = time.Hour, 20*time.Millisecond }
	w := r.start(jobs.Kind{Handle: func(ctx context.Context, d jobs.Delivery) error {
		j.note(d)
		<-ctx.Done()
		return ctx.Err()
	}}, long)
	tenant := uuid.New()
	r.enqueue(append(numbered(tenant, "", 2), numbered(tenant, "g", 1)...)...)
	w.Wake()
	j.await(t, 3)
	require.NoError(t, w.Stop(t.Context()))
	for _, key := range []string{"0", "1", "g/0"} {
		back := r.record(tenant, key)
		require.Equal(t, jobs.StateReady, back.State)
		require.Zero(t, back.Attempts, "the attempt does not count")
	}
	next := newJournal()
	r.start(jobs.Kind{Handle: func(_ context.Context, d jobs.Delivery) error { next.note(d); return nil }}, long)
	for _, d := range next.await(t, 3) {
		require.Equal(t, 1, d.Attempt)
	}
	r.awaitNothingLeft()
}

func stopsWithGrace(t *testing.T, r *rig) {
	j, stopping := newJournal(), make(chan struct{})
	w := r.start(jobs.Kind{Handle: func(_ context.Context, d jobs.Delivery) error {
		j.note(d)
		<-stopping
		time.Sleep(50 * time.Millisecond)
		return nil
	}})
	tenant := uuid.New()
	r.enqueue(numbered(tenant, "", 50)...)
	w.Wake()
	j.await(t, 1)
	close(stopping)
	require.NoError(t, w.Stop(t.Context()))
	begun := len(j.await(t, 1))
	require.Less(t, begun, 50, "it took no more jobs")
	require.Equal(t, 50-begun, r.left(), "and finished what it had begun")
	require.NoError(t, w.Stop(t.Context()), "again")
}

func lostClaim(t *testing.T, r *rig) {
	_, err := r.pool.Exec(t.Context(), "CREATE TABLE effects (worker text)")
	require.NoError(t, err)
	tenant := uuid.New()
	effect := func(ctx context.Context, d jobs.Delivery, worker string) error {
		return pgx.BeginFunc(ctx, r.pool, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, "INSERT INTO effects VALUES ($1)", worker); err != nil {
				return err
			}
			return jobs.CompleteTx(ctx, tx, d)
		})
	}
	began, late := make(chan struct{}), make(chan error, 1)
	w := r.start(jobs.Kind{Workers: 1, Handle: func(ctx context.Context, d jobs.Delivery) error {
		close(began)
		<-ctx.Done() // until it hears that it has lost the job
		if !errors.Is(context.Cause(ctx), jobs.ErrClaimLost) {
			late <- ctx.Err()
			return nil
		}
		r.await(tenant, "0", jobs.StateDone)
		err := effect(context.WithoutCancel(ctx), d, "first")
		late <- err
		return err
	}})
	r.enqueue(numbered(tenant, "", 1)...)
	w.Wake()
	<-began
	// As if its leases had not been renewed for long.
	_, err = r.pool.Exec(t.Context(), "UPDATE jobs SET state = 'ready', lease_until = NULL")
	require.NoError(t, err)
	r.start(jobs.Kind{Handle: func(ctx context.Context, d jobs.Delivery) error { return effect(ctx, d, "second") }})
	require.ErrorIs(t, <-late, jobs.ErrClaimLost)
	var worker string
	require.NoError(t, r.pool.QueryRow(t.Context(), "SELECT string_agg(worker, ' ') FROM effects").Scan(&worker))
	require.Equal(t, "second", worker)
}

func keptLease(t *testing.T, r *rig) {
	j := newJournal()
	k := jobs.Kind{Handle: func(_ context.Context, d jobs.Delivery) error {
		j.note(d)
		time.Sleep(lease * 3 / 2)
		return nil
	}}
	r.start(k)
	w := r.start(k) // would take it over
	tenant := uuid.New()
	r.enqueue(numbered(tenant, "", 1)...)
	w.Wake()
	require.Equal(t, 1, r.await(tenant, "0", jobs.StateDone).Attempts)
	require.Len(t, j.await(t, 1), 1)
}
