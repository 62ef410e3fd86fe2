package webhooks

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"tansu.cloud/sql/db"
)

// Outcomes of an attempt to deliver.
const (
	OutcomeDelivered = "delivered" // answered with 2xx
	OutcomeRetried   = "retried"   // failed; tried again later
	OutcomeParked    = "parked"    // failed for the last time; waits for a re-drive
	OutcomeGone      = "gone"      // answered with 410; the webhook was disabled
	OutcomeSkipped   = "skipped"   // not sent: the webhook or its tenant is disabled
	OutcomeTest      = "test"      // sent by hand
)

// Delivery is an attempt to deliver an event.
type Delivery struct {
	ID         uuid.UUID
	Position   int64 // of the event; 0 for a test
	EventType  string
	ReplayID   uuid.UUID // nil: none
	Attempt    int
	Outcome    string
	Status     int // of the answer; 0 if there was none
	Duration   time.Duration
	Error      string
	Response   string // the beginning of it
	RecordedAt time.Time
}

// DeliveryQuery selects a page of a webhook's deliveries, newest first.
type DeliveryQuery struct {
	Outcome string    // empty: all
	Before  uuid.UUID // of the last one of the page before; nil for the first page
	Limit   int
}

// Deliveries returns a page and whether more follows.
func (e *Endpoints) Deliveries(ctx context.Context, tenant, id uuid.UUID, q DeliveryQuery) (page []Delivery, more bool, err error) {
	p := db.WebhookDeliveriesParams{TenantID: tenant, WebhookID: id, Before: q.Before, MaxRows: int32(q.Limit) + 1}
	if q.Before == uuid.Nil {
		p.Before = uuid.Max
	}
	if q.Outcome != "" {
		p.Outcome = &q.Outcome
	}
	rows, err := e.queries.WebhookDeliveries(ctx, p)
	if err != nil {
		return nil, false, fmt.Errorf("deliveries of webhook %s: %w", id, err)
	}
	if more = len(rows) > q.Limit; more {
		rows = rows[:q.Limit]
	}
	page = make([]Delivery, len(rows))
	for i, r := range rows {
		page[i] = Delivery{
			ID: r.ID, Position: r.Position, EventType: r.EventType, ReplayID: r.ReplayID, Attempt: int(r.Attempt),
			Outcome: r.Outcome, Status: int(r.Status), Duration: time.Duration(r.DurationMs) * time.Millisecond,
			Error: r.Error, Response: r.Response, RecordedAt: r.RecordedAt.UTC(),
		}
	}
	return page, more, nil
}

// Replay is a part of the log on its way to a webhook again.
type Replay struct {
	ID           uuid.UUID
	FromPosition int64
	ToPosition   int64
	DonePosition int64 // everything up to here has been looked at
	Enqueued     int64 // deliveries so far
	RequestedAt  time.Time
	UpdatedAt    time.Time
}

// MaxReplays is how many replays of a webhook are listed.
const MaxReplays = 50

// Replays lists the newest replays of a webhook, newest first.
func (e *Endpoints) Replays(ctx context.Context, tenant, id uuid.UUID) ([]Replay, error) {
	rows, err := e.queries.WebhookReplays(ctx, db.WebhookReplaysParams{TenantID: tenant, WebhookID: id, MaxRows: MaxReplays})
	if err != nil {
		return nil, fmt.Errorf("replays of webhook %s: %w", id, err)
	}
	list := make([]Replay, len(rows))
	for i, r := range rows {
		list[i] = Replay{
			ID: r.ID, FromPosition: r.FromPosition, ToPosition: r.ToPosition, DonePosition: r.DonePosition, Enqueued: r.Enqueued,
			RequestedAt: r.RequestedAt.UTC(), UpdatedAt: r.UpdatedAt.UTC(),
		}
	}
	return list, nil
}
