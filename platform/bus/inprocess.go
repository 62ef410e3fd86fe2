package bus

import (
	"context"
	"log/slog"
	"sync"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/pubsub/gochannel"
)

// InProcess is a bus inside one process. Publish returns when every subscriber
// has acknowledged the message: this keeps the order and bounds what is under
// way to one message per publisher, so subscribers must only enqueue.
type InProcess struct {
	channel *gochannel.GoChannel
	ctx     context.Context // ends with Close
	cancel  context.CancelFunc

	mu     sync.Mutex
	queues map[queueKey]*queue
}

var _ Bus = (*InProcess)(nil)

// NewInProcess returns an open bus.
func NewInProcess(logger *slog.Logger) *InProcess {
	b := &InProcess{
		channel: gochannel.NewGoChannel(gochannel.Config{BlockPublishUntilSubscriberAck: true}, Logger(logger)),
		queues:  map[queueKey]*queue{},
	}
	b.ctx, b.cancel = context.WithCancel(context.Background())
	return b
}

// Publish implements message.Publisher.
func (b *InProcess) Publish(topic string, messages ...*message.Message) error {
	if b.ctx.Err() != nil {
		return ErrClosed
	}
	for _, m := range messages {
		if len(m.Payload) > MaxPayload {
			return ErrTooLarge
		}
	}
	return b.channel.Publish(topic, messages...)
}

// Close ends all subscriptions. It implements message.Publisher.
func (b *InProcess) Close() error {
	b.cancel()
	return b.channel.Close()
}

// Fanout implements Bus.
func (b *InProcess) Fanout() message.Subscriber {
	return newSubscriber(b.ctx, func(ctx context.Context, topic string) (*source, error) {
		ctx, cancel := context.WithCancel(ctx)
		messages, err := b.channel.Subscribe(ctx, topic)
		return &source{messages: messages, wants: func(*message.Message) bool { return true }, leave: cancel}, err
	})
}

// Queue implements Bus. A queue lasts as long as it has subscribers.
func (b *InProcess) Queue(name string, partition int) message.Subscriber {
	return newSubscriber(b.ctx, func(_ context.Context, topic string) (*source, error) {
		key := queueKey{topic, name, partition}
		q := b.join(key)
		q.begin.Do(func() { q.messages, q.err = b.channel.Subscribe(q.ctx, topic) })
		return &source{
			messages: q.messages,
			wants:    func(m *message.Message) bool { return PartitionOf(m.Metadata.Get(TenantKey)) == partition },
			leave:    func() { b.leave(key, q) },
		}, q.err
	})
}

type queueKey struct {
	topic, name string
	partition   int
}

// queue is one subscription, from which several subscribers take.
type queue struct {
	ctx      context.Context // ends with the last subscriber
	cancel   context.CancelFunc
	members  int
	begin    sync.Once // outside the lock: subscribing waits for the message under way
	messages <-chan *message.Message
	err      error
}

func (b *InProcess) join(key queueKey) *queue {
	b.mu.Lock()
	defer b.mu.Unlock()
	q := b.queues[key]
	if q == nil {
		q = &queue{}
		q.ctx, q.cancel = context.WithCancel(context.Background())
		b.queues[key] = q
	}
	q.members++
	return q
}

func (b *InProcess) leave(key queueKey, q *queue) {
	b.mu.Lock()
	defer b.mu.Unlock()
	q.members--
	if q.members == 0 {
		q.cancel()
		delete(b.queues, key)
	}
}
