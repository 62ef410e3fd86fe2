package jobs

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"
)

// Config of Workers. Fields without a stated default are required.
type Config struct {
	Pool *pgxpool.Pool
	// NodeID names this process in the rows that it works on.
	NodeID string
	// Kinds are the jobs that this process does. Those of other kinds are left to
	// other processes.
	Kinds   map[string]Kind
	Carrier Carrier // default: Postgres

	// Lease is how long a job stays with a process that has died; a living one
	// renews its leases all the time. Default 30 s.
	Lease time.Duration
	// PollInterval is the time between looks at the database for what nobody has
	// told, such as jobs that have become due. Default 250 ms.
	PollInterval time.Duration
	// Grace is how long running handlers may go on when the process stops.
	// Default 10 s.
	Grace time.Duration
	// Retention is how long the keys of finished jobs are remembered. Default
	// 7 days.
	Retention time.Duration

	Logger        *slog.Logger         // default: discards
	MeterProvider metric.MeterProvider // default: the global one
}

// defaultDelays make eight attempts within 23½ hours.
var defaultDelays = []time.Duration{
	10 * time.Second, time.Minute, 5 * time.Minute, 25 * time.Minute, 2 * time.Hour, 6 * time.Hour, 15 * time.Hour,
}

func (c *Config) setDefaults() {
	if c.Carrier == nil {
		c.Carrier = Postgres{}
	}
	setDefault(&c.Lease, 30*time.Second)
	setDefault(&c.PollInterval, 250*time.Millisecond)
	setDefault(&c.Grace, 10*time.Second)
	setDefault(&c.Retention, 7*24*time.Hour)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.MeterProvider == nil {
		c.MeterProvider = otel.GetMeterProvider()
	}
}

func (k *Kind) setDefaults() {
	if k.Delays == nil {
		k.Delays = defaultDelays
	}
	setDefault(&k.Timeout, time.Minute)
	setDefault(&k.Workers, 8)
	setDefault(&k.PerTenant, min(4, k.Workers))
}

func setDefault[T int | time.Duration](field *T, value T) {
	if *field == 0 {
		*field = value
	}
}

// validate returns all problems at once.
func (c *Config) validate() error {
	var problems []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			problems = append(problems, fmt.Errorf("jobs: "+format, args...))
		}
	}
	check(c.Pool != nil, "Pool is missing")
	check(c.NodeID != "", "NodeID is missing")
	check(c.Lease >= time.Second, "Lease is %s; it must be 1s or more", c.Lease)
	check(c.PollInterval > 0, "PollInterval is %s; it must be positive", c.PollInterval)
	check(c.Grace > 0, "Grace is %s; it must be positive", c.Grace)
	check(c.Retention > 0, "Retention is %s; it must be positive", c.Retention)
	for name, k := range c.Kinds {
		check(name != "" && len(name) <= MaxKind, "the name of kind %q must have 1 to %d bytes", name, MaxKind)
		check(k.Handle != nil, "kind %q: Handle is missing", name)
		check(k.Timeout > 0, "kind %q: Timeout is %s; it must be positive", name, k.Timeout)
		check(k.Workers > 0 && k.PerTenant > 0 && k.PerTenant <= k.Workers,
			"kind %q: Workers is %d and PerTenant %d; both must be positive, and PerTenant not above Workers", name, k.Workers, k.PerTenant)
		for _, d := range k.Delays {
			check(d >= 0, "kind %q: the delay %s is negative", name, d)
		}
	}
	return errors.Join(problems...)
}

func interval(d time.Duration) pgtype.Interval {
	return pgtype.Interval{Microseconds: d.Microseconds(), Valid: true}
}
