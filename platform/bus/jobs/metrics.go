package jobs

import (
	"context"
	"errors"
	"slices"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// scope names the instrumentation of this package.
const scope = "tansu.cloud/platform/bus/jobs"

type metrics struct {
	attempts       metric.Int64Counter
	wait, duration metric.Float64Histogram
}

func newMetrics(meter metric.Meter) (*metrics, error) {
	attempts, err1 := meter.Int64Counter("tansu.jobs.attempts", metric.WithUnit("{attempt}"),
		metric.WithDescription("Attempts at jobs, by kind and outcome."))
	wait, err2 := meter.Float64Histogram("tansu.jobs.wait", metric.WithUnit("s"),
		metric.WithDescription("Time from when a job could run until a worker claimed it."))
	duration, err3 := meter.Float64Histogram("tansu.jobs.duration", metric.WithUnit("s"),
		metric.WithDescription("Time that a handler took for one attempt."))
	return &metrics{attempts, wait, duration}, errors.Join(err1, err2, err3)
}

func kindAttributes(kind string) metric.MeasurementOption {
	return metric.WithAttributeSet(attribute.NewSet(attribute.String("tansu.job.kind", kind)))
}

func outcomeAttributes(kind string) map[string]metric.MeasurementOption {
	all := map[string]metric.MeasurementOption{}
	for _, outcome := range []string{outcomeDone, outcomeFailed, outcomeDead, outcomeReleased, outcomeLost} {
		all[outcome] = metric.WithAttributeSet(attribute.NewSet(
			attribute.String("tansu.job.kind", kind), attribute.String("tansu.outcome", outcome)))
	}
	return all
}

// observeTimeout bounds the queries of one collection.
const observeTimeout = 5 * time.Second

// observe registers the gauges. What is ready and what is dead is asked of the
// database, so every process reports the same; what runs is each one's own.
func (w *Workers) observe(meter metric.Meter) (metric.Registration, error) {
	ready, err1 := meter.Int64ObservableGauge("tansu.jobs.ready", metric.WithUnit("{job}"),
		metric.WithDescription("Jobs that wait for a worker only, in the whole installation; counted up to 100,000."))
	running, err2 := meter.Int64ObservableGauge("tansu.jobs.running", metric.WithUnit("{job}"),
		metric.WithDescription("Jobs that run in this process."))
	dead, err3 := meter.Int64ObservableGauge("tansu.jobs.dead", metric.WithUnit("{job}"),
		metric.WithDescription("Jobs that wait for a re-drive, in the whole installation; counted up to 100,000."))
	if err := errors.Join(err1, err2, err3); err != nil {
		return nil, err
	}
	return meter.RegisterCallback(func(ctx context.Context, o metric.Observer) error {
		ctx, cancel := context.WithTimeout(ctx, observeTimeout)
		defer cancel()
		kinds := make([]string, 0, len(w.crews))
		for name, c := range w.crews {
			kinds = append(kinds, name)
			o.ObserveInt64(running, c.running(), c.attributes)
		}
		slices.Sort(kinds)
		counts, err := w.queries.CountReadyJobs(ctx, kinds)
		if err != nil {
			return err
		}
		deaths, err := w.queries.CountDeadJobs(ctx)
		if err != nil {
			return err
		}
		died := map[string]int64{}
		for _, d := range deaths {
			died[d.Kind] = d.Dead
		}
		for _, n := range counts {
			c := w.crews[n.Kind]
			o.ObserveInt64(ready, n.Ready, c.attributes)
			o.ObserveInt64(dead, died[n.Kind], c.attributes)
		}
		return nil
	}, ready, running, dead)
}
