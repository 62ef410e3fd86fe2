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
	"tansu.cloud/eventstore/postgres"
	"tansu.cloud/platform/bus"
	"tansu.cloud/platform/bus/jobs"
	"tansu.cloud/platform/postgrestest"
	"tansu.cloud/projections"
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
	ctx, pool, tenant := t.Context(), postgrestest.New(t), uuid.New()
	messages := bus.NewInProcess(slog.New(slog.DiscardHandler))
	t.Cleanup(func() { require.NoError(t, messages.Close()) })
	relay, err := projections.NewRelay(projections.RelayConfig{Publisher: messages})
	require.NoError(t, err)
	store := postgres.New(pool, postgres.Options{OnCommit: relay.Committed})
	codec := eventstore.NewCodec(commands.Registry(), postgres.NewSubjectKeys(pool, [32]byte{1}))
	all := commands.New(commands.Deps{Store: store, Snapshots: store, Codec: codec, Logger: slog.New(slog.DiscardHandler)})
	var cured atomic.Bool
	died := make(chan struct{}, 10)
	workers, err := jobs.New(jobs.Config{Pool: pool, NodeID: "test", PollInterval: time.Hour, Kinds: map[string]jobs.Kind{"mail": {
		Handle: func(context.Context, jobs.Delivery) error {
			if cured.Load() {
				return nil
			}
			return jobs.Dead(errors.New("no such address"))
		},
		OnDead: func(context.Context, jobs.Delivery, error) { died <- struct{}{} },
	}}})
	require.NoError(t, err)
	start := func(s interface {
		Start(context.Context) error
		Stop(context.Context) error
	}) {
		require.NoError(t, s.Start(context.Background()))
		t.Cleanup(func() { require.NoError(t, s.Stop(context.Background())) })
	}
	start(relay)
	start(store)
	start(workers)
	runner, err := projections.NewRunner(projections.Config{
		NodeID: "test", Pool: pool, Log: store, Decoder: codec, Control: projectionstest.Control{Store: store, Codec: codec}, Bus: messages,
		Projections: []projections.Projection{joborders.New(workers.Wake)}, PollInterval: 20 * time.Millisecond,
	})
	require.NoError(t, err)
	start(runner)
	<-runner.Ready()

	_, err = jobs.Enqueue(ctx, pool,
		jobs.Job{TenantID: tenant, Kind: "mail", Key: "1"}, jobs.Job{TenantID: tenant, Kind: "mail", Key: "2"})
	require.NoError(t, err)
	workers.Wake()
	for range 2 {
		<-died
	}
	queue := jobs.NewQueue(pool)
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
