// Package rabbitmq is the carrier of jobs between processes. The rows in
// PostgreSQL stay the truth: a message names a job, and a worker that gets one
// claims the row first. Messages that are lost, repeated or late cost time only.
//
// There is one durable quorum queue for each kind (ADR 14).
package rabbitmq

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"tansu.cloud/platform/bus/jobs"
	"tansu.cloud/platform/bus/rabbitmq"
)

// Config of a Carrier.
type Config struct {
	URL string // amqp:// or amqps://
	// Prefix begins the names of the queues, so that several installations can
	// share a virtual host. Default "tansu".
	Prefix string
	// Name of this process, shown by RabbitMQ beside its connections.
	Name string
	// Patience is after what time the message of a job that no worker has claimed
	// is taken for lost. Default 1 minute.
	Patience time.Duration

	Logger *slog.Logger // default: discards
}

// Carrier implements jobs.Carrier.
type Carrier struct{ config Config }

var _ jobs.Carrier = (*Carrier)(nil)

// New returns a carrier that connects when it is used.
func New(c Config) (*Carrier, error) {
	if c.Prefix == "" {
		c.Prefix = "tansu"
	}
	if c.Patience == 0 {
		c.Patience = time.Minute
	}
	if c.Patience < 0 {
		return nil, fmt.Errorf("jobs: Patience is %s; it must be positive", c.Patience)
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return &Carrier{c}, nil
}

// Carry implements jobs.Carrier. RabbitMQ may be away at any time, the start
// included.
func (c *Carrier) Carry(ctx context.Context, w *jobs.Workers) (err error) {
	// Two connections, because RabbitMQ slows one down that publishes too much.
	publishing, err := rabbitmq.Connect(rabbitmq.ConnectionConfig{URL: c.config.URL, Name: c.config.Name + " dispatching jobs", Logger: c.config.Logger})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, publishing.Close()) }()
	consuming, err := rabbitmq.Connect(rabbitmq.ConnectionConfig{URL: c.config.URL, Name: c.config.Name + " doing jobs", Logger: c.config.Logger})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, consuming.Close()) }()

	var parts sync.WaitGroup
	b := &broker{publisher: rabbitmq.Publisher{Connection: publishing}, queues: queues{c.config.Prefix}}
	parts.Go(func() { w.Dispatch(ctx, b, c.config.Patience) })
	for kind, k := range w.Kinds() {
		d := &consumer{
			queue:  &rabbitmq.Consumer{Connection: consuming, Prefetch: 2 * k.Workers, Patience: c.config.Patience / 4},
			queues: b.queues, workers: w, kind: kind, logger: c.config.Logger,
		}
		parts.Go(func() { d.run(ctx) })
	}
	parts.Wait()
	return nil
}
