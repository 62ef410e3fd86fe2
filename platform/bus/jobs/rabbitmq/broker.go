package rabbitmq

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"tansu.cloud/platform/bus/jobs"
	"tansu.cloud/platform/bus/rabbitmq"
)

// confirmTime is how long RabbitMQ may take to confirm what one call published.
const confirmTime = 5 * time.Second

// broker implements jobs.Broker on one channel.
type broker struct {
	connection *rabbitmq.Connection
	queues     queues

	mu      sync.Mutex
	channel *amqp.Channel
}

// open returns the channel, a new one if the last one is broken, and a context
// that lives while it takes messages.
func (b *broker) open() (*amqp.Channel, context.Context, error) {
	conn, flow, err := b.connection.Current()
	if err != nil {
		return nil, nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.channel != nil && !b.channel.IsClosed() {
		return b.channel, flow, nil
	}
	ch, err := conn.Channel()
	if err != nil {
		return nil, nil, err
	}
	if err := ch.Confirm(false); err != nil {
		return nil, nil, errors.Join(err, ch.Close())
	}
	b.channel = ch
	return ch, flow, nil
}

// Consumers implements jobs.Broker.
func (b *broker) Consumers(kind string) (int, error) {
	ch, _, err := b.open()
	if err != nil {
		return 0, err
	}
	declared, err := b.queues.declare(ch, kind)
	return declared.Consumers, err
}

// Publish implements jobs.Broker. All messages are sent before the first
// confirmation is waited for: a round trip for a call, not for a message.
func (b *broker) Publish(kind string, refs []jobs.Ref) error {
	ch, flow, err := b.open()
	if err != nil {
		return err
	}
	confirmations := make([]*amqp.DeferredConfirmation, len(refs))
	for i, ref := range refs {
		m, err := encode(ref)
		if err != nil {
			return err
		}
		if confirmations[i], err = ch.PublishWithDeferredConfirm("", b.queues.name(kind), false, false, m); err != nil {
			return fmt.Errorf("publishing: %w", err)
		}
	}
	ctx, cancel := context.WithTimeout(flow, confirmTime)
	defer cancel()
	for _, c := range confirmations {
		taken, err := c.WaitContext(ctx)
		if errors.Is(err, context.DeadlineExceeded) {
			return fmt.Errorf("RabbitMQ did not confirm within %s", confirmTime)
		}
		if err != nil {
			return fmt.Errorf("waiting for RabbitMQ's confirmation: %w", err)
		}
		if !taken {
			return errors.New("RabbitMQ did not take the message, or the connection broke")
		}
	}
	return nil
}
