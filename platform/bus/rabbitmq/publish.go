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

// publisher has one channel, which keeps the order of what is published.
type publisher struct {
	connection *Connection
	topology   topology

	mu      sync.Mutex
	channel *amqp.Channel
}

// open returns the channel, a new one if the connection was made anew, and a
// context that lives while it takes messages.
func (p *publisher) open() (*amqp.Channel, context.Context, error) {
	conn, flow, err := p.connection.Current()
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
	if err := errors.Join(p.topology.declareExchange(ch), ch.Confirm(false)); err != nil {
		return nil, nil, errors.Join(err, ch.Close())
	}
	p.channel = ch
	return ch, flow, nil
}

// publish sends all messages and then waits until RabbitMQ has confirmed them: a
// round trip for a call, not for a message.
func (p *publisher) publish(topic string, messages []*message.Message) error {
	publishings := make([]amqp.Publishing, len(messages))
	for i, m := range messages {
		if len(m.Payload) > bus.MaxPayload {
			return bus.ErrTooLarge
		}
		var err error
		if publishings[i], err = encode(m); err != nil {
			return err
		}
	}
	ch, flow, err := p.open()
	if err != nil {
		return err
	}
	confirmations := make([]*amqp.DeferredConfirmation, len(messages))
	for i, m := range messages {
		key := partitionKey(topic, m.Metadata.Get(bus.TenantKey))
		if confirmations[i], err = ch.PublishWithDeferredConfirm(p.topology.exchange(), key, false, false, publishings[i]); err != nil {
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
