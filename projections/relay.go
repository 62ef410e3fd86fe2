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
)

// What the relay holds at most while the publisher is slower than the appends.
const (
	relayBytes = 32 << 20
	relayHints = 10_000 // tenants
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

// next takes the oldest run, and hints when there are none.
func (r *Relay) next() *run {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.queue) > 0 {
		first := r.queue[0]
		r.queue[0] = nil
		r.queue = r.queue[1:]
		r.bytes -= first.bytes
		if r.tails[first.tenant] == first {
			delete(r.tails, first.tenant)
		}
		return first
	}
	r.queue = nil
	for tenant, last := range r.hints {
		delete(r.hints, tenant)
		return &run{tenant: tenant, last: last}
	}
	return nil
}

func (r *Relay) publish(ctx context.Context) {
	failures := 0
	for ctx.Err() == nil {
		next := r.next()
		if next == nil {
			select {
			case <-r.wake:
			case <-ctx.Done():
			}
			continue
		}
		if err := r.send(ctx, next); err != nil {
			r.logger.WarnContext(ctx, "relay: publishing failed", "tenant_id", next.tenant, "position", next.last, "error", err)
			r.mu.Lock()
			r.hint(next.tenant, next.last, len(next.events))
			r.mu.Unlock()
			failures++
			sleep(ctx, backoff(failures, 5*time.Second))
			continue
		}
		failures = 0
	}
}

func (r *Relay) send(ctx context.Context, next *run) error {
	m, err := encodeRun(next)
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
	return r.publisher.Publish(Topic, m)
}
