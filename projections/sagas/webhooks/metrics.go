package webhooks

import (
	"errors"

	"go.opentelemetry.io/otel/metric"
)

const scope = "tansu.cloud/projections/sagas/webhooks"

type metrics struct {
	deliveries metric.Int64Counter
	duration   metric.Float64Histogram
}

func newMetrics(meter metric.Meter) (*metrics, error) {
	deliveries, err1 := meter.Int64Counter("tansu.webhooks.deliveries",
		metric.WithDescription("Attempts to deliver an event to a webhook, by outcome."))
	duration, err2 := meter.Float64Histogram("tansu.webhooks.duration", metric.WithUnit("s"),
		metric.WithDescription("Time from sending an event to the end of the answer, by outcome."),
		metric.WithExplicitBucketBoundaries(.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 15))
	return &metrics{deliveries, duration}, errors.Join(err1, err2)
}
