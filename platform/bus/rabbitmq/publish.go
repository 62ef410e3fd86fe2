package rabbitmq

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	amqp "github.com/rabbitmq/amqp091-go"

	"tansu.cloud/platform/bus"
)

// confirmTime is how long RabbitMQ may take to confirm what one call published.
const confirmTime = 5 * time.Second

// Publisher has one channel of a connection, which keeps the order of what is
// published.
type Publisher struct {
	Connection *Connection
	// Declare makes what has to be there before anything is published; nil: nothing.
	Declare func(*amqp.Channel) error

	mu      sync.Mutex
	channel *amqp.Channel
}

// Outgoing is a message and the routing key that it goes by.
type Outgoing struct {
	Key     string
	Message amqp.Publishing
}

// Channel returns the channel, a new one if the last one is broken, and a context
// that lives while it takes messages.
func (p *Publisher) Channel() (*amqp.Channel, context.Context, error) {
	conn, flow, err := p.Connection.Current()
	if err != nil {
		return nil, nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.channel != nil && !p.channel.IsClosed() {
		return p.channel, flow, nil
	}
	ch, err := conn.Channel()
	if err != nil {
		return nil, nil, err
	}
	if p.Declare != nil {
		err = p.Declare(ch)
	}
	if err := errors.Join(err, ch.Confirm(false)); err != nil {
		return nil, nil, errors.Join(err, ch.Close())
	}
	p.channel = ch
	return ch, flow, nil
}

// Publish sends all messages to an exchange and then waits until RabbitMQ has
// confirmed them: a round trip for a call, not for a message.
func (p *Publisher) Publish(exchange string, messages []Outgoing) error {
	ch, flow, err := p.Channel()
	if err != nil {
		return err
	}
	confirmations := make([]*amqp.DeferredConfirmation, len(messages))
	for i, m := range messages {
		if confirmations[i], err = ch.PublishWithDeferredConfirm(exchange, m.Key, false, false, m.Message); err != nil {
			return fmt.Errorf("publishing: %w", err)
		}
	}
	ctx, cancel := context.WithTimeoutCause(flow, confirmTime, errors.New("RabbitMQ did not confirm in time"))
	defer cancel()
	for _, c := range confirmations {
		acknowledged, err := c.WaitContext(ctx)
		if err != nil {
			return context.Cause(ctx)
		}
		if !acknowledged {
			return errors.New("RabbitMQ did not take the message, or the connection broke")
		}
	}
	return nil
}

// outgoing makes what is sent of the messages of a topic.
func outgoing(topic string, messages []*message.Message) ([]Outgoing, error) {
	out := make([]Outgoing, len(messages))
	for i, m := range messages {
		if len(m.Payload) > bus.MaxPayload {
			return nil, bus.ErrTooLarge
		}
		encoded, err := encode(m)
		if err != nil {
			return nil, err
		}
		out[i] = Outgoing{partitionKey(topic, m.Metadata.Get(bus.TenantKey)), encoded}
	}
	return out, nil
}
