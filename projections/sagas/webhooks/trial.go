package webhooks

import (
	"context"
	"encoding/json"
	"time"

	"github.com/google/uuid"

	"tansu.cloud/domain/webhook"
	"tansu.cloud/eventstore"
	"tansu.cloud/projections/feeds"
	readmodel "tansu.cloud/projections/readmodels/webhooks"
)

// TestType is the type of the event that a test sends. No log has one.
const TestType = "webhook.test"

// Test sends an event of no log to a webhook, enabled or not, and returns what
// came of it: readmodel.ErrNotFound if there is no such webhook.
func (c *Courier) Test(ctx context.Context, tenant, id uuid.UUID, actor string) (readmodel.Delivery, error) {
	var none readmodel.Delivery
	s, err := c.subscription(ctx, tenant, id)
	if err != nil {
		return none, err
	}
	if s == nil {
		return none, readmodel.ErrNotFound
	}
	e, err := trial(tenant, id, actor)
	if err != nil {
		return none, err
	}
	a, err := c.send(ctx, s, feeds.NewEntry(e), testTimeout)
	if err != nil {
		return none, err
	}
	return c.note(ctx, record{tenant: tenant, webhook: id, event: e, attempt: 1, outcome: readmodel.OutcomeTest, of: a}), nil
}

func trial(tenant, id uuid.UUID, actor string) (eventstore.Event, error) {
	eventID, err := uuid.NewV7()
	if err != nil {
		return eventstore.Event{}, err
	}
	data, err1 := json.Marshal(map[string]string{"webhook_id": id.String()})
	metadata, err2 := json.Marshal(eventstore.Metadata{Actor: actor})
	if err1 != nil || err2 != nil {
		panic("texts always encode")
	}
	return eventstore.Event{
		TenantID: tenant, Stream: eventstore.Stream{Type: webhook.StreamType, ID: id.String()}, ID: eventID,
		Type: TestType, SchemaVersion: 1, Data: data, Metadata: metadata, RecordedAt: time.Now().UTC().Truncate(time.Microsecond),
	}, nil
}
