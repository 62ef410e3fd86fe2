// Package webhooks is the read model of webhooks: its projection folds the
// webhook streams of every tenant's log into one row per webhook, and
// [Endpoints] answers the queries of the API from these rows and from the
// records of what was delivered.
package webhooks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tansu.cloud/domain/webhook"
	"tansu.cloud/projections"
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
	p := projections.Projection{
		Name: Name, Version: 1, EveryTenant: true, DDL: sql.Webhooks, Tables: []string{"webhooks"}, Apply: apply,
	}
	for _, e := range webhook.Events() {
		p.Types = append(p.Types, e.EventType())
	}
	return p
}

// apply folds a batch in memory, one row per webhook, and writes each row once.
// A batch is of one tenant.
func apply(ctx context.Context, tx pgx.Tx, changes []projections.Change) error {
	q, tenant := db.New(tx), changes[0].Event.TenantID
	rows, err := load(ctx, q, tenant, changes)
	if err != nil {
		return err
	}
	for _, c := range changes {
		if err := fold(rows, c); err != nil {
			return fmt.Errorf("webhook %s: %w", c.Event.Stream.ID, err)
		}
	}
	return store(ctx, q, tenant, rows)
}

// load reads the rows of the webhooks in a batch that were not registered in it.
func load(ctx context.Context, q *db.Queries, tenant uuid.UUID, changes []projections.Change) (map[uuid.UUID]*db.Webhook, error) {
	rows := map[uuid.UUID]*db.Webhook{}
	var ids []uuid.UUID
	for _, c := range changes {
		id, err := uuid.Parse(c.Event.Stream.ID)
		if err != nil {
			return nil, fmt.Errorf("stream %s: %w", c.Event.Stream, err)
		}
		if _, seen := rows[id]; seen {
			continue
		}
		rows[id] = nil
		if c.Event.Version > 1 {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return rows, nil
	}
	stored, err := q.WebhookRows(ctx, db.WebhookRowsParams{TenantID: tenant, Ids: ids})
	for i := range stored {
		rows[stored[i].ID] = &stored[i]
	}
	return rows, err
}

var errUnknown = errors.New("it is not known: its first events were discarded; rebuild the projection")

func fold(rows map[uuid.UUID]*db.Webhook, c projections.Change) error {
	id := uuid.MustParse(c.Event.Stream.ID)
	row := rows[id]
	if created, first := c.Payload.(webhook.Registered); first {
		row = &db.Webhook{ID: id, Status: string(webhook.StatusEnabled), Fingerprint: created.Secret.Fingerprint, CreatedAt: created.At}
		rows[id] = row
	}
	if row == nil {
		return errUnknown
	}
	row.Version = c.Event.Version
	switch e := c.Payload.(type) {
	case webhook.Registered:
		row.UpdatedAt = e.At
		return aim(row, e.URL, e.Description, e.Topics, e.Filter)
	case webhook.Changed:
		row.UpdatedAt = e.At
		return aim(row, e.URL, e.Description, e.Topics, e.Filter)
	case webhook.Enabled:
		row.Status, row.DisabledReason, row.UpdatedAt = string(webhook.StatusEnabled), "", e.At
	case webhook.Disabled:
		row.Status, row.DisabledReason, row.UpdatedAt = string(webhook.StatusDisabled), e.Reason, e.At
	case webhook.SecretRotated:
		row.PreviousFingerprint, row.PreviousUntil = row.Fingerprint, e.PreviousUntil
		row.Fingerprint, row.UpdatedAt = e.Secret.Fingerprint, e.At
	case webhook.Deleted:
		row.Status = string(webhook.StatusDeleted)
	case webhook.RedriveRequested, webhook.ReplayRequested:
		// Only the version moves.
	default:
		return fmt.Errorf("the projection does not handle %T", c.Payload)
	}
	return nil
}

func aim(row *db.Webhook, url, description string, topics []webhook.Topic, filter string) (err error) {
	row.Url, row.Description, row.Filter = url, description, filter
	row.Topics, err = json.Marshal(topics)
	return err
}

func store(ctx context.Context, q *db.Queries, tenant uuid.UUID, rows map[uuid.UUID]*db.Webhook) error {
	p := db.UpsertWebhooksParams{TenantID: tenant}
	var deleted []uuid.UUID
	for id, row := range rows {
		if row.Status == string(webhook.StatusDeleted) {
			deleted = append(deleted, id)
			continue
		}
		p.Ids = append(p.Ids, id)
		p.Urls = append(p.Urls, row.Url)
		p.Descriptions = append(p.Descriptions, row.Description)
		p.Topics = append(p.Topics, row.Topics)
		p.Filters = append(p.Filters, row.Filter)
		p.Statuses = append(p.Statuses, row.Status)
		p.Reasons = append(p.Reasons, row.DisabledReason)
		p.Fingerprints = append(p.Fingerprints, row.Fingerprint)
		p.PreviousFingerprints = append(p.PreviousFingerprints, row.PreviousFingerprint)
		p.PreviousUntils = append(p.PreviousUntils, row.PreviousUntil)
		p.Versions = append(p.Versions, row.Version)
		p.Created = append(p.Created, row.CreatedAt)
		p.Updated = append(p.Updated, row.UpdatedAt)
	}
	if len(deleted) > 0 {
		if err := q.DeleteWebhooks(ctx, db.DeleteWebhooksParams{TenantID: tenant, Ids: deleted}); err != nil {
			return err
		}
	}
	if len(p.Ids) == 0 {
		return nil
	}
	return q.UpsertWebhooks(ctx, p)
}
