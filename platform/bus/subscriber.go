package bus

import (
	"context"
	"sync"

	"github.com/ThreeDotsLabs/watermill/message"
)

// subscriber of the bus inside the process. Routers close their subscriber when
// they stop; this ends its subscriptions only.
type subscriber struct {
	open   func(ctx context.Context, topic string) (*source, error)
	ctx    context.Context // ends with Close, and with the bus
	cancel context.CancelFunc
	stops  sync.WaitGroup
}

// source is what a subscription takes its messages from.
type source struct {
	messages <-chan *message.Message
	wants    func(*message.Message) bool
	leave    func() // once, at the end of the subscription
}

func newSubscriber(ctx context.Context, open func(context.Context, string) (*source, error)) *subscriber {
	s := &subscriber{open: open}
	s.ctx, s.cancel = context.WithCancel(ctx)
	return s
}

// Subscribe ends with ctx, with the subscriber or with the bus.
func (s *subscriber) Subscribe(ctx context.Context, topic string) (<-chan *message.Message, error) {
	if s.ctx.Err() != nil {
		return nil, ErrClosed
	}
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(s.ctx, cancel)
	from, err := s.open(ctx, topic)
	if err != nil {
		from.leave()
		stop()
		cancel()
		return nil, err
	}
	out := make(chan *message.Message)
	s.stops.Go(func() {
		defer close(out)
		defer cancel()
		defer stop()
		defer from.leave()
		for from.pass(ctx, out) {
		}
	})
	return out, nil
}

// pass hands the next message on and waits for the answer. A message that is
// unanswered at the end is for somebody else. It reports whether to go on.
func (f *source) pass(ctx context.Context, out chan<- *message.Message) bool {
	select {
	case m, open := <-f.messages:
		if !open {
			return false
		}
		if !f.wants(m) {
			m.Ack()
			return true
		}
		select {
		case out <- m:
		case <-ctx.Done():
			m.Nack()
			return false
		}
		select {
		case <-m.Acked():
		case <-m.Nacked():
		case <-ctx.Done():
			m.Nack()
		}
		return true
	case <-ctx.Done():
		return false
	}
}

// Close implements message.Subscriber.
func (s *subscriber) Close() error {
	s.cancel()
	s.stops.Wait()
	return nil
}
