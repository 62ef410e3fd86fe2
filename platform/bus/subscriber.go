package bus

import (
	"context"
	"sync"

	"github.com/ThreeDotsLabs/watermill/message"
)

// subscriber of the bus inside the process. Routers close their subscriber when
// they stop; this ends its subscriptions only.
type subscriber struct {
	bus       *InProcess
	name      string
	partition int
	ctx       context.Context // ends with Close, and with the bus
	cancel    context.CancelFunc
	stops     sync.WaitGroup
}

func newSubscriber(b *InProcess, name string, partition int) *subscriber {
	s := &subscriber{bus: b, name: name, partition: partition}
	s.ctx, s.cancel = context.WithCancel(b.ctx)
	return s
}

// Subscribe ends with ctx, with the subscriber or with the bus.
func (s *subscriber) Subscribe(ctx context.Context, topic string) (<-chan *message.Message, error) {
	if s.ctx.Err() != nil {
		return nil, ErrClosed
	}
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(s.ctx, cancel)
	l := s.bus.join(topic, s.name, s.partition)
	out := make(chan *message.Message)
	s.stops.Go(func() {
		defer close(out)
		defer cancel()
		defer stop()
		defer s.bus.leave(l)
		for ctx.Err() == nil {
			l.pass(ctx, out)
		}
	})
	return out, nil
}

// pass hands the next message on and waits for the answer. What is unanswered at
// the end is for somebody else.
func (l *line) pass(ctx context.Context, out chan<- *message.Message) {
	select {
	case m := <-l.messages:
		m.SetContext(ctx)
		select {
		case out <- m:
		case <-ctx.Done():
			m.Nack()
			return
		}
		select {
		case <-m.Acked():
		case <-m.Nacked():
		case <-ctx.Done():
			m.Nack()
		}
	case <-ctx.Done():
	}
}

// Close implements message.Subscriber.
func (s *subscriber) Close() error {
	s.cancel()
	s.stops.Wait()
	return nil
}
