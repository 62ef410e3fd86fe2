// Package rabbitmq is the bus between processes. All of them publish to one topic
// exchange with the tenant's partition as the routing key. A fan-out is a queue
// that belongs to one connection; a named queue is a durable quorum queue for
// each partition (ADR 12).
//
// RabbitMQ may be away at any time, the start included: publishing fails at once,
// subscriptions go on when it is back, and what was missed meanwhile is in the
// log.
package rabbitmq

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"

	"tansu.cloud/platform/bus"
)

// Config of a Bus.
type Config struct {
	URL string // amqp:// or amqps://
	// Prefix begins the names of what is declared, so that several installations
	// can share a virtual host. Default "tansu".
	Prefix string
	// Name of this process, shown by RabbitMQ beside its connections.
	Name string
	// Patience is how long a queue may leave a subscriber without an answer before
	// it is deleted and made anew. Default 15 s.
	Patience time.Duration

	Logger        *slog.Logger         // default: discards
	MeterProvider metric.MeterProvider // default: the global one
}

// Bus implements bus.Bus.
type Bus struct {
	// Two connections, because RabbitMQ slows one down that publishes too much.
	publishing, consuming *Connection
	publisher             *Publisher
	topology              topology
	patience              time.Duration
	logger                *slog.Logger
	metrics               *metrics

	ctx    context.Context // ends with Close
	cancel context.CancelFunc
}

var _ bus.Bus = (*Bus)(nil)

// New returns a bus that connects by itself.
func New(c Config) (*Bus, error) {
	if c.Prefix == "" {
		c.Prefix = "tansu"
	}
	if c.Patience == 0 {
		c.Patience = 15 * time.Second
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.MeterProvider == nil {
		c.MeterProvider = otel.GetMeterProvider()
	}
	b := &Bus{topology: topology{c.Prefix}, patience: c.Patience, logger: c.Logger}
	b.ctx, b.cancel = context.WithCancel(context.Background())
	var err error
	if b.publishing, err = Connect(ConnectionConfig{URL: c.URL, Name: c.Name + " publishing", Logger: c.Logger}); err != nil {
		return nil, err
	}
	if b.consuming, err = Connect(ConnectionConfig{URL: c.URL, Name: c.Name + " consuming", Logger: c.Logger}); err != nil {
		return nil, errors.Join(err, b.publishing.Close())
	}
	b.publisher = &Publisher{Connection: b.publishing, Declare: b.topology.declareExchange}
	if b.metrics, err = newMetrics(c.MeterProvider, b.Healthy); err != nil {
		return nil, errors.Join(err, b.publishing.Close(), b.consuming.Close())
	}
	return b, nil
}

// Publish implements message.Publisher. It returns when RabbitMQ has confirmed
// all messages. After an error some of them may have been published.
func (b *Bus) Publish(topic string, messages ...*message.Message) error {
	if b.ctx.Err() != nil {
		return bus.ErrClosed
	}
	out, err := outgoing(topic, messages)
	if err == nil {
		err = b.publisher.Publish(b.topology.exchange(), out)
	}
	b.metrics.count(len(messages), err)
	return err
}

// Fanout implements bus.Bus.
func (b *Bus) Fanout() message.Subscriber {
	return b.subscriber(b.topology.fanout)
}

// Queue implements bus.Bus.
func (b *Bus) Queue(name string, partition int) message.Subscriber {
	return b.subscriber(func(topic string) queue { return b.topology.shared(topic, name, partition) })
}

func (b *Bus) subscriber(queue func(topic string) queue) message.Subscriber {
	s := &subscriber{connection: b.consuming, topology: b.topology, queue: queue, patience: b.patience, logger: b.logger}
	s.ctx, s.cancel = context.WithCancel(b.ctx)
	return s
}

// Healthy says why messages do not flow, or nil.
func (b *Bus) Healthy() error {
	if _, _, err := b.publishing.Current(); err != nil {
		return err
	}
	_, _, err := b.consuming.Current()
	return err
}

// Close ends all subscriptions. It implements message.Publisher.
func (b *Bus) Close() error {
	b.cancel()
	return errors.Join(b.publishing.Close(), b.consuming.Close(), b.metrics.stop())
}
