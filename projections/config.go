package projections

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"tansu.cloud/eventstore"
	"tansu.cloud/platform/bus"
	"tansu.cloud/sql/db"
)

// Config of a Runner. Fields without a stated default are required.
type Config struct {
	// NodeID names this process among those on the same database, and stays the
	// same when it restarts: it takes its own leases again at once.
	NodeID      string
	Projections []Projection
	Pool        *pgxpool.Pool
	Log         eventstore.Reader
	Decoder     Decoder
	Control     Control
	// Bus carries the relay's messages. Required unless Follow.
	Bus bus.Bus

	// Follow keeps this process from moving anything on: it knows how the
	// projections are doing and waits for the work of others. Default: it takes
	// part.
	Follow bool
	// Workers is how many tenants one generation of a projection of every
	// tenant's log advances at once in this process. Default 4.
	Workers int
	// LivePage and CatchUpPage are how many events one transaction takes at most.
	// Defaults 500 and 1,000.
	LivePage, CatchUpPage int
	// PollInterval is the time between looks at the database for what messages
	// did not tell, and the longest that an idle checkpoint stays behind.
	// Default 1 s.
	PollInterval time.Duration
	// LeaseTTL is how long a dead process holds its share of the work. Default 8 s,
	// which with the poll makes less than 10 s until others go on.
	LeaseTTL time.Duration
	// Tries is how often a failing event is tried before its stream is parked,
	// RetryDelay the wait before the second try, which doubles with each.
	// Defaults 3 and 500 ms.
	Tries      int
	RetryDelay time.Duration
	// MaxBackoff bounds the wait between tries when the database or the log
	// fails. Default 5 s.
	MaxBackoff time.Duration
	// SwitchLag is the most events that a rebuilt generation may lag when the
	// serving one is paused for the switch. Default 500.
	SwitchLag int64
	// DropAfter is how long the tables of a replaced generation are kept for
	// readers that began before the switch. Default 1 minute.
	DropAfter time.Duration

	Logger         *slog.Logger         // default: discards
	TracerProvider trace.TracerProvider // default: the global one
	MeterProvider  metric.MeterProvider // default: the global one
}

func (c *Config) setDefaults() {
	setDefault(&c.Workers, 4)
	setDefault(&c.LivePage, 500)
	setDefault(&c.CatchUpPage, eventstore.MaxPage)
	setDefault(&c.PollInterval, time.Second)
	setDefault(&c.LeaseTTL, 8*time.Second)
	setDefault(&c.Tries, 3)
	setDefault(&c.RetryDelay, 500*time.Millisecond)
	setDefault(&c.MaxBackoff, 5*time.Second)
	setDefault(&c.SwitchLag, 500)
	setDefault(&c.DropAfter, time.Minute)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.TracerProvider == nil {
		c.TracerProvider = otel.GetTracerProvider()
	}
	if c.MeterProvider == nil {
		c.MeterProvider = otel.GetMeterProvider()
	}
}

// beat is the time between looks at what cannot wait for a poll.
func (c *Config) beat() time.Duration { return max(c.PollInterval/10, time.Millisecond) }

func setDefault[T int | int64 | time.Duration](field *T, value T) {
	if *field == 0 {
		*field = value
	}
}

// validate returns all problems at once.
func (c *Config) validate() error {
	var problems []error
	required := func(missing bool, field string) {
		if missing {
			problems = append(problems, fmt.Errorf("projections: %s is missing", field))
		}
	}
	required(c.NodeID == "", "NodeID")
	required(c.Pool == nil, "Pool")
	required(c.Log == nil, "Log")
	required(c.Decoder == nil, "Decoder")
	required(c.Control == nil, "Control")
	required(c.Bus == nil && !c.Follow, "Bus")
	names := map[string]bool{}
	for i := range c.Projections {
		p := &c.Projections[i]
		problems = append(problems, p.validate())
		if names[p.Name] {
			problems = append(problems, fmt.Errorf("projections: two projections have the name %q", p.Name))
		}
		names[p.Name] = true
	}
	for _, f := range []struct {
		name  string
		wrong bool
	}{
		{"Workers", c.Workers < 1}, {"LivePage", c.LivePage < 1 || c.LivePage > eventstore.MaxPage},
		{"CatchUpPage", c.CatchUpPage < 1 || c.CatchUpPage > eventstore.MaxPage},
		{"PollInterval", c.PollInterval < 0}, {"LeaseTTL", c.LeaseTTL < 0}, {"Tries", c.Tries < 1},
		{"RetryDelay", c.RetryDelay < 0}, {"MaxBackoff", c.MaxBackoff < 0}, {"SwitchLag", c.SwitchLag < 0},
		{"DropAfter", c.DropAfter < 0},
	} {
		if f.wrong {
			problems = append(problems, fmt.Errorf("projections: %s is out of range", f.name))
		}
	}
	return errors.Join(problems...)
}

// setup is what everything that works for one projection needs.
type setup struct {
	Projection
	handles map[string]bool
	config  *Config
	queries *db.Queries
	logger  *slog.Logger
	tracer  trace.Tracer
	metrics *instruments
	runs    *sharedRuns   // of all projections
	slots   chan struct{} // of the workers of the shares of every tenant's logs
}

func newSetup(c *Config, p Projection, m *metrics, runs *sharedRuns) *setup {
	s := &setup{
		Projection: p, handles: map[string]bool{}, config: c, queries: db.New(c.Pool),
		logger: c.Logger.With("projection", p.Name), tracer: c.TracerProvider.Tracer(scope), metrics: m.of(p.Name), runs: runs,
	}
	for _, t := range p.Types {
		s.handles[t] = true
	}
	if p.EveryTenant {
		s.slots = make(chan struct{}, c.Workers)
	}
	return s
}
