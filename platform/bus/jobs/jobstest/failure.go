package jobstest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tansu.cloud/platform/bus/jobs"
)

var errBoom = errors.New("boom")

func retries(t *testing.T, r *rig) {
	j := newJournal()
	delays := []time.Duration{100 * time.Millisecond, 200 * time.Millisecond, time.Hour}
	w := r.start(jobs.Kind{Delays: delays, Handle: func(_ context.Context, d jobs.Delivery) error {
		j.note(d)
		switch d.Attempt {
		case 1:
			return errBoom
		case 2:
			panic("a handler's bug")
		case 3:
			return jobs.After(50*time.Millisecond, errBoom)
		}
		return nil
	}})
	tenant := uuid.New()
	r.enqueue(numbered(tenant, "", 1)...)
	w.Wake()
	got := j.await(t, 4)
	for i, d := range got {
		require.Equal(t, i+1, d.Attempt)
		require.Equal(t, i == 3, d.LastAttempt)
		require.Equal(t, got[0].ID, d.ID)
	}
	for i, least := range []time.Duration{90 * time.Millisecond, 180 * time.Millisecond, 50 * time.Millisecond} {
		require.GreaterOrEqual(t, j.times[i+1].Sub(j.times[i]), least, "before attempt %d", i+2)
	}
	done := r.await(tenant, "0", jobs.StateDone)
	require.Equal(t, 4, done.Attempts)
	require.Empty(t, done.LastError)
}

func deaths(t *testing.T, r *rig) {
	type death struct {
		d     jobs.Delivery
		cause error
	}
	died := make(chan death, 4)
	w := r.start(jobs.Kind{
		Delays: []time.Duration{time.Millisecond},
		Handle: func(_ context.Context, d jobs.Delivery) error {
			if d.Key == "0" {
				return jobs.Dead(fmt.Errorf("of no use: %w", errBoom))
			}
			return errors.New(strings.Repeat("long\x00\xff", 2000))
		},
		OnDead: func(_ context.Context, d jobs.Delivery, cause error) { died <- death{d, cause} },
	})
	tenant := uuid.New()
	r.enqueue(numbered(tenant, "", 2)...)
	w.Wake()
	for range 2 {
		d := <-died
		require.Equal(t, tenant, d.d.TenantID)
		if d.d.Key == "0" {
			require.ErrorIs(t, d.cause, errBoom)
		}
	}
	all := r.dead(tenant)
	require.Len(t, all, 2)
	require.Equal(t, "0", all[0].Key)
	require.Equal(t, "of no use: boom", all[0].LastError)
	require.Equal(t, 1, all[0].Attempts)
	require.Equal(t, "1", all[1].Key)
	require.Equal(t, 2, all[1].Attempts)
	require.True(t, strings.HasPrefix(all[1].LastError, "long��long"))
	require.LessOrEqual(t, len(all[1].LastError), 4000)
	require.False(t, all[1].FinishedAt.IsZero())
	require.Zero(t, r.enqueue(numbered(tenant, "", 2)...), "a dead job's key is known")
}

func timeouts(t *testing.T, r *rig) {
	w := r.start(jobs.Kind{Delays: []time.Duration{}, Timeout: 50 * time.Millisecond, Handle: func(ctx context.Context, _ jobs.Delivery) error {
		<-ctx.Done()
		return ctx.Err()
	}})
	tenant := uuid.New()
	r.enqueue(numbered(tenant, "", 1)...)
	w.Wake()
	require.Equal(t, context.DeadlineExceeded.Error(), r.await(tenant, "0", jobs.StateDead).LastError)
}
