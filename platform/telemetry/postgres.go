package telemetry

import (
	"context"
	"fmt"
	"strings"

	"github.com/exaring/otelpgx"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
)

const meterName = "tansu.cloud/platform/telemetry"

// PgxTracer returns a tracer for pgx.ConnConfig.Tracer. Its spans carry the SQL
// text, shortened, and never parameters; spans and metrics are named by the
// query. It uses the globals, so call it after Start.
func PgxTracer() *otelpgx.Tracer {
	return otelpgx.NewTracer(
		otelpgx.WithDisableConnectionDetailsInAttributes(), // reading them copies the configuration each time
		otelpgx.WithDisableAcquireTracer(),                 // waiting for a connection is in ObservePool
		otelpgx.WithSpanNameCtxFunc(queryName),
		otelpgx.WithMetricOperationName(queryName),
	)
}

// queryName is the name that sqlc wrote above the query, else its verb.
func queryName(ctx context.Context, sql string) string {
	if rest, ok := strings.CutPrefix(sql, "-- name: "); ok {
		if name, _, ok := strings.Cut(rest, " "); ok && len(name) <= 64 {
			return name
		}
	}
	return otelpgx.SQLOperationName(ctx, sql)
}

// ObservePool reports a connection pool's state under the given name until the
// returned function is called; do so before closing the pool.
func ObservePool(name string, pool interface{ Stat() *pgxpool.Stat }) (stop func() error, err error) {
	meter := otel.Meter(meterName)
	p := poolInstruments{pool: pool}
	var errs [6]error
	p.count, errs[0] = meter.Int64ObservableUpDownCounter("db.client.connection.count",
		metric.WithUnit("{connection}"), metric.WithDescription("Connections of the pool by state."))
	p.max, errs[1] = meter.Int64ObservableUpDownCounter("db.client.connection.max",
		metric.WithUnit("{connection}"), metric.WithDescription("Most connections that the pool may open."))
	p.acquired, errs[2] = meter.Int64ObservableCounter("tansu.db.pool.acquired",
		metric.WithUnit("{connection}"), metric.WithDescription("Connections handed out."))
	p.waited, errs[3] = meter.Int64ObservableCounter("tansu.db.pool.waited",
		metric.WithUnit("{connection}"), metric.WithDescription("Connections handed out after waiting for a free one."))
	p.wait, errs[4] = meter.Float64ObservableCounter("tansu.db.pool.wait",
		metric.WithUnit("s"), metric.WithDescription("Time spent waiting for a free connection."))
	p.cancelled, errs[5] = meter.Int64ObservableCounter("tansu.db.pool.cancelled",
		metric.WithUnit("{connection}"), metric.WithDescription("Waits for a connection that the caller gave up."))
	for _, err := range errs {
		if err != nil {
			return nil, fmt.Errorf("telemetry: metrics of pool %s: %w", name, err)
		}
	}
	poolName := semconv.DBClientConnectionPoolName(name)
	p.all = metric.WithAttributes(poolName)
	p.idle = metric.WithAttributes(poolName, semconv.DBClientConnectionStateIdle)
	p.used = metric.WithAttributes(poolName, semconv.DBClientConnectionStateUsed)
	reg, err := meter.RegisterCallback(p.observe, p.count, p.max, p.acquired, p.waited, p.wait, p.cancelled)
	if err != nil {
		return nil, fmt.Errorf("telemetry: metrics of pool %s: %w", name, err)
	}
	return reg.Unregister, nil
}

type poolInstruments struct {
	pool                        interface{ Stat() *pgxpool.Stat }
	count, max                  metric.Int64ObservableUpDownCounter
	acquired, waited, cancelled metric.Int64ObservableCounter
	wait                        metric.Float64ObservableCounter
	all, idle, used             metric.MeasurementOption
}

func (p *poolInstruments) observe(_ context.Context, o metric.Observer) error {
	s := p.pool.Stat()
	o.ObserveInt64(p.count, int64(s.IdleConns()), p.idle)
	o.ObserveInt64(p.count, int64(s.AcquiredConns()), p.used)
	o.ObserveInt64(p.max, int64(s.MaxConns()), p.all)
	o.ObserveInt64(p.acquired, s.AcquireCount(), p.all)
	o.ObserveInt64(p.waited, s.EmptyAcquireCount(), p.all)
	o.ObserveFloat64(p.wait, s.EmptyAcquireWaitTime().Seconds(), p.all)
	o.ObserveInt64(p.cancelled, s.CanceledAcquireCount(), p.all)
	return nil
}
