package feeds

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/uuid"
	"go.opentelemetry.io/otel/metric"

	"tansu.cloud/projections"
)

// Hub keeps the tails of the watched tenants and hands out cursors.
type Hub struct {
	config  Config
	metrics *metrics
	linger  time.Duration // how long a tail outlives its last cursor
	// Pages of the log that are read at once, by cursors and for tails. Readers
	// that catch up do not hold back those that are live.
	cursorPages, tailPages chan struct{}

	cursors, bytes atomic.Int64
	refused        atomic.Int64

	mu    sync.RWMutex
	state state
	tails map[uuid.UUID]*tail

	gauges metric.Registration
	quit   context.Context // ends with Stop, or with the context of Start
	cancel context.CancelFunc
	work   sync.WaitGroup
}

type state int

const (
	idle state = iota
	running
	stopped
)

const (
	pagesAtOnce = 4 // of cursors, and as many for tails
	tailLinger  = 30 * time.Second
)

// NewHub returns a hub that can be opened once it is started.
func NewHub(config Config) (*Hub, error) {
	config.setDefaults()
	if err := config.validate(); err != nil {
		return nil, err
	}
	m, err := newMetrics(config.MeterProvider.Meter(scope))
	if err != nil {
		return nil, fmt.Errorf("feeds: %w", err)
	}
	return &Hub{
		config: config, metrics: m, linger: tailLinger, tails: map[uuid.UUID]*tail{},
		cursorPages: make(chan struct{}, pagesAtOnce), tailPages: make(chan struct{}, pagesAtOnce),
	}, nil
}

// Start subscribes to the bus and returns. If the bus cannot be reached, the hub
// tries again and feeds come from the safety poll meanwhile.
func (h *Hub) Start(ctx context.Context) error {
	h.mu.Lock()
	if h.state != idle {
		h.mu.Unlock()
		return errors.New("feeds: started twice")
	}
	var err error
	if h.gauges, err = h.observe(h.config.MeterProvider.Meter(scope)); err != nil {
		h.mu.Unlock()
		return fmt.Errorf("feeds: %w", err)
	}
	h.quit, h.cancel = context.WithCancel(ctx)
	h.state = running
	h.mu.Unlock()
	messages := h.subscribe(h.quit)
	h.spawn(func() { h.listen(h.quit, messages) })
	h.spawn(func() { h.pollRegularly(h.quit) })
	return nil
}

// Stop ends the subscription and all cursors, whose Next returns ErrStopped.
func (h *Hub) Stop(ctx context.Context) error {
	h.mu.Lock()
	if h.state != running {
		h.mu.Unlock()
		return nil
	}
	h.state = stopped
	h.cancel()
	tails := h.tails
	h.tails = map[uuid.UUID]*tail{}
	h.mu.Unlock()
	for _, t := range tails {
		t.end(ErrStopped)
	}
	done := make(chan error, 1)
	go func() {
		err := h.config.Subscriber.Close()
		h.work.Wait()
		done <- err
	}()
	select {
	case err := <-done:
		return errors.Join(err, h.gauges.Unregister())
	case <-ctx.Done():
		return errors.Join(ctx.Err(), h.gauges.Unregister())
	}
}

// spawn runs something that Stop waits for.
func (h *Hub) spawn(do func()) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	if h.state == running {
		h.work.Go(do)
	}
}

// subscribe returns a nil channel if it fails.
func (h *Hub) subscribe(ctx context.Context) <-chan *message.Message {
	messages, err := h.config.Subscriber.Subscribe(ctx, projections.Topic)
	if err != nil && ctx.Err() == nil {
		h.config.Logger.WarnContext(ctx, "feeds: subscribing failed; feeds follow by the safety poll", "error", err)
	}
	return messages
}

// listen takes messages until ctx ends, and subscribes again whenever the bus
// ends the subscription.
func (h *Hub) listen(ctx context.Context, messages <-chan *message.Message) {
	for {
		if messages != nil {
			for m := range messages {
				m.Ack()
				h.receive(m)
			}
		}
		select {
		case <-time.After(h.config.PollInterval):
			messages = h.subscribe(ctx)
		case <-ctx.Done():
			return
		}
	}
}

// receive gives a message to the tail of its tenant, if there is one. The
// message is decoded there.
func (h *Hub) receive(m *message.Message) {
	tenant, position, err := projections.MessageHead(m)
	if err != nil {
		h.refuse(m, err)
		return
	}
	if t := h.tail(tenant); t != nil {
		t.offer(m, position)
	}
}

// refuse counts a message that is none of the relay's, and logs it now and then.
func (h *Hub) refuse(m *message.Message, err error) {
	h.metrics.refused.Add(context.Background(), 1)
	if n := h.refused.Add(1); n&(n-1) == 0 {
		h.config.Logger.Warn("feeds: refused a message", "message_id", m.UUID, "refused", n, "error", err)
	}
}

// Hint says that a tenant's log reaches at least up to a position.
func (h *Hub) Hint(tenant uuid.UUID, position int64) {
	if t := h.tail(tenant); t != nil {
		t.aim(position)
	}
}

func (h *Hub) tail(tenant uuid.UUID) *tail {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.tails[tenant]
}

// watch returns the tenant's tail for one more user.
func (h *Hub) watch(tenant uuid.UUID) (*tail, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.state != running {
		return nil, ErrStopped
	}
	t := h.tails[tenant]
	if t == nil {
		t = &tail{hub: h, tenant: tenant, cursors: map[*Cursor]struct{}{}}
		h.tails[tenant] = t
	}
	t.users++
	return t, nil
}

func (h *Hub) unwatch(t *tail) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if t.users--; t.users == 0 {
		t.idleSince = time.Now()
	}
}
