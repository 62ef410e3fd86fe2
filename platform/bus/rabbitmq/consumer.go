package rabbitmq

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// ErrDead: a queue has not let itself be subscribed to for long, although
// RabbitMQ is there. It has lost its nodes, for example; RabbitMQ 3.10 makes such
// queues too when it is killed within a second or so after they were declared.
// Messages to a dead queue are not confirmed.
var ErrDead = errors.New("the queue does not answer, although RabbitMQ is there")

// Consumer subscribes to a queue, again and again, and finds out when it is dead.
type Consumer struct {
	Connection *Connection
	Prefetch   int           // how many messages are on their way at once
	Patience   time.Duration // with a queue that does not answer

	mu    sync.Mutex
	since time.Time // when RabbitMQ was first asked in vain; zero: the last time it was not
}

// Subscription is a channel with the messages of one queue.
type Subscription struct {
	*amqp.Channel
	Deliveries <-chan amqp.Delivery
}

const consumerTag = "tansu" // channels have one consumer each

// Cancel asks for no more messages. Deliveries ends behind those that are on
// their way.
func (s *Subscription) Cancel() error { return s.Channel.Cancel(consumerTag, false) }

// Subscribe waits for the connection and subscribes to the queue that declare
// names. The error is ErrDead when that was tried in vain for the patience.
func (c *Consumer) Subscribe(ctx context.Context, declare func(*amqp.Channel) (queue string, err error)) (*Subscription, error) {
	conn, err := c.Connection.Wait(ctx)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithDeadlineCause(ctx, c.asked().Add(c.Patience), ErrDead)
	defer cancel()
	s := &Subscription{}
	s.Channel, err = ask(ctx, conn, func(ch *amqp.Channel) error {
		if err := ch.Qos(c.Prefetch, 0, false); err != nil {
			return err
		}
		queue, err := declare(ch)
		if err != nil {
			return err
		}
		s.Deliveries, err = ch.Consume(queue, consumerTag, false, false, false, false, nil)
		return err
	})
	if err == nil || errors.Is(err, ErrDead) {
		c.setSince(time.Time{})
	}
	if err != nil {
		return nil, err
	}
	return s, nil
}

// deleteTime is how long RabbitMQ may take to delete a dead queue: it gives its
// nodes 5 s to answer before it does without them.
const deleteTime = 15 * time.Second

// Delete makes room for a new queue of the same name. What the dead one held is
// lost.
func (c *Consumer) Delete(ctx context.Context, queue string) error {
	ctx, cancel := context.WithTimeout(ctx, deleteTime)
	defer cancel()
	conn, err := c.Connection.Wait(ctx)
	if err != nil {
		return err
	}
	ch, err := ask(ctx, conn, func(ch *amqp.Channel) error {
		_, err := ch.QueueDelete(queue, false, false, false)
		return err
	})
	if err != nil {
		return fmt.Errorf("deleting queue %s: %w", queue, err)
	}
	return ch.Close()
}

// asked returns since when RabbitMQ has been asked in vain.
func (c *Consumer) asked() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.since.IsZero() {
		c.since = time.Now()
	}
	return c.since
}

func (c *Consumer) setSince(since time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.since = since
}

// ask returns a new channel on which something was asked. The client waits for
// answers without a bound: when ctx ends, the channel is left behind until there
// is an answer or the connection ends.
func ask(ctx context.Context, conn *amqp.Connection, something func(*amqp.Channel) error) (*amqp.Channel, error) {
	type answer struct {
		channel *amqp.Channel
		err     error
	}
	answers := make(chan answer, 1)
	go func() {
		ch, err := conn.Channel()
		if err == nil {
			if err = something(ch); err != nil {
				_ = ch.Close() // it may be broken
			}
		}
		answers <- answer{ch, err}
	}()
	select {
	case a := <-answers:
		return a.channel, a.err
	case <-ctx.Done():
		go func() {
			if a := <-answers; a.err == nil {
				_ = a.channel.Close()
			}
		}()
		return nil, context.Cause(ctx)
	}
}
