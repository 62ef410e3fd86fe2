package rabbitmq

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"tansu.cloud/platform/bus/jobs"
	"tansu.cloud/platform/bus/rabbitmq"
)

// pause keeps a consumer that RabbitMQ or the database refuses from asking in a
// circle.
const pause = 500 * time.Millisecond

// lookInterval is how often a consumer asks whether its queue was replaced.
const lookInterval = time.Second

// consumer gives the workers of this process the messages of one kind.
type consumer struct {
	connection *rabbitmq.Connection
	queues     queues
	workers    *jobs.Workers
	kind       string
	prefetch   int
	patience   time.Duration // with a queue that gives no messages
	logger     *slog.Logger
	// subscriptions that may hang in RabbitMQ; they end with the connection.
	subscriptions sync.WaitGroup
}

// subscription is the use of one queue.
type subscription struct {
	*consumer
	number int64
	queue  *rabbitmq.Consumer
	ended  chan struct{}
	work   sync.WaitGroup // messages that are not answered yet
}

// run consumes until ctx ends and what was delivered is answered. It does not
// wait for the end of queues that were replaced.
func (c *consumer) run(ctx context.Context) {
	for ctx.Err() == nil {
		number, err := c.workers.QueueNumber(ctx, c.kind)
		if err != nil {
			sleep(ctx, pause)
			continue
		}
		current, cancel := context.WithCancel(ctx)
		s := &subscription{
			consumer: c, number: number, ended: make(chan struct{}),
			queue: &rabbitmq.Consumer{Connection: c.connection, Prefetch: c.prefetch, Patience: c.patience},
		}
		c.subscriptions.Go(func() {
			defer close(s.ended)
			s.run(current)
		})
		s.watch(ctx)
		cancel()
	}
}

// watch returns when the subscription has ended or its queue was replaced.
func (s *subscription) watch(ctx context.Context) {
	look := time.NewTicker(lookInterval)
	defer look.Stop()
	for {
		select {
		case <-s.ended:
			return
		case <-look.C:
		}
		if now, err := s.workers.QueueNumber(ctx, s.kind); err == nil && now != s.number {
			return
		}
	}
}

// run consumes until ctx ends. A queue that does not let itself be subscribed to
// is replaced.
func (s *subscription) run(ctx context.Context) {
	for ctx.Err() == nil {
		err := s.consume(ctx)
		if errors.Is(err, rabbitmq.ErrDead) {
			err = errors.Join(err, s.workers.ReplaceQueue(ctx, s.kind, s.number))
		}
		if err != nil && ctx.Err() == nil {
			s.logger.WarnContext(ctx, "jobs: the subscription was interrupted; it goes on when RabbitMQ allows", "kind", s.kind, "error", err)
			sleep(ctx, pause)
		}
	}
}

// consume works until the channel breaks, or ctx has ended and all is answered.
func (s *subscription) consume(ctx context.Context) error {
	from, err := s.queue.Subscribe(ctx, func(ch *amqp.Channel) (string, error) {
		declared, err := s.queues.declare(ch, s.kind, s.number)
		return declared.Name, err
	})
	if err != nil {
		return err
	}
	defer func() { _ = from.Close() }() // gives back what is unanswered; it may be broken
	// Jobs that run outlive the channel; messages that wait for a worker do not.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for {
		select {
		case d, open := <-from.Deliveries:
			if !open {
				return errors.New("RabbitMQ ended the subscription")
			}
			s.do(ctx, d)
		case <-ctx.Done():
			if err := from.Cancel(); err != nil {
				return err
			}
			for d := range from.Deliveries {
				_ = d.Nack(false, true)
			}
			s.work.Wait()
			return nil
		}
	}
}

// do answers a message when its job is done with. The answer may find the
// channel broken; then the message comes again and finds the job claimed.
func (s *subscription) do(ctx context.Context, d amqp.Delivery) {
	ref, err := decode(d)
	if err != nil {
		s.logger.WarnContext(ctx, "jobs: message left out: it names no job", "kind", s.kind)
		_ = d.Ack(false)
		return
	}
	s.work.Add(1)
	s.workers.Do(ctx, s.kind, ref, func(err error) {
		defer s.work.Done()
		if err == nil {
			_ = d.Ack(false)
			return
		}
		sleep(ctx, pause)
		_ = d.Nack(false, true)
	})
}

func sleep(ctx context.Context, delay time.Duration) {
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
