package webhooks

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"

	"tansu.cloud/domain/tenant"
	"tansu.cloud/domain/webhook"
	"tansu.cloud/eventstore"
	"tansu.cloud/platform/bus/jobs"
	"tansu.cloud/projections/readmodels/tenantdirectory"
	"tansu.cloud/sql/db"
)

// Config of a Courier. Fields without a stated default are required.
type Config struct {
	Pool    *pgxpool.Pool
	Log     eventstore.Reader
	Secrets *Secrets
	// Client reaches the addresses of webhooks, and no others; it follows no
	// redirects.
	Client *http.Client
	// Disable sends the command that disables a webhook whose address says that
	// it is gone.
	Disable func(ctx context.Context, tenant, webhook uuid.UUID, reason string) error

	// Delays are the waits before the attempts after the first; nil: eight
	// attempts within 28 hours.
	Delays []time.Duration

	Logger        *slog.Logger         // default: discards
	MeterProvider metric.MeterProvider // default: the global one
}

// delays are those that Standard Webhooks recommends.
var delays = []time.Duration{
	5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour, 10 * time.Hour, 10 * time.Hour,
}

func (c *Config) setDefaults() {
	if c.Delays == nil {
		c.Delays = delays
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
		missing bool
		name    string
	}{
		{c.Pool == nil, "Pool"}, {c.Log == nil, "Log"}, {c.Secrets == nil, "Secrets"}, {c.Client == nil, "Client"},
		{c.Disable == nil, "Disable"},
	} {
		if f.missing {
			problems = append(problems, fmt.Errorf("webhooks: %s is missing", f.name))
		}
	}
	return errors.Join(problems...)
}

// Courier does the jobs of webhooks and looks after their records. Safe for
// concurrent use.
type Courier struct {
	Config
	queries *db.Queries
	tenants *tenantdirectory.Directory
	filters filters
	metrics *metrics

	cleaning sync.WaitGroup
	quit     context.CancelFunc
}

// NewCourier returns a courier. What it remembers is cleaned from Start to Stop;
// the rest works without.
func NewCourier(c Config) (*Courier, error) {
	c.setDefaults()
	if err := c.validate(); err != nil {
		return nil, err
	}
	m, err := newMetrics(c.MeterProvider.Meter(scope))
	if err != nil {
		return nil, fmt.Errorf("webhooks: %w", err)
	}
	return &Courier{
		Config: c, queries: db.New(c.Pool), tenants: tenantdirectory.NewDirectory(c.Pool),
		filters: filters{logger: c.Logger}, metrics: m,
	}, nil
}

// Kinds are the jobs of webhooks, for the workers.
func (c *Courier) Kinds() map[string]jobs.Kind {
	return map[string]jobs.Kind{
		kindDeliver: {Handle: c.deliver, Delays: c.Delays, Timeout: 2 * sendTimeout, Workers: 64, PerTenant: 8},
		kindReplay:  {Handle: c.replay, Timeout: 2 * replayTime, Workers: 4, PerTenant: 1},
		kindRedrive: {Handle: c.redrive, Timeout: time.Minute, Workers: 2, PerTenant: 1},
	}
}

// subscription finds a webhook as the saga knows it, nil if it is deleted.
func (c *Courier) subscription(ctx context.Context, tenant, id uuid.UUID) (*subscription, error) {
	row, err := c.queries.WebhookSubscription(ctx, db.WebhookSubscriptionParams{TenantID: tenant, ID: id})
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("webhook %s: %w", id, err)
	}
	return fromRow(row)
}

// closed says why nothing is sent for a webhook now, if so.
func (c *Courier) closed(ctx context.Context, owner uuid.UUID, s *subscription) (why string, err error) {
	if s.status != webhook.StatusEnabled {
		return "the webhook is disabled", nil
	}
	if owner == eventstore.SystemTenant {
		return "", nil
	}
	t, err := c.tenants.Get(ctx, owner.String())
	if errors.Is(err, tenantdirectory.ErrNotFound) {
		return "", nil // its log was filled before its row was
	}
	if err == nil && !tenant.Status(t.Status).Open() {
		why = "the tenant is " + t.Status
	}
	return why, err
}
