package joborders_test

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tansu.cloud/commands"
	"tansu.cloud/domain/job"
	"tansu.cloud/eventstore"
	"tansu.cloud/platform/bus/jobs"
	"tansu.cloud/platform/postgrestest"
	"tansu.cloud/projections/projectionstest"
	"tansu.cloud/projections/sagas/joborders"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

func request[C any](tenant uuid.UUID, stream string, c C) commands.Request[C] {
	return commands.Request[C]{
		Tenant: tenant, Stream: stream, Command: c, Expected: eventstore.AnyVersion,
		Caller: commands.Caller{Actor: "operator", Permissions: func(string) bool { return true }},
	}
}

func TestDecisionsTakeEffect(t *testing.T) {
	t.Parallel()
	ctx, tenant := t.Context(), uuid.New()
	i := projectionstest.NewInstallation(t, commands.Registry())
	all := commands.New(commands.Deps{Store: i.Store, Snapshots: i.Store, Codec: i.Codec, Logger: slog.New(slog.DiscardHandler)})
	var cured atomic.Bool
	died := make(chan struct{}, 10)
	workers, err := jobs.New(jobs.Config{Pool: i.Pool, NodeID: "test", PollInterval: time.Hour, Kinds: map[string]jobs.Kind{"mail": {
		Handle: func(context.Context, jobs.Delivery) error {
			if cured.Load() {
				return nil
			}
			return jobs.Dead(errors.New("no such address"))
		},
		OnDead: func(context.Context, jobs.Delivery, error) { died <- struct{}{} },
	}}})
	require.NoError(t, err)
	i.Run(workers)
	runner, _ := i.Follow(joborders.New(workers.Wake))

	_, err = jobs.Enqueue(ctx, i.Pool,
		jobs.Job{TenantID: tenant, Kind: "mail", Key: "1"}, jobs.Job{TenantID: tenant, Kind: "mail", Key: "2"})
	require.NoError(t, err)
	workers.Wake()
	for range 2 {
		<-died
	}
	queue := jobs.NewQueue(i.Pool)
	dead, _, err := queue.Dead(ctx, tenant, jobs.DeadQuery{Limit: 10})
	require.NoError(t, err)
	require.Len(t, dead, 2)
	death := func(r jobs.Record) job.Death {
		return job.Death{ID: r.ID.String(), Kind: r.Kind, Key: r.Key, Claim: r.Claims, Dead: true}
	}
	cured.Store(true)
	_, err = all.RedriveJob(ctx, request(tenant, dead[0].ID.String(), commands.RedriveJob{Death: death(dead[0])}))
	require.NoError(t, err)
	given, err := all.DiscardJob(ctx, request(tenant, dead[1].ID.String(), commands.DiscardJob{Death: death(dead[1]), Reason: "he moved"}))
	require.NoError(t, err)
	require.NoError(t, runner.Wait(ctx, joborders.Name, tenant, given.Position))
	require.Eventually(t, func() bool {
		one, err := queue.Get(ctx, tenant, dead[0].ID)
		return err == nil && one.State == jobs.StateDone
	}, 30*time.Second, 5*time.Millisecond)
	two, err := queue.Get(ctx, tenant, dead[1].ID)
	require.NoError(t, err)
	require.Equal(t, jobs.StateDiscarded, two.State)

	// What is decided about a job that is gone changes nothing and stops nobody.
	gone := job.Death{ID: uuid.NewString(), Kind: "mail", Key: "3", Claim: 1, Dead: true}
	last, err := all.RedriveJob(ctx, request(tenant, gone.ID, commands.RedriveJob{Death: gone}))
	require.NoError(t, err)
	require.NoError(t, runner.Wait(ctx, joborders.Name, tenant, last.Position))
	statuses, err := runner.Status(ctx)
	require.NoError(t, err)
	require.Zero(t, statuses[0].Parked)
}
