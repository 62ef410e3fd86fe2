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
	connection *rabbitmq.Connection
	queues     queues
	workers    *jobs.Workers
	kind       string
	prefetch   int
	logger     *slog.Logger
	work       sync.WaitGroup
}

// run consumes until ctx ends and the jobs that were begun are done with.
func (c *consumer) run(ctx context.Context) {
	for ctx.Err() == nil {
		if err := c.consume(ctx); err != nil && ctx.Err() == nil {
			c.logger.WarnContext(ctx, "jobs: the subscription was interrupted; it goes on when RabbitMQ allows", "kind", c.kind, "error", err)
		}
		sleep(ctx, pause)
	}
	c.work.Wait()
}

// consume works until the channel breaks, or ctx has ended and all is answered.
func (c *consumer) consume(ctx context.Context) error {
	conn, err := c.connection.Wait(ctx)
	if err != nil {
		return err
	}
	ch, err := conn.Channel()
	if err != nil {
		return err
	}
	defer func() { _ = ch.Close() }() // gives back what is unanswered; it may be broken
	if err := ch.Qos(c.prefetch, 0, false); err != nil {
		return err
	}
	if _, err := c.queues.declare(ch, c.kind); err != nil {
		return err
	}
	const tag = "workers"
	deliveries, err := ch.Consume(c.queues.name(c.kind), tag, false, false, false, false, nil)
	if err != nil {
		return err
	}
	// Jobs that run outlive the channel; messages that wait for a worker do not.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for {
		select {
		case d, open := <-deliveries:
			if !open {
				return errors.New("RabbitMQ ended the subscription")
			}
			c.do(ctx, d)
		case <-ctx.Done():
			if err := ch.Cancel(tag, false); err != nil {
				return err
			}
			for d := range deliveries {
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
