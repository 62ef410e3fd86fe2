package bus

import (
	"context"
	"log/slog"
	"slices"
	"sync"

	"github.com/ThreeDotsLabs/watermill/message"
)

// InProcess is a bus inside one process. Publish returns when every subscriber
// has acknowledged the message: this keeps the order and bounds what is under
// way to one message per publisher, so subscribers must only enqueue.
type InProcess struct {
	logger *slog.Logger
	ctx    context.Context // ends with Close
	cancel context.CancelFunc

	mu    sync.RWMutex
	lines []*line
}

var _ Bus = (*InProcess)(nil)

// NewInProcess returns an open bus.
func NewInProcess(logger *slog.Logger) *InProcess {
	b := &InProcess{logger: logger}
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
	for _, m := range messages {
		var delivering sync.WaitGroup
		for _, l := range b.to(topic, PartitionOf(m.Metadata.Get(TenantKey))) {
			delivering.Go(func() { b.deliver(l, m) })
		}
		delivering.Wait()
	}
	return nil
}

// Close ends all subscriptions. It implements message.Publisher.
func (b *InProcess) Close() error {
	b.cancel()
	return nil
}

// Fanout implements Bus.
func (b *InProcess) Fanout() message.Subscriber { return newSubscriber(b, "", everyPartition) }

// Queue implements Bus. A queue lasts as long as it has subscribers.
func (b *InProcess) Queue(name string, partition int) message.Subscriber {
	return newSubscriber(b, name, partition)
}

const everyPartition = -1 // of a fan-out

// line is where subscribers take their messages from: a subscription to a fan-out
// has one for itself, those to a queue share one.
type line struct {
	topic, name string
	partition   int
	members     int
	messages    chan *message.Message // for one of the members, who answers it
	left        chan struct{}         // closed when the last member has gone
}

// to lists the lines that a message belongs to.
func (b *InProcess) to(topic string, partition int) (found []*line) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	for _, l := range b.lines {
		if l.topic == topic && (l.partition == partition || l.partition == everyPartition) {
			found = append(found, l)
		}
	}
	return found
}

// deliver hands a message out until a member acknowledges it or none is left.
func (b *InProcess) deliver(l *line, m *message.Message) {
	for {
		copied := m.Copy() // each has an answer of its own
		select {
		case l.messages <- copied:
		case <-l.left:
			return
		}
		select {
		case <-copied.Acked():
			return
		case <-copied.Nacked():
			b.logger.Debug("bus: a message was not acknowledged; it comes again", "message_id", m.UUID, "queue", l.name)
		}
	}
}

func (b *InProcess) join(topic, name string, partition int) *line {
	b.mu.Lock()
	defer b.mu.Unlock()
	i := slices.IndexFunc(b.lines, func(l *line) bool {
		return partition != everyPartition && l.topic == topic && l.name == name && l.partition == partition
	})
	if i < 0 {
		i = len(b.lines)
		b.lines = append(b.lines, &line{
			topic: topic, name: name, partition: partition, messages: make(chan *message.Message), left: make(chan struct{}),
		})
	}
	b.lines[i].members++
	return b.lines[i]
}

func (b *InProcess) leave(l *line) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if l.members--; l.members == 0 {
		close(l.left)
		b.lines = slices.DeleteFunc(b.lines, func(other *line) bool { return other == l })
	}
}
