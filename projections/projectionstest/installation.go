package projectionstest

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"tansu.cloud/eventstore"
	"tansu.cloud/eventstore/postgres"
	"tansu.cloud/platform/bus"
	"tansu.cloud/platform/postgrestest"
	"tansu.cloud/projections"
)

// Installation is a log in PostgreSQL with what follows it in this process.
type Installation struct {
	Pool  *pgxpool.Pool
	Store *postgres.Store
	Codec *eventstore.Codec
	Bus   *bus.InProcess

	t testing.TB
}

// NewInstallation runs a store of these events and its relay.
func NewInstallation(t testing.TB, events *eventstore.Registry) *Installation {
	t.Helper()
	i := &Installation{Pool: postgrestest.New(t), Bus: bus.NewInProcess(slog.New(slog.DiscardHandler)), t: t}
	t.Cleanup(func() { require.NoError(t, i.Bus.Close()) })
	relay, err := projections.NewRelay(projections.RelayConfig{Publisher: i.Bus})
	require.NoError(t, err)
	i.Store = postgres.New(i.Pool, postgres.Options{OnCommit: relay.Committed, Lanes: 2})
	i.Codec = eventstore.NewCodec(events, postgres.NewSubjectKeys(i.Pool, [32]byte{1}))
	i.Run(relay)
	i.Run(i.Store)
	return i
}

// Service is what runs from a start to a stop.
type Service interface {
	Start(context.Context) error
	Stop(context.Context) error
}

// Run starts a service and returns how to stop it; the end of the test does too.
func (i *Installation) Run(s Service) (stop func()) {
	i.t.Helper()
	require.NoError(i.t, s.Start(context.Background()))
	stop = sync.OnceFunc(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		require.NoError(i.t, s.Stop(ctx))
	})
	i.t.Cleanup(stop)
	return stop
}

// Follow runs projections and waits until they are ready.
func (i *Installation) Follow(all ...projections.Projection) (runner *projections.Runner, stop func()) {
	i.t.Helper()
	runner, err := projections.NewRunner(projections.Config{
		NodeID: "test", Pool: i.Pool, Log: i.Store, Decoder: i.Codec, Control: Control{Store: i.Store, Codec: i.Codec}, Bus: i.Bus,
		PollInterval: 50 * time.Millisecond, Projections: all,
	})
	require.NoError(i.t, err)
	stop = i.Run(runner)
	select {
	case <-runner.Ready():
	case <-time.After(time.Minute):
		i.t.Fatal("the projections do not start")
	}
	return runner, stop
}
