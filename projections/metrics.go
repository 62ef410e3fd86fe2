package projections

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// scope names the instrumentation of this package.
const scope = "tansu.cloud/projections"

// metrics are the instruments of all projections of a process.
type metrics struct {
	events, gaps, redelivered, refused metric.Int64Counter
	batch                              metric.Int64Histogram
}

// instruments are the metrics with the attribute of one projection.
type instruments struct {
	*metrics
	attributes metric.MeasurementOption
}

func (m *metrics) of(projection string) *instruments {
	i := &instruments{m, metric.WithAttributeSet(attribute.NewSet(attribute.String("tansu.projection", projection)))}
	i.gaps.Add(context.Background(), 0, i.attributes) // an alarm needs the series before the first gap
	return i
}

func newMetrics(meter metric.Meter) (*metrics, error) {
	m := &metrics{}
	var problems []error
	counter := func(name, unit, description string) metric.Int64Counter {
		c, err := meter.Int64Counter(name, metric.WithUnit(unit), metric.WithDescription(description))
		problems = append(problems, err)
		return c
	}
	m.events = counter("tansu.projection.events", "{event}", "Events that projections looked at.")
	m.gaps = counter("tansu.projection.gaps", "{gap}", "Holes found in the log; must stay 0 (runbook log-corrupt).")
	m.redelivered = counter("tansu.projection.redelivered", "{event}", "Events in messages that were known already.")
	m.refused = counter("tansu.projection.refused", "{message}", "Messages that are not runs of events and were left out.")
	var err error
	m.batch, err = meter.Int64Histogram("tansu.projection.batch", metric.WithUnit("{event}"),
		metric.WithDescription("Events applied by one transaction."))
	return m, errors.Join(append(problems, err)...)
}

// observeTimeout bounds the queries of one collection.
const observeTimeout = 5 * time.Second

// observe registers the gauges, which ask the database when they are collected.
// Each is reported by the process that leads the projection, but the partitions by
// every one that has some.
func (r *Runner) observe(meter metric.Meter) (metric.Registration, error) {
	events, err1 := meter.Int64ObservableGauge("tansu.projection.lag.events", metric.WithUnit("{event}"),
		metric.WithDescription("Events in the log that the serving generation has not looked at."))
	seconds, err2 := meter.Float64ObservableGauge("tansu.projection.lag", metric.WithUnit("s"),
		metric.WithDescription("Age of the oldest event that the serving generation has not looked at."))
	parked, err3 := meter.Int64ObservableGauge("tansu.projection.parked_streams", metric.WithUnit("{stream}"),
		metric.WithDescription("Streams that wait for a re-drive."))
	partitions, err4 := meter.Int64ObservableGauge("tansu.projection.partitions", metric.WithUnit("{partition}"),
		metric.WithDescription("Partitions of the tenants that this process moves on."))
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		return nil, err
	}
	return meter.RegisterCallback(func(ctx context.Context, o metric.Observer) error {
		ctx, cancel := context.WithTimeout(ctx, observeTimeout)
		defer cancel()
		for _, p := range r.projectors {
			o.ObserveInt64(partitions, int64(len(p.lives())), p.metrics.attributes)
			if !p.leads.Load() {
				continue
			}
			s, err := p.status(ctx)
			if err != nil {
				return err
			}
			o.ObserveInt64(events, s.LagEvents, p.metrics.attributes)
			o.ObserveFloat64(seconds, s.Lag.Seconds(), p.metrics.attributes)
			o.ObserveInt64(parked, int64(s.Parked), p.metrics.attributes)
		}
		return nil
	}, events, seconds, parked, partitions)
}
