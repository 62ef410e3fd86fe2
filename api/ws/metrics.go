package ws

import (
	"context"
	"errors"
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// scope names the instrumentation of this package.
const scope = "tansu.cloud/api/ws"

// counters are kept by hand, because a delivery costs little more than counting
// it would.
type counters struct {
	connections, subscriptions, queued         atomic.Int64 // now
	deliveries, frames, bytes, dropped, lagged atomic.Int64 // ever
}

type metrics struct{ closed metric.Int64Counter }

func (s *Server) observe(meter metric.Meter) (*metrics, error) {
	var problems []error
	instruments := map[metric.Observable]*atomic.Int64{}
	gauge := func(name, unit, description string, value *atomic.Int64) {
		g, err := meter.Int64ObservableUpDownCounter(name, metric.WithUnit(unit), metric.WithDescription(description))
		problems = append(problems, err)
		instruments[g] = value
	}
	counter := func(name, unit, description string, value *atomic.Int64) {
		c, err := meter.Int64ObservableCounter(name, metric.WithUnit(unit), metric.WithDescription(description))
		problems = append(problems, err)
		instruments[c] = value
	}
	n := &s.counters
	gauge("tansu.ws.connections", "{connection}", "Open websockets.", &n.connections)
	gauge("tansu.ws.subscriptions", "{subscription}", "Open subscriptions of websockets.", &n.subscriptions)
	gauge("tansu.ws.queue.bytes", "By", "Answers, presence and broadcasts that wait for their websocket.", &n.queued)
	counter("tansu.ws.deliveries", "{event}", "Events written to websockets.", &n.deliveries)
	counter("tansu.ws.frames", "{frame}", "Frames written to websockets.", &n.frames)
	counter("tansu.ws.bytes", "By", "Bytes of these frames.", &n.bytes)
	counter("tansu.ws.dropped", "{frame}", "Presence changes and broadcasts dropped because a client did not take them; presence is listed again.", &n.dropped)
	counter("tansu.ws.lagged", "{event}", "Times that a reader fell behind what is kept in memory and went on from the log.", &n.lagged)
	m := &metrics{}
	var err error
	m.closed, err = meter.Int64Counter("tansu.ws.closed", metric.WithUnit("{connection}"),
		metric.WithDescription("Websockets that ended, by close code."))
	if err := errors.Join(append(problems, err)...); err != nil {
		return nil, err
	}
	all := make([]metric.Observable, 0, len(instruments))
	for i := range instruments {
		all = append(all, i)
	}
	registration, err := meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		for instrument, value := range instruments {
			o.ObserveInt64(instrument.(metric.Int64Observable), value.Load())
		}
		return nil
	}, all...)
	s.unobserve = registration
	return m, err
}

// closedWith counts an end. Codes that only a client could have chosen are one.
func (m *metrics) closedWith(code int) {
	label := "other"
	if name, ours := closeCodes[code]; ours {
		label = name
	}
	m.closed.Add(context.Background(), 1, metric.WithAttributeSet(attribute.NewSet(attribute.String("code", label))))
}

var closeCodes = map[int]string{
	1000: "1000", 1001: "1001", 1005: "1005", 1006: "1006", 1009: "1009", 1012: "1012",
	CloseBadFrame: "4400", CloseUnauthorized: "4401", CloseForbidden: "4403", CloseTimeout: "4408", CloseTooSlow: "4409", CloseTooMany: "4429",
}
