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

// consumer gives the workers of this process the messages of one kind.
type consumer struct {
	queue   *rabbitmq.Consumer
	queues  queues
	workers *jobs.Workers
	kind    string
	logger  *slog.Logger
	work    sync.WaitGroup // messages that are not answered yet
}

// run consumes until ctx ends and what was delivered is answered. A queue that
// does not let itself be subscribed to is made anew.
func (c *consumer) run(ctx context.Context) {
	for ctx.Err() == nil {
		err := c.consume(ctx)
		if errors.Is(err, rabbitmq.ErrDead) {
			err = errors.Join(err, c.queue.Delete(ctx, c.queues.name(c.kind))) // jobs that it held are named again
		}
		if err != nil && ctx.Err() == nil {
			c.logger.WarnContext(ctx, "jobs: the subscription was interrupted; it goes on when RabbitMQ allows", "kind", c.kind, "error", err)
			sleep(ctx, pause)
		}
	}
}

// consume works until the channel breaks, or ctx has ended and all is answered.
func (c *consumer) consume(ctx context.Context) error {
	from, err := c.queue.Subscribe(ctx, func(ch *amqp.Channel) (string, error) {
		declared, err := c.queues.declare(ch, c.kind)
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
			c.do(ctx, d)
		case <-ctx.Done():
			if err := from.Cancel(); err != nil {
				return err
			}
			for d := range from.Deliveries {
				_ = d.Nack(false, true)
			}
			c.work.Wait()
			return nil
		}
	}
}

// do answers a message when its job is done with. The answer may find the
// channel broken; then the message comes again and finds the job claimed.
func (c *consumer) do(ctx context.Context, d amqp.Delivery) {
	ref, err := decode(d)
	if err != nil {
		c.logger.WarnContext(ctx, "jobs: message left out: it names no job", "kind", c.kind)
		_ = d.Ack(false)
		return
	}
	c.work.Add(1)
	c.workers.Do(ctx, c.kind, ref, func(err error) {
		defer c.work.Done()
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
