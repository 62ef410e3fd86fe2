package webhooks

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"tansu.cloud/eventstore"
	readmodel "tansu.cloud/projections/readmodels/webhooks"
	"tansu.cloud/sql/db"
)

// How much is kept of what was delivered.
const (
	keepPerWebhook = 1_000
	trimEvery      = 50 // records, on average
	keepRecords    = 7 * 24 * time.Hour
	keepReplays    = 30 * 24 * time.Hour
	noteTimeout    = 5 * time.Second
)

// record is an attempt on its way into the delivery log.
type record struct {
	tenant, webhook, replay uuid.UUID
	event                   eventstore.Event
	attempt                 int
	outcome                 string
	of                      attempt
	err                     string // instead of the attempt's
}

// note counts an attempt and writes it down for people. Not being able to must
// not change what became of it.
func (c *Courier) note(ctx context.Context, r record) readmodel.Delivery {
	outcome := metric.WithAttributes(attribute.String("outcome", r.outcome))
	c.metrics.deliveries.Add(ctx, 1, outcome)
	if r.of.duration > 0 {
		c.metrics.duration.Record(ctx, r.of.duration.Seconds(), outcome)
	}
	if r.of.err != nil {
		r.err = r.of.err.Error()
	}
	shown := readmodel.Delivery{
		ID: uuid.Must(uuid.NewV7()), Position: r.event.Position, EventType: r.event.Type, ReplayID: r.replay, Attempt: r.attempt,
		Outcome: r.outcome, Status: r.of.status, Duration: r.of.duration.Round(time.Millisecond), Error: r.err, Response: r.of.snippet,
		RecordedAt: time.Now().UTC().Truncate(time.Microsecond),
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), noteTimeout)
	defer cancel()
	err := c.queries.AddWebhookDelivery(ctx, db.AddWebhookDeliveryParams{
		TenantID: r.tenant, WebhookID: r.webhook, ID: shown.ID, Position: shown.Position, EventType: shown.EventType,
		ReplayID: shown.ReplayID, Attempt: int32(shown.Attempt), Outcome: shown.Outcome, Status: int32(shown.Status),
		DurationMs: int32(shown.Duration.Milliseconds()), Error: shown.Error, Response: shown.Response, RecordedAt: shown.RecordedAt,
	})
	if err == nil && rand.N(trimEvery) == 0 {
		err = c.trim(ctx, r.tenant, r.webhook)
	}
	if err != nil {
		c.Logger.WarnContext(ctx, "webhooks: the delivery log is not written", "tenant_id", r.tenant, "webhook_id", r.webhook, "error", err)
	}
	return shown
}

// trim removes the oldest records of a webhook that has many.
func (c *Courier) trim(ctx context.Context, tenant, webhook uuid.UUID) error {
	return c.queries.TrimWebhookDeliveries(ctx, db.TrimWebhookDeliveriesParams{TenantID: tenant, WebhookID: webhook, Keep: keepPerWebhook})
}
