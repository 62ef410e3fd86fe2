package feeds

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/uuid"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"

	"tansu.cloud/eventstore"
)

// Config of a Hub. Fields without a stated default are required.
type Config struct {
	// Subscriber delivers every message of the relay to this process. The hub
	// closes it.
	Subscriber message.Subscriber
	// Log is read for the tails, which all readers of a tenant share.
	Log eventstore.Reader
	// Walled is the log as the tenant of a context sees it. It is read for one
	// reader, who is behind the tail. Default Log.
	Walled eventstore.Reader
	// HeadsOf returns the heads of the tenants that have one, in one query.
	HeadsOf func(context.Context, []uuid.UUID) ([]eventstore.Head, error)
	// Snapshots are the read models that can be followed, by name. Default none.
	Snapshots map[string]Snapshot

	// PollInterval is the time between looks at the database for what messages
	// did not tell. Default 1 s.
	PollInterval time.Duration
	// TailEvents and TailBytes bound the events that are kept of each watched
	// tenant; the newest event is kept whatever its size. Defaults 1,024 and 1 MiB.
	TailEvents, TailBytes int

	Logger        *slog.Logger         // default: discards
	MeterProvider metric.MeterProvider // default: the global one
}

func (c *Config) setDefaults() {
	if c.Walled == nil {
		c.Walled = c.Log
	}
	if c.PollInterval == 0 {
		c.PollInterval = time.Second
	}
	if c.TailEvents == 0 {
		c.TailEvents = 1024
	}
	if c.TailBytes == 0 {
		c.TailBytes = 1 << 20
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.MeterProvider == nil {
		c.MeterProvider = otel.GetMeterProvider()
	}
}

// validate returns all problems at once.
func (c *Config) validate() error {
	var problems []error
	for _, f := range []struct {
		wrong bool
		what  string
	}{
		{c.Subscriber == nil, "Subscriber is missing"}, {c.Log == nil, "Log is missing"}, {c.HeadsOf == nil, "HeadsOf is missing"},
		{c.PollInterval < 0, "PollInterval is out of range"}, {c.TailEvents < 2, "TailEvents is out of range"},
		{c.TailBytes < 0, "TailBytes is out of range"},
	} {
		if f.wrong {
			problems = append(problems, fmt.Errorf("feeds: %s", f.what))
		}
	}
	return errors.Join(problems...)
}
