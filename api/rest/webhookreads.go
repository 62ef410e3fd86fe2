package rest

import (
	"context"
	"net/http"
	"time"

	"github.com/google/uuid"

	"tansu.cloud/domain/webhook"
	"tansu.cloud/projections/readmodels/webhooks"
)

// WebhookList holds all webhooks of a tenant.
type WebhookList struct {
	Items []Webhook `json:"items" doc:"The webhooks, oldest first."`
}

// WebhookDelivery is an attempt to deliver an event.
type WebhookDelivery struct {
	ID         string    `json:"id" doc:"UUID of the attempt." example:"01926a3f-3333-7c4b-9a51-3f0c1b2d4e5f"`
	Position   int64     `json:"position" doc:"Of the event in the tenant's log; 0 for a test." example:"42"`
	EventType  string    `json:"event_type" doc:"What the event is." example:"order.paid"`
	ReplayID   string    `json:"replay_id,omitempty" doc:"UUID of the replay that it belongs to." example:"01926a40-4444-7c4b-9a51-3f0c1b2d4e5f"`
	Attempt    int       `json:"attempt" doc:"Which attempt for this event, since it was last re-driven." example:"1"`
	Outcome    string    `json:"outcome" enum:"delivered,retried,parked,gone,skipped,test" doc:"What followed: retried: another attempt comes; parked: none comes before a re-drive, and the stream waits; gone: the address answered 410 and the webhook was disabled; skipped: it was disabled." example:"delivered"`
	Status     int       `json:"status,omitempty" doc:"HTTP status of the answer, if there was one." example:"200"`
	DurationMS int64     `json:"duration_ms" doc:"How long the answer took." example:"87"`
	Error      string    `json:"error,omitempty" doc:"Why it was not accepted." example:"the address answered 500"`
	Response   string    `json:"response,omitempty" doc:"The first 1024 bytes of the answer." example:"ok"`
	RecordedAt time.Time `json:"recorded_at" doc:"When the attempt ended." example:"2026-01-31T12:00:00Z"`
}

// WebhookDeliveryList is a page of attempts.
type WebhookDeliveryList struct {
	Items      []WebhookDelivery `json:"items" doc:"The attempts, newest first."`
	NextCursor string            `json:"next_cursor,omitempty" doc:"Opens the next page; absent at the end." example:"Zm9v"`
}

type listWebhookDeliveriesInput struct {
	IDPath
	Outcome string `query:"outcome" enum:"delivered,retried,parked,gone,skipped,test" doc:"Only attempts with this outcome." example:"parked"`
	PageQuery
}

var ofWebhooks = []source{{readModel: webhooks.Name}}

func (s *server) webhookReads() {
	read := route{permission: permissionReadWebhooks, tenant: true}
	register(s, endpoint{
		route: read, id: "list-webhooks", method: http.MethodGet, path: "/v1/webhooks", tag: "Webhooks",
		summary: "List webhooks", description: "All webhooks of the tenant, without their secrets.",
		cached: ofWebhooks,
	}, func(ctx context.Context, in *struct{ ReadHeaders }) (*listed[WebhookList], error) {
		tenant := callOf(ctx).tenant
		if err := s.awaitReadModel(ctx, in.ReadHeaders, webhooks.Name, tenant); err != nil {
			return nil, err
		}
		found, err := s.Webhooks.List(ctx, tenant)
		if err != nil {
			return nil, err
		}
		out := &listed[WebhookList]{PageHeaders: PageHeaders{Position: in.MinPosition}, Body: WebhookList{Items: []Webhook{}}}
		for _, e := range found {
			w := webhookJSON(e)
			passing(ctx, w.Previous != nil)
			out.Body.Items = append(out.Body.Items, w)
		}
		return out, nil
	})
	register(s, endpoint{
		route: read, also: map[int]string{http.StatusNotModified: "If-None-Match holds the present ETag."},
		id: "get-webhook", method: http.MethodGet, path: "/v1/webhooks/{id}", tag: "Webhooks",
		summary: "Read a webhook", description: "One webhook, without its secret.",
		cached: ofWebhooks,
	}, func(ctx context.Context, in *oneInput) (*found[Webhook], error) {
		tenant := callOf(ctx).tenant
		if err := s.awaitReadModel(ctx, in.ReadHeaders, webhooks.Name, tenant); err != nil {
			return nil, err
		}
		e, err := s.webhook(ctx, in.IDPath)
		if err != nil {
			return nil, err
		}
		body := webhookJSON(e)
		passing(ctx, body.Previous != nil)
		return oneOf(in.ConditionalHeaders, e.Version, body)
	})
	register(s, endpoint{
		route: read, id: "list-webhook-deliveries", method: http.MethodGet, path: "/v1/webhooks/{id}/deliveries", tag: "Webhooks",
		summary:     "List the deliveries of a webhook",
		description: "A page of the attempts to deliver, newest first. They are kept for 7 days, and about 1000 of each webhook.",
	}, s.listWebhookDeliveries)
}

// webhook finds a webhook of the tenant that the request names.
func (s *server) webhook(ctx context.Context, path IDPath) (webhooks.Endpoint, error) {
	id, err := path.uuid(webhook.ErrNotFound)
	if err != nil {
		return webhooks.Endpoint{}, err
	}
	found, err := s.Webhooks.Get(ctx, callOf(ctx).tenant, id)
	return found, missingAs(err, webhook.ErrNotFound)
}

func (s *server) listWebhookDeliveries(ctx context.Context, in *listWebhookDeliveriesInput) (*listed[WebhookDeliveryList], error) {
	found, err := s.webhook(ctx, in.IDPath)
	if err != nil {
		return nil, err
	}
	c := callOf(ctx)
	query := []string{c.pattern, c.tenant.String(), found.ID.String(), in.Outcome}
	q := webhooks.DeliveryQuery{Outcome: in.Outcome, Limit: in.Limit}
	from, err := s.cursors.begin(in.Cursor, query...)
	if err != nil {
		return nil, err
	}
	q.Before = from.ID
	deliveries, more, err := s.Webhooks.Deliveries(ctx, c.tenant, found.ID, q)
	if err != nil {
		return nil, err
	}
	out := &listed[WebhookDeliveryList]{Body: WebhookDeliveryList{Items: []WebhookDelivery{}}}
	for _, d := range deliveries {
		out.Body.Items = append(out.Body.Items, webhookDeliveryJSON(d))
	}
	if more {
		out.Body.NextCursor = s.cursors.seal(bookmark{ID: deliveries[len(deliveries)-1].ID}, query...)
		out.Link = nextLink(c, out.Body.NextCursor)
	}
	return out, nil
}

func webhookDeliveryJSON(d webhooks.Delivery) WebhookDelivery {
	out := WebhookDelivery{
		ID: d.ID.String(), Position: d.Position, EventType: d.EventType, Attempt: d.Attempt, Outcome: d.Outcome, Status: d.Status,
		DurationMS: d.Duration.Milliseconds(), Error: d.Error, Response: d.Response, RecordedAt: d.RecordedAt.UTC(),
	}
	if d.ReplayID != uuid.Nil {
		out.ReplayID = d.ReplayID.String()
	}
	return out
}
