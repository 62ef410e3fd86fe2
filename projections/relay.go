package projections

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/uuid"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"tansu.cloud/eventstore"
	"tansu.cloud/platform/bus"
)

// What the relay holds at most while the publisher is slower than the appends,
// and publishes in one call: a broker confirms a call, so what queued up while it
// confirmed the last one costs one round trip.
const (
	relayBytes     = 32 << 20
	relayHints     = 10_000 // tenants
	relayBatch     = 100    // runs
	relayBatchSize = 4 << 20
	relayPause     = 2 * time.Second // the longest after failures
)

// RelayConfig says where to publish to.
type RelayConfig struct {
	Publisher      message.Publisher
	Logger         *slog.Logger         // default: discards
	TracerProvider trace.TracerProvider // default: the global one
	MeterProvider  metric.MeterProvider // default: the global one
}

// Relay publishes what was committed. It may lose messages: projections find in
// the log what they were not told.
type Relay struct {
	publisher message.Publisher
	logger    *slog.Logger
	tracer    trace.Tracer
	dropped   metric.Int64Counter

	mu    sync.Mutex
	queue []*run
	tails map[uuid.UUID]*run // the newest queued run of each tenant, which can grow
	hints map[uuid.UUID]int64
	bytes int
	wake  chan struct{}

	cancel context.CancelFunc
	done   chan struct{}
}

// NewRelay returns a relay that publishes once it is started.
func NewRelay(c RelayConfig) (*Relay, error) {
	if c.Publisher == nil {
		return nil, errors.New("relay: Publisher is missing")
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.TracerProvider == nil {
		c.TracerProvider = otel.GetTracerProvider()
	}
	if c.MeterProvider == nil {
		c.MeterProvider = otel.GetMeterProvider()
	}
	dropped, err := c.MeterProvider.Meter(scope).Int64Counter("tansu.relay.dropped", metric.WithUnit("{event}"),
		metric.WithDescription("Events that were not published because the publisher was too slow or failed; projections read them from the log."))
	if err != nil {
		return nil, err
	}
	return &Relay{
		publisher: c.Publisher, logger: c.Logger, tracer: c.TracerProvider.Tracer(scope), dropped: dropped,
		tails: map[uuid.UUID]*run{}, hints: map[uuid.UUID]int64{}, wake: make(chan struct{}, 1),
	}, nil
}

// Start begins to publish, until Stop or the end of ctx.
func (r *Relay) Start(ctx context.Context) error {
	if r.cancel != nil {
		return errors.New("relay: started twice")
	}
	ctx, r.cancel = context.WithCancel(ctx)
	r.done = make(chan struct{})
	go func() {
		defer close(r.done)
		r.publish(ctx)
	}()
	return nil
}

// Stop ends publishing; what is queued stays in the log for later.
func (r *Relay) Stop(ctx context.Context) error {
	if r.cancel == nil {
		return nil
	}
	r.cancel()
	select {
	case <-r.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Committed takes a contiguous run of one tenant's committed events. It does not
// block: when the queue is full it keeps the position only.
func (r *Relay) Committed(events []eventstore.Event) {
	if len(events) == 0 {
		return
	}
	r.mu.Lock()
	for i := range events {
		if !r.enqueue(&events[i]) {
			r.hint(events[i].TenantID, events[len(events)-1].Position, len(events)-i)
			break
		}
	}
	r.mu.Unlock()
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

func (r *Relay) enqueue(e *eventstore.Event) bool {
	size := eventBytes(e)
	if r.bytes+size > relayBytes {
		return false
	}
	tail := r.tails[e.TenantID]
	if tail == nil || tail.last+1 != e.Position || len(tail.events) >= maxRunEvents || tail.bytes+size > maxRunBytes {
		tail = &run{tenant: e.TenantID}
		r.tails[e.TenantID] = tail
		r.queue = append(r.queue, tail)
	}
	tail.events = append(tail.events, *e)
	tail.last = e.Position
	tail.bytes += size
	r.bytes += size
	return true
}

func (r *Relay) hint(tenant uuid.UUID, last int64, events int) {
	r.dropped.Add(context.Background(), int64(events))
	if _, known := r.hints[tenant]; known || len(r.hints) < relayHints {
		r.hints[tenant] = max(last, r.hints[tenant])
	}
}

// next takes the oldest runs, and hints when there are none.
func (r *Relay) next() []*run {
	r.mu.Lock()
	defer r.mu.Unlock()
	var batch []*run
	for size := 0; len(r.queue) > 0 && len(batch) < relayBatch && size < relayBatchSize; {
		first := r.queue[0]
		r.queue[0] = nil
		r.queue = r.queue[1:]
		r.bytes -= first.bytes
		size += first.bytes
		if r.tails[first.tenant] == first {
			delete(r.tails, first.tenant)
		}
		batch = append(batch, first)
	}
	if len(batch) > 0 {
		return batch
	}
	r.queue = nil
	for tenant, last := range r.hints {
		if len(batch) == relayBatch {
			break
		}
		delete(r.hints, tenant)
		batch = append(batch, &run{tenant: tenant, last: last})
	}
	return batch
}

func (r *Relay) publish(ctx context.Context) {
	failures := 0
	for ctx.Err() == nil {
		batch := r.next()
		if len(batch) == 0 {
			select {
			case <-r.wake:
			case <-ctx.Done():
			}
			continue
		}
		if err := r.send(ctx, batch); err != nil {
			if failures == 0 { // a broker can be away for long
				r.logger.WarnContext(ctx, "relay: publishing fails; trying until it works", "runs", len(batch), "error", err)
			}
			r.mu.Lock()
			for _, failed := range batch {
				r.hint(failed.tenant, failed.last, len(failed.events))
			}
			r.mu.Unlock()
			failures++
			sleep(ctx, backoff(failures, relayPause))
			continue
		}
		failures = 0
	}
}

// send publishes runs in their order.
func (r *Relay) send(ctx context.Context, batch []*run) error {
	messages := make([]*message.Message, len(batch))
	for i, next := range batch {
		m, err := encodeRun(next)
		if err == nil && len(m.Payload) > bus.MaxPayload { // the reader fetches it
			m, err = encodeRun(&run{tenant: next.tenant, last: next.last})
		}
		if err != nil {
			return err
		}
		if traces := tracesOf(next.events); traces.parent.IsValid() {
			ctx, span := r.tracer.Start(trace.ContextWithRemoteSpanContext(ctx, traces.parent), "relay events",
				trace.WithSpanKind(trace.SpanKindProducer), trace.WithLinks(traces.links...),
				trace.WithAttributes(attribute.String("tansu.tenant.id", next.tenant.String()), attribute.Int("tansu.events", len(next.events))))
			defer span.End()
			injectTrace(ctx, m)
		}
		messages[i] = m
	}
	return r.publisher.Publish(Topic, messages...)
}
