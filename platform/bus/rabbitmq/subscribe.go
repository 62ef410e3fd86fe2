package rabbitmq

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/cenkalti/backoff/v5"
	amqp "github.com/rabbitmq/amqp091-go"

	"tansu.cloud/platform/bus"
)

const (
	// prefetch is how many messages are on their way to a subscription; with
	// bus.MaxPayload it bounds its memory.
	prefetch = 16
	// A subscription that RabbitMQ refuses is asked for again after pauses.
	firstRetry, longestRetry = 200 * time.Millisecond, 10 * time.Second
	// subscribeTime is how long Subscribe waits for RabbitMQ to take part.
	subscribeTime = 5 * time.Second
)

// subscriber makes subscriptions that last until they are ended, however often
// the connection breaks.
type subscriber struct {
	connection *Connection
	topology   topology
	queue      func(topic string) queue
	patience   time.Duration // with a queue that does not answer
	logger     *slog.Logger

	ctx    context.Context // ends with Close, and with the bus
	cancel context.CancelFunc
	stops  sync.WaitGroup
}

// Subscribe ends with ctx, with the subscriber or with the bus. If RabbitMQ
// answers, the messages from now on are certain when it returns; if not, the
// subscription begins when it does.
func (s *subscriber) Subscribe(ctx context.Context, topic string) (<-chan *message.Message, error) {
	if s.ctx.Err() != nil {
		return nil, bus.ErrClosed
	}
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(s.ctx, cancel)
	out := make(chan *message.Message)
	first := make(chan struct{}) // closed when the first attempt has ended
	attempted := sync.OnceFunc(func() { close(first) })
	pause := backoff.NewExponentialBackOff()
	pause.InitialInterval, pause.MaxInterval = firstRetry, longestRetry
	begun := func() {
		pause.Reset()
		attempted()
	}
	s.stops.Go(func() {
		defer close(out)
		defer cancel()
		defer stop()
		defer attempted()
		consumer := &Consumer{Connection: s.connection, Prefetch: prefetch, Patience: s.patience}
		for ctx.Err() == nil {
			if err := s.consume(ctx, consumer, s.queue(topic), out, begun); err != nil && ctx.Err() == nil {
				s.logger.WarnContext(ctx, "subscription interrupted; it goes on when RabbitMQ allows", "topic", topic, "error", err)
			}
			attempted()
			select {
			case <-time.After(pause.NextBackOff()):
			case <-ctx.Done():
			}
		}
	})
	if s.connection.connected(ctx) {
		select {
		case <-first:
		case <-time.After(subscribeTime):
		}
	}
	return out, nil
}

// consume delivers what arrives in the queue until the channel or ctx ends.
func (s *subscriber) consume(ctx context.Context, c *Consumer, q queue, out chan<- *message.Message, begun func()) error {
	from, err := c.Subscribe(ctx, func(ch *amqp.Channel) (string, error) { return s.topology.declare(ch, q) })
	if errors.Is(err, ErrDead) && q.durable {
		return errors.Join(err, c.Delete(ctx, q.name)) // what it held is in the log
	}
	if err != nil {
		return err
	}
	defer func() { _ = from.Close() }() // gives back what is unanswered; it may be broken
	begun()
	for {
		select {
		case d, open := <-from.Deliveries:
			if !open {
				return errors.New("RabbitMQ ended the subscription")
			}
			if err := s.deliver(ctx, d, out); err != nil {
				return err
			}
		case <-ctx.Done():
			return nil
		}
	}
}

// deliver hands one message over and passes the answer on. It does not watch the
// connection: what has arrived is delivered, even if it comes again.
func (s *subscriber) deliver(ctx context.Context, d amqp.Delivery, out chan<- *message.Message) error {
	m, err := decode(d)
	if err != nil {
		s.logger.WarnContext(ctx, "message left out: it is not one of Watermill's", "error", err)
		return d.Ack(false)
	}
	m.SetContext(ctx)
	select {
	case out <- m:
	case <-ctx.Done():
		return nil
	}
	select {
	case <-m.Acked():
		return d.Ack(false)
	case <-m.Nacked():
		return d.Nack(false, true)
	case <-ctx.Done():
		return nil
	}
}

// Close implements message.Subscriber.
func (s *subscriber) Close() error {
	s.cancel()
	s.stops.Wait()
	return nil
}
