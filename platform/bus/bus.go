// Package bus carries committed events from the relay to projections, sagas and
// feeds as Watermill messages. It is a carrier, not a store: whoever listens
// finds what the bus lost, repeated or reordered in the log. InProcess is the
// embedded bus.
package bus

import (
	"context"
	"hash/fnv"
	"log/slog"
	"sync"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/pubsub/gochannel"
)

// Partitions is how many parts the tenants are divided into. What is partitioned
// (queues, leases) relies on it, so it is for ever.
const Partitions = 8

// PartitionOf tells a tenant's partition from the text of its id.
func PartitionOf(tenantID string) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(tenantID)) // never fails
	return int(h.Sum32() % Partitions)
}

// TenantKey is the metadata key of a message that holds the id of its tenant.
const TenantKey = "tenant_id"

// Bus carries messages to processes. Each message has its tenant under
// TenantKey. Messages may be lost, repeated and reordered.
type Bus interface {
	message.Publisher
	// Fanout returns a subscriber that gets every message from its Subscribe on.
	Fanout() message.Subscriber
	// Queue returns a subscriber that shares the messages of one partition of the
	// tenants with all subscribers of the same name, in whichever process.
	Queue(name string, partition int) message.Subscriber
}

// InProcess is a bus inside one process. Publish returns when every subscriber
// has acknowledged the message: this keeps the order and bounds what is under
// way to one message per publisher, so subscribers must only enqueue.
type InProcess struct{ channel *gochannel.GoChannel }

// NewInProcess returns an open bus.
func NewInProcess(logger *slog.Logger) *InProcess {
	return &InProcess{gochannel.NewGoChannel(
		gochannel.Config{BlockPublishUntilSubscriberAck: true},
		Logger(logger),
	)}
}

// Publish implements message.Publisher.
func (b *InProcess) Publish(topic string, messages ...*message.Message) error {
	return b.channel.Publish(topic, messages...)
}

// Close ends all subscriptions. It implements message.Publisher.
func (b *InProcess) Close() error { return b.channel.Close() }

// Subscriber returns a subscriber of its own for one router. Routers close
// their subscriber when they stop; this ends its subscriptions only.
func (b *InProcess) Subscriber() message.Subscriber {
	ctx, cancel := context.WithCancel(context.Background())
	return &subscriber{channel: b.channel, ctx: ctx, cancel: cancel}
}

type subscriber struct {
	channel *gochannel.GoChannel
	ctx     context.Context // ends with Close
	cancel  context.CancelFunc
	stops   sync.WaitGroup
}

// Subscribe ends with ctx, with the subscriber or with the bus.
func (s *subscriber) Subscribe(ctx context.Context, topic string) (<-chan *message.Message, error) {
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(s.ctx, cancel)
	source, err := s.channel.Subscribe(ctx, topic)
	if err != nil {
		stop()
		cancel()
		return nil, err
	}
	out := make(chan *message.Message)
	s.stops.Go(func() {
		defer close(out)
		defer cancel()
		defer stop()
		for m := range source {
			select {
			case out <- m:
			case <-ctx.Done():
			}
		}
	})
	return out, nil
}

// Close implements message.Subscriber.
func (s *subscriber) Close() error {
	s.cancel()
	s.stops.Wait()
	return nil
}

// Logger passes Watermill's log on; what it finds worth an info line is routine
// here.
func Logger(logger *slog.Logger) watermill.LoggerAdapter {
	return watermill.NewSlogLoggerWithLevelMapping(logger, map[slog.Level]slog.Level{slog.LevelInfo: slog.LevelDebug})
}
