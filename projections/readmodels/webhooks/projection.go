// Package webhooks is the read model of webhooks: its projection folds the
// webhook streams of every tenant's log into one row per webhook, and
// [Endpoints] answers the queries of the API from these rows and from the
// records of what was delivered.
package webhooks

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tansu.cloud/domain/webhook"
	"tansu.cloud/projections"
	"tansu.cloud/projections/readmodels/fold"
	"tansu.cloud/sql"
	"tansu.cloud/sql/db"
)

// Name of the projection, and of the saga that delivers. Whatever is answered
// about a change of a webhook waits for both: then what comes after the answer
// is delivered.
const (
	Name = "webhooks"
	Saga = "webhook_deliveries"
)

// New returns the projection.
func New() projections.Projection {
	return projections.Projection{
		Name: Name, Version: 1, EveryTenant: true, DDL: sql.Webhooks, Tables: []string{"webhooks"}, Apply: apply,
		Types: projections.TypesOf(webhook.Events()),
	}
}

type row = db.Webhook

// apply folds a batch, which is of one tenant.
func apply(ctx context.Context, tx pgx.Tx, changes []projections.Change) error {
	q, tenant := db.New(tx), changes[0].Event.TenantID
	return fold.Rows[uuid.UUID, row]{
		Key:   uuid.Parse,
		KeyOf: func(r row) uuid.UUID { return r.ID },
		Read: func(ctx context.Context, ids []uuid.UUID) ([]row, error) {
			return q.WebhookRows(ctx, db.WebhookRowsParams{TenantID: tenant, Ids: ids})
		},
		Fold:  foldWebhook,
		Write: func(ctx context.Context, rows []*row) error { return q.UpsertWebhooks(ctx, columns(tenant, rows)) },
		Delete: func(ctx context.Context, ids []uuid.UUID) error {
			return q.DeleteWebhooks(ctx, db.DeleteWebhooksParams{TenantID: tenant, Ids: ids})
		},
	}.Apply(ctx, changes)
}

func foldWebhook(r *row, id uuid.UUID, c projections.Change) (*row, error) {
	if created, first := c.Payload.(webhook.Registered); first {
		r = &row{ID: id, Status: string(webhook.StatusEnabled), Fingerprint: created.Secret.Fingerprint, CreatedAt: created.At}
	}
	if r == nil {
		return nil, fold.ErrUnknown
	}
	r.Version = c.Event.Version
	switch e := c.Payload.(type) {
	case webhook.Registered:
		r.UpdatedAt = e.At
		return r, aim(r, e.URL, e.Description, e.Topics, e.Filter)
	case webhook.Changed:
		r.UpdatedAt = e.At
		return r, aim(r, e.URL, e.Description, e.Topics, e.Filter)
	case webhook.Enabled:
		r.Status, r.DisabledReason, r.UpdatedAt = string(webhook.StatusEnabled), "", e.At
	case webhook.Disabled:
		r.Status, r.DisabledReason, r.UpdatedAt = string(webhook.StatusDisabled), e.Reason, e.At
	case webhook.SecretRotated:
		r.PreviousFingerprint, r.PreviousUntil = r.Fingerprint, e.PreviousUntil
		r.Fingerprint, r.UpdatedAt = e.Secret.Fingerprint, e.At
	case webhook.Deleted:
		return nil, nil
	case webhook.RedriveRequested, webhook.ReplayRequested:
		// Only the version moves.
	default:
		return nil, fmt.Errorf("the projection does not handle %T", c.Payload)
	}
	return r, nil
}

func aim(r *row, url, description string, topics []webhook.Topic, filter string) (err error) {
	r.Url, r.Description, r.Filter = url, description, filter
	r.Topics, err = json.Marshal(topics)
	return err
}

func columns(tenant uuid.UUID, rows []*row) db.UpsertWebhooksParams {
	return db.UpsertWebhooksParams{
		TenantID:             tenant,
		Ids:                  fold.Column(rows, func(r *row) uuid.UUID { return r.ID }),
		Urls:                 fold.Column(rows, func(r *row) string { return r.Url }),
		Descriptions:         fold.Column(rows, func(r *row) string { return r.Description }),
		Topics:               fold.Column(rows, func(r *row) json.RawMessage { return r.Topics }),
		Filters:              fold.Column(rows, func(r *row) string { return r.Filter }),
		Statuses:             fold.Column(rows, func(r *row) string { return r.Status }),
		Reasons:              fold.Column(rows, func(r *row) string { return r.DisabledReason }),
		Fingerprints:         fold.Column(rows, func(r *row) string { return r.Fingerprint }),
		PreviousFingerprints: fold.Column(rows, func(r *row) string { return r.PreviousFingerprint }),
		PreviousUntils:       fold.Column(rows, func(r *row) time.Time { return r.PreviousUntil }),
		Versions:             fold.Column(rows, func(r *row) int64 { return r.Version }),
		Created:              fold.Column(rows, func(r *row) time.Time { return r.CreatedAt }),
		Updated:              fold.Column(rows, func(r *row) time.Time { return r.UpdatedAt }),
	}
}
