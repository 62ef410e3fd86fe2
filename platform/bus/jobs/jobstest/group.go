package jobstest

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tansu.cloud/platform/bus/jobs"
)

func groupsInOrder(t *testing.T, r *rig) {
	const groups, each, processes = 8, 15, 2
	j := newJournal()
	var running sync.Map // group -> *atomic.Int64
	for range processes {
		r.start(jobs.Kind{Workers: 8, PerTenant: 8, Handle: func(_ context.Context, d jobs.Delivery) error {
			n, _ := running.LoadOrStore(d.Group, new(atomic.Int64))
			if n.(*atomic.Int64).Add(1) > 1 {
				return jobs.Dead(fmt.Errorf("group %s runs twice at once", d.Group))
			}
			defer n.(*atomic.Int64).Add(-1)
			j.note(d)
			time.Sleep(time.Millisecond)
			return nil
		}})
	}
	// Groups are filled by several writers of their own, while they run.
	tenant := uuid.New()
	var writers sync.WaitGroup
	for g := range groups {
		writers.Go(func() {
			for _, job := range numbered(tenant, fmt.Sprint("g", g), each) {
				if _, err := jobs.Enqueue(t.Context(), r.pool, job); err != nil {
					t.Error(err)
				}
			}
		})
	}
	writers.Wait()
	r.awaitNothingLeft()
	require.Empty(t, r.dead(tenant))
	order := map[string][]string{}
	for _, d := range j.await(t, groups*each) {
		order[d.Group] = append(order[d.Group], d.Key)
	}
	require.Len(t, order, groups)
	for group, ran := range order {
		var want []string
		for _, job := range numbered(tenant, group, each) {
			want = append(want, job.Key)
		}
		require.Equal(t, want, ran)
	}
}

func groupWaitsForRetry(t *testing.T, r *rig) {
	j, others := newJournal(), make(chan struct{})
	w := r.start(jobs.Kind{Delays: []time.Duration{200 * time.Millisecond}, Handle: func(ctx context.Context, d jobs.Delivery) error {
		switch {
		case d.Key == "g/1" && d.Attempt == 1:
			j.note(d)
			return errBoom
		case d.Key == "g/1":
			select {
			case <-others: // do not wait for this group
			case <-ctx.Done():
			}
		case d.Key == "h/1":
			defer close(others)
		}
		j.note(d)
		return nil
	}})
	tenant := uuid.New()
	r.enqueue(append(numbered(tenant, "g", 3), numbered(tenant, "h", 2)...)...)
	w.Wake()
	var g, h []string
	for _, d := range j.await(t, 6) {
		if d.Group == "g" {
			g = append(g, d.Key)
		} else {
			h = append(h, d.Key)
		}
	}
	require.Equal(t, []string{"g/0", "g/1", "g/1", "g/2"}, g)
	require.Equal(t, []string{"h/0", "h/1"}, h)
}

// dying has a job that dies until it is cured, in a group of four.
func dying(r *rig, tenant uuid.UUID) (j *journal, cured *atomic.Bool, wake func()) {
	j, cured = newJournal(), new(atomic.Bool)
	w := r.start(jobs.Kind{Handle: func(_ context.Context, d jobs.Delivery) error {
		j.note(d)
		if d.Key == "g/1" && !cured.Load() {
			return jobs.Dead(errBoom)
		}
		return nil
	}})
	r.enqueue(numbered(tenant, "g", 4)...)
	w.Wake()
	r.await(tenant, "g/1", jobs.StateDead)
	// What is enqueued now waits too; a job without a group shows that the
	// workers had time for it.
	r.enqueue(jobs.Job{TenantID: tenant, Kind: kind, Key: "g/4", Group: "g"}, jobs.Job{TenantID: tenant, Kind: kind, Key: "free"})
	w.Wake()
	r.await(tenant, "free", jobs.StateDone)
	for _, key := range []string{"g/2", "g/3", "g/4"} {
		require.Equal(r, jobs.StateWaiting, r.record(tenant, key).State)
	}
	return j, cured, w.Wake
}

func groupBlocked(t *testing.T, r *rig) {
	tenant := uuid.New()
	j, cured, wake := dying(r, tenant)
	cured.Store(true)
	r.redrive(r.dead(tenant)[0])
	wake()
	require.Equal(t, []string{"g/0", "g/1", "free", "g/1", "g/2", "g/3", "g/4"}, keys(j.await(t, 7)))
	r.awaitNothingLeft()
}

func groupDiscarded(t *testing.T, r *rig) {
	tenant := uuid.New()
	j, _, wake := dying(r, tenant)
	one := r.dead(tenant)[0]
	for _, first := range []bool{true, false} {
		changed, err := r.queue.Discard(t.Context(), tenant, one.ID, one.Claims)
		require.NoError(t, err)
		require.Equal(t, first, changed)
	}
	wake()
	require.Equal(t, []string{"g/0", "g/1", "free", "g/2", "g/3", "g/4"}, keys(j.await(t, 6)))
	r.awaitNothingLeft()
	require.Equal(t, jobs.StateDiscarded, r.record(tenant, "g/1").State)
	require.Zero(t, r.enqueue(jobs.Job{TenantID: tenant, Kind: kind, Key: "g/1", Group: "g"}), "its key is known")

	require.NoError(t, jobs.Clean(t.Context(), r.pool, 0))
	var rows int
	require.NoError(t, r.pool.QueryRow(t.Context(), "SELECT (SELECT count(*) FROM jobs) + (SELECT count(*) FROM job_groups)").Scan(&rows))
	require.Zero(t, rows, "nothing is kept of what is finished and past its retention")
}
