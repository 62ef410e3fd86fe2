package cache

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// Tiered asks a local cache first, then one that is shared, if there is any. What
// only the shared one has is put into the local one.
type Tiered struct {
	local  *Local
	shared Cache // nil: none
	ttl    time.Duration

	hits, misses metric.Int64Counter
	gauge        metric.Registration
}

var _ Cache = (*Tiered)(nil)

var (
	fromLocal  = level("local")
	fromShared = level("shared")
)

func level(name string) metric.MeasurementOption {
	return metric.WithAttributeSet(attribute.NewSet(attribute.String("tansu.cache.level", name)))
}

// NewTiered returns the two as one, which is stopped at the end. What comes from
// the shared cache is kept in the local one for ttl, so that it may live for twice
// as long.
func NewTiered(local *Local, shared Cache, ttl time.Duration, meters metric.MeterProvider) (*Tiered, error) {
	meter := meters.Meter("tansu.cloud/platform/cache")
	t := &Tiered{local: local, shared: shared, ttl: ttl}
	var err1, err2, err3 error
	t.hits, err1 = meter.Int64Counter("tansu.cache.hits", metric.WithUnit("{answer}"),
		metric.WithDescription("Answers that came from the cache, by level."))
	t.misses, err2 = meter.Int64Counter("tansu.cache.misses", metric.WithUnit("{answer}"),
		metric.WithDescription("Answers that the cache did not have."))
	bytes, err3 := meter.Int64ObservableGauge("tansu.cache.bytes", metric.WithUnit("By"),
		metric.WithDescription("What the cache takes in this process."))
	if err := errors.Join(err1, err2, err3); err != nil {
		return nil, fmt.Errorf("cache: %w", err)
	}
	var err error
	t.gauge, err = meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		o.ObserveInt64(bytes, local.Bytes())
		return nil
	}, bytes)
	if err != nil {
		return nil, fmt.Errorf("cache: %w", err)
	}
	return t, nil
}

// Stop ends the housekeeping of the local cache.
func (t *Tiered) Stop(context.Context) error {
	t.local.Close()
	return t.gauge.Unregister()
}

// Get implements Cache.
func (t *Tiered) Get(ctx context.Context, key string) (value []byte, found bool) {
	if value, found = t.local.Get(ctx, key); found {
		t.hits.Add(ctx, 1, fromLocal)
		return value, true
	}
	if t.shared != nil {
		if value, found = t.shared.Get(ctx, key); found {
			t.hits.Add(ctx, 1, fromShared)
			t.local.Set(ctx, key, value, t.ttl)
			return value, true
		}
	}
	t.misses.Add(ctx, 1)
	return nil, false
}

// Set implements Cache.
func (t *Tiered) Set(ctx context.Context, key string, value []byte, ttl time.Duration) {
	t.local.Set(ctx, key, value, ttl)
	if t.shared != nil {
		t.shared.Set(ctx, key, value, ttl)
	}
}
