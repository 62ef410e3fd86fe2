package jobstest

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tansu.cloud/platform/bus/jobs"
)

func redriveOrder(t *testing.T, r *rig) {
	const n = 40
	j, cured := newJournal(), new(atomic.Bool)
	w := r.start(jobs.Kind{Workers: 1, PerTenant: 1, Handle: func(_ context.Context, d jobs.Delivery) error {
		if !cured.Load() {
			return jobs.Dead(errBoom)
		}
		j.note(d)
		return nil
	}})
	tenant := uuid.New()
	all := numbered(tenant, "", n)
	r.enqueue(all...)
	w.Wake()
	r.awaitNothingLeft()
	cured.Store(true)

	dead := r.dead(tenant)
	require.Len(t, dead, n)
	tx, err := r.pool.Begin(t.Context())
	require.NoError(t, err)
	for _, one := range slices.Backward(dead) { // the order of the orders does not count
		_, err := jobs.NewQueue(tx).Redrive(t.Context(), tenant, one.ID, one.Claims)
		require.NoError(t, err)
	}
	require.NoError(t, tx.Commit(t.Context()))
	w.Wake()
	var want []string
	for _, job := range all {
		want = append(want, job.Key)
	}
	got := j.await(t, n)
	require.Equal(t, want, keys(got))
	for _, d := range got {
		require.Equal(t, 1, d.Attempt, "attempts are counted anew")
	}
}

func redriveOnce(t *testing.T, r *rig) {
	w := r.start(jobs.Kind{Handle: func(context.Context, jobs.Delivery) error { return jobs.Dead(errBoom) }})
	tenant := uuid.New()
	r.enqueue(numbered(tenant, "", 1)...)
	w.Wake()
	first := r.await(tenant, "0", jobs.StateDead)
	r.redrive(first)
	w.Wake()
	var second jobs.Record
	r.eventually(func() bool {
		second = r.record(tenant, "0")
		return second.State == jobs.StateDead && second.Claims > first.Claims
	}, func() string { return "it did not die again" })
	changed, err := r.queue.Redrive(t.Context(), tenant, first.ID, first.Claims)
	require.NoError(t, err)
	require.False(t, changed, "the order was about the first death")
	changed, err = r.queue.Discard(t.Context(), tenant, first.ID, first.Claims)
	require.NoError(t, err)
	require.False(t, changed)
	require.Equal(t, second, r.record(tenant, "0"))
}
