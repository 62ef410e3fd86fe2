package jobstest

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tansu.cloud/platform/bus/jobs"
)

func runsOnce(t *testing.T, r *rig) {
	j := newJournal()
	w := r.start(jobs.Kind{Handle: func(_ context.Context, d jobs.Delivery) error { j.note(d); return nil }})
	want := map[string]jobs.Job{}
	var all []jobs.Job
	for i := range 40 {
		job := jobs.Job{TenantID: uuid.New(), Kind: kind, Key: fmt.Sprint(i), Payload: json.RawMessage(fmt.Sprintf(`{"n": %d}`, i))}
		if i%2 == 0 {
			job.Group = "g"
		}
		all, want[job.Key] = append(all, job), job
	}
	require.Equal(t, len(all), r.enqueue(all...))
	w.Wake()
	j.await(t, len(all))
	r.awaitNothingLeft()
	got := j.await(t, len(all))
	require.Len(t, got, len(all))
	for _, d := range got {
		sent := want[d.Key]
		require.Equal(t, sent.TenantID, d.TenantID)
		require.Equal(t, sent.Kind, d.Kind)
		require.Equal(t, sent.Group, d.Group)
		require.Equal(t, string(sent.Payload), string(d.Payload))
		require.Equal(t, 1, d.Attempt)
		require.False(t, d.LastAttempt)
		done := r.record(d.TenantID, d.Key)
		require.Equal(t, jobs.StateDone, done.State)
		require.Equal(t, d.ID, done.ID)
		require.False(t, done.FinishedAt.IsZero())
	}
}

func knownKeys(t *testing.T, r *rig) {
	j := newJournal()
	open := make(chan struct{})
	w := r.start(jobs.Kind{Handle: func(_ context.Context, d jobs.Delivery) error { j.note(d); <-open; return nil }})
	tenant := uuid.New()
	job := jobs.Job{TenantID: tenant, Kind: kind, Key: "k", Group: "g"}
	require.Equal(t, 1, r.enqueue(job, job), "twice in one call")
	w.Wake()
	j.await(t, 1)
	require.Zero(t, r.enqueue(job), "while it runs")
	close(open)
	r.await(tenant, "k", jobs.StateDone)
	require.Zero(t, r.enqueue(job), "when it is done")
	other := job
	other.TenantID = uuid.New()
	require.Equal(t, 1, r.enqueue(other, job))
	w.Wake()
	r.await(other.TenantID, "k", jobs.StateDone)
	require.Equal(t, []string{"k", "k"}, keys(j.await(t, 2)))

	require.NoError(t, jobs.Clean(t.Context(), r.pool, 0))
	require.Equal(t, 1, r.enqueue(job), "after the retention")
}

func delayed(t *testing.T, r *rig) {
	j := newJournal()
	r.start(jobs.Kind{Handle: func(_ context.Context, d jobs.Delivery) error { j.note(d); return nil }})
	tenant, due := uuid.New(), time.Now().Add(400*time.Millisecond)
	r.enqueue(
		jobs.Job{TenantID: tenant, Kind: kind, Key: "later", RunAt: due},
		jobs.Job{TenantID: tenant, Kind: kind, Key: "group", Group: "g", RunAt: due},
		jobs.Job{TenantID: tenant, Kind: kind, Key: "past", RunAt: time.Now().Add(-time.Hour)},
		jobs.Job{TenantID: tenant, Kind: kind, Key: "now"},
	)
	got := j.await(t, 4)
	require.ElementsMatch(t, []string{"past", "now", "later", "group"}, keys(got))
	for i, d := range got {
		if d.Key == "later" || d.Key == "group" {
			require.False(t, j.times[i].Before(due.Truncate(time.Millisecond)), "%s: %s, due %s", d.Key, j.times[i], due)
		}
	}
}

func shared(t *testing.T, r *rig) {
	const n, processes = 200, 3
	var sharing atomic.Int32
	everybody := make(chan struct{}) // has begun a job
	j := newJournal()
	for range processes {
		var first sync.Once
		r.start(jobs.Kind{Handle: func(ctx context.Context, d jobs.Delivery) error {
			first.Do(func() {
				if sharing.Add(1) == processes {
					close(everybody)
				}
			})
			// However late a process is, two must not be able to do all the work.
			select {
			case <-everybody:
				j.note(d)
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}})
	}
	tenant := uuid.New()
	r.enqueue(numbered(tenant, "", n)...)
	j.await(t, n)
	r.awaitNothingLeft()
	seen := map[string]int{}
	for _, d := range j.await(t, n) {
		seen[d.Key]++
	}
	require.Len(t, seen, n)
	require.Len(t, j.entries, n, "each once, as nothing failed")
}
