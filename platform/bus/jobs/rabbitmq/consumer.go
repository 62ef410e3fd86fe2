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

// subscription is one attempt to consume from one queue.
type subscription struct {
	*consumer
	number int64
	// Closed when RabbitMQ was asked, when it has answered, at the end.
	asked, begun, ended chan struct{}
	work                sync.WaitGroup // messages that are not answered yet
}

// run consumes until ctx ends and what was delivered is answered. It does not
// wait for subscriptions that are broken or hang.
func (c *consumer) run(ctx context.Context) {
	var since time.Time // when RabbitMQ was first asked in vain
	for ctx.Err() == nil {
		number, err := c.workers.QueueNumber(ctx, c.kind)
		if err != nil {
			sleep(ctx, pause)
			continue
		}
		current, cancel := context.WithCancel(ctx)
		s := &subscription{
			consumer: c, number: number, asked: make(chan struct{}), begun: make(chan struct{}), ended: make(chan struct{}),
		}
		c.subscriptions.Go(func() {
			defer close(s.ended)
			if err := s.consume(current); err != nil && current.Err() == nil {
				c.logger.WarnContext(ctx, "jobs: the subscription was interrupted; it goes on when RabbitMQ allows", "kind", c.kind, "error", err)
			}
		})
		s.watch(ctx, &since)
		cancel()
	}
}

// watch returns when the subscription has ended or should. A queue that does not
// let itself be subscribed to is replaced.
func (s *subscription) watch(ctx context.Context, since *time.Time) {
	asked, begun := s.asked, s.begun
	for {
		select {
		case <-asked:
			asked = nil
			if since.IsZero() {
				*since = time.Now()
			}
		case <-begun:
			asked, begun, *since = nil, nil, time.Time{}
		case <-s.ended:
			sleep(ctx, pause)
			return
		case <-ctx.Done():
			if begun == nil {
				<-s.ended
			}
			return
		case <-time.After(lookInterval):
		}
		if !since.IsZero() && time.Since(*since) > s.patience {
			*since = time.Time{}
			if err := s.workers.ReplaceQueue(ctx, s.kind, s.number); err != nil {
				continue
			}
		}
		if now, err := s.workers.QueueNumber(ctx, s.kind); err == nil && now != s.number {
			return
		}
	}
}

// consume works until the channel breaks, or ctx has ended and all is answered.
func (s *subscription) consume(ctx context.Context) error {
	conn, err := s.connection.Wait(ctx)
	if err != nil {
		return err
	}
	close(s.asked)
	ch, err := conn.Channel()
	if err != nil {
		return err
	}
	defer func() { _ = ch.Close() }() // gives back what is unanswered; it may be broken
	if err := ch.Qos(s.prefetch, 0, false); err != nil {
		return err
	}
	if _, err := s.queues.declare(ch, s.kind, s.number); err != nil {
		return err
	}
	const tag = "workers"
	deliveries, err := ch.Consume(s.queues.name(s.kind, s.number), tag, false, false, false, false, nil)
	if err != nil {
		return err
	}
	close(s.begun)
	// Jobs that run outlive the channel; messages that wait for a worker do not.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for {
		select {
		case d, open := <-deliveries:
			if !open {
				return errors.New("RabbitMQ ended the subscription")
			}
			s.do(ctx, d)
		case <-ctx.Done():
			if err := ch.Cancel(tag, false); err != nil {
				return err
			}
			for d := range deliveries {
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
