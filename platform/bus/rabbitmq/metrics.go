package rabbitmq

import (
	"context"
	"errors"

	"go.opentelemetry.io/otel/metric"
)

// scope names the instrumentation of this package.
const scope = "tansu.cloud/platform/bus/rabbitmq"

type metrics struct {
	published, failures metric.Int64Counter
	registration        metric.Registration
}

func newMetrics(provider metric.MeterProvider, healthy func() error) (*metrics, error) {
	meter := provider.Meter(scope)
	connected, err1 := meter.Int64ObservableGauge("tansu.bus.connected",
		metric.WithDescription("1 while messages can be published and received, else 0."))
	published, err2 := meter.Int64Counter("tansu.bus.published", metric.WithUnit("{message}"),
		metric.WithDescription("Messages that the broker confirmed."))
	failures, err3 := meter.Int64Counter("tansu.bus.publish_failures", metric.WithUnit("{message}"),
		metric.WithDescription("Messages that could not be published; subscribers find their content in the log."))
	if err := errors.Join(err1, err2, err3); err != nil {
		return nil, err
	}
	registration, err := meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		value := int64(1)
		if healthy() != nil {
			value = 0
		}
		o.ObserveInt64(connected, value)
		return nil
	}, connected)
	return &metrics{published, failures, registration}, err
}

func (m *metrics) count(messages int, err error) {
	if err != nil {
		m.failures.Add(context.Background(), int64(messages))
		return
	}
	m.published.Add(context.Background(), int64(messages))
}

func (m *metrics) stop() error { return m.registration.Unregister() }
