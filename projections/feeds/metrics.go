package feeds

import (
	"context"
	"errors"

	"go.opentelemetry.io/otel/metric"
)

// scope names the instrumentation of this package.
const scope = "tansu.cloud/projections/feeds"

type metrics struct {
	delivered, coalesced, lagged, logPages, refused, gaps metric.Int64Counter
}

func newMetrics(meter metric.Meter) (*metrics, error) {
	m := &metrics{}
	var problems []error
	counter := func(name, unit, description string) metric.Int64Counter {
		c, err := meter.Int64Counter(name, metric.WithUnit(unit), metric.WithDescription(description))
		problems = append(problems, err)
		return c
	}
	m.delivered = counter("tansu.feed.delivered", "{event}", "Events handed out to readers.")
	m.coalesced = counter("tansu.feed.coalesced", "{event}", "Events left out for newer ones of their streams, for readers that were behind and allow it.")
	m.lagged = counter("tansu.feed.lagged", "{reader}", "Times that a live reader fell further behind than is kept in memory; it goes on from the log.")
	m.logPages = counter("tansu.feed.log_pages", "{page}", "Pages of the log read for readers that catch up and for gaps between messages.")
	m.refused = counter("tansu.feed.refused", "{message}", "Messages that are not runs of events and were left out.")
	m.gaps = counter("tansu.feed.gaps", "{gap}", "Holes found in the log; must stay 0 (runbook log-corrupt).")
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	m.gaps.Add(context.Background(), 0) // an alarm needs the series before the first gap
	return m, nil
}

func (m *metrics) handedOut(ctx context.Context, b *Batch) {
	if n := len(b.Entries); n > 0 {
		m.delivered.Add(ctx, int64(n))
	}
	if b.Coalesced > 0 {
		m.coalesced.Add(ctx, int64(b.Coalesced))
	}
	if b.Lagged {
		m.lagged.Add(ctx, 1)
	}
}

// observe registers the gauges.
func (h *Hub) observe(meter metric.Meter) (metric.Registration, error) {
	cursors, err1 := meter.Int64ObservableGauge("tansu.feed.cursors", metric.WithUnit("{reader}"),
		metric.WithDescription("Open readers."))
	tails, err2 := meter.Int64ObservableGauge("tansu.feed.tails", metric.WithUnit("{tenant}"),
		metric.WithDescription("Tenants whose newest events are kept in memory."))
	bytes, err3 := meter.Int64ObservableGauge("tansu.feed.tail.bytes", metric.WithUnit("By"),
		metric.WithDescription("Memory of these events, about."))
	if err := errors.Join(err1, err2, err3); err != nil {
		return nil, err
	}
	return meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		h.mu.RLock()
		defer h.mu.RUnlock()
		o.ObserveInt64(cursors, h.cursors.Load())
		o.ObserveInt64(tails, int64(len(h.tails)))
		o.ObserveInt64(bytes, h.bytes.Load())
		return nil
	}, cursors, tails, bytes)
}
