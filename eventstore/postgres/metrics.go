package postgres

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5/pgconn"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"tansu.cloud/eventstore"
)

const instrumentation = "tansu.cloud/eventstore/postgres"

func newTracer() trace.Tracer { return otel.Tracer(instrumentation) }

type metrics struct {
	batch     metric.Int64Histogram
	wait      metric.Float64Histogram
	conflicts metric.Int64Counter
	headMoved metric.Int64Counter
	fallbacks metric.Int64Counter
	lookedUp  metric.Int64Counter
}

func newMetrics() *metrics {
	m := otel.Meter(instrumentation)
	return &metrics{
		batch: must(m.Int64Histogram("tansu.append.batch", metric.WithUnit("{append}"),
			metric.WithDescription("Appends that a lane writes together."),
			metric.WithExplicitBucketBoundaries(1, 2, 4, 8, 16, 32, 64, 128, 256, 512))),
		wait: must(m.Float64Histogram("tansu.append.wait", metric.WithUnit("s"),
			metric.WithDescription("Time an append waits in its lane."),
			metric.WithExplicitBucketBoundaries(.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, 1, 5))),
		conflicts: must(m.Int64Counter("tansu.append.conflicts",
			metric.WithDescription("Appends refused: wrong version, taken value or used idempotency key."))),
		headMoved: must(m.Int64Counter("tansu.append.head_moved",
			metric.WithDescription("Optimistic writes that found the head moved by another process."))),
		fallbacks: must(m.Int64Counter("tansu.append.locked",
			metric.WithDescription("Groups of appends that took the locked path."))),
		lookedUp: must(m.Int64Counter("tansu.append.looked_up",
			metric.WithDescription("Appends whose interrupted commit was found in the log."))),
	}
}

// must: instrument names are constants, so an error is a mistake in this file.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func (m *metrics) conflict(ctx context.Context, err error) {
	kind := ""
	if _, ok := errors.AsType[*eventstore.VersionConflict](err); ok {
		kind = "version"
	} else if _, ok := errors.AsType[*eventstore.AlreadyProcessed](err); ok {
		kind = "idempotency"
	} else if _, ok := errors.AsType[*eventstore.ClaimTaken](err); ok {
		kind = "claim"
	} else if pgErr, ok := errors.AsType[*pgconn.PgError](err); ok && pgErr.Code == "23505" {
		kind = "unique"
	} else {
		return
	}
	m.conflicts.Add(ctx, 1, metric.WithAttributes(attribute.String("kind", kind)))
}

// notifierMetrics has its provider handed in, unlike the store's.
type notifierMetrics struct {
	sent, heard metric.Int64Counter
	connected   metric.Int64Gauge
}

func newNotifierMetrics(m metric.Meter) (*notifierMetrics, error) {
	sent, err1 := m.Int64Counter("tansu.notifier.sent", metric.WithUnit("{notification}"),
		metric.WithDescription("Notifications sent to the other processes."))
	heard, err2 := m.Int64Counter("tansu.notifier.heard", metric.WithUnit("{position}"),
		metric.WithDescription("Positions of tenants that other processes told."))
	connected, err3 := m.Int64Gauge("tansu.notifier.connected",
		metric.WithDescription("1 while this process can hear the others, else 0."))
	return &notifierMetrics{sent: sent, heard: heard, connected: connected}, errors.Join(err1, err2, err3)
}
