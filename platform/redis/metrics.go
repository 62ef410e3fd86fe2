package redis

import (
	"context"
	"errors"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// scope names the instrumentation of this package.
const scope = "tansu.cloud/platform/redis"

// Engine is the attribute by which fallbacks are told apart.
func Engine(name string) metric.MeasurementOption {
	return metric.WithAttributeSet(attribute.NewSet(attribute.String("tansu.engine", name)))
}

// observe makes the instruments.
func (l *Link) observe(meter metric.Meter) error {
	var err1, err2, err3 error
	l.fallback, err1 = meter.Int64Counter("tansu.redis.fallback", metric.WithUnit("{call}"),
		metric.WithDescription("Calls that did without Redis, by engine."))
	connected, err2 := meter.Int64ObservableGauge("tansu.redis.connected", metric.WithUnit("{connection}"),
		metric.WithDescription("1 if this process uses Redis, 0 if it does without."))
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	l.gauge, err3 = meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		var value int64
		if l.State().Up {
			value = 1
		}
		o.ObserveInt64(connected, value)
		return nil
	}, connected)
	return err3
}
