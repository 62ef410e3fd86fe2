package webhooks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tansu.cloud/domain/webhook"
	"tansu.cloud/sql/db"
)

// ErrNotFound: there is no webhook of that id.
var ErrNotFound = errors.New("there is no such webhook")

// Endpoint is a webhook as its events tell it.
type Endpoint struct {
	ID                  uuid.UUID
	URL                 string
	Description         string
	Topics              []webhook.Topic
	Filter              string
	Status              string
	DisabledReason      string
	Fingerprint         string    // of the secret
	PreviousFingerprint string    // of the one before; empty if there is none
	PreviousUntil       time.Time // to when that one signs too
	Version             int64     // of the webhook's stream
	CreatedAt           time.Time
	UpdatedAt           time.Time
}

// Endpoints answers queries. Safe for concurrent use.
type Endpoints struct{ queries *db.Queries }

// NewEndpoints returns the webhooks in a database.
func NewEndpoints(tx db.DBTX) *Endpoints { return &Endpoints{db.New(tx)} }

// Get finds a webhook of a tenant.
func (e *Endpoints) Get(ctx context.Context, tenant, id uuid.UUID) (Endpoint, error) {
	row, err := e.queries.WebhookByID(ctx, db.WebhookByIDParams{TenantID: tenant, ID: id})
	if errors.Is(err, pgx.ErrNoRows) {
		return Endpoint{}, ErrNotFound
	}
	if err != nil {
		return Endpoint{}, fmt.Errorf("webhooks: %w", err)
	}
	return fromRow(row)
}

// List returns all webhooks of a tenant, oldest first.
func (e *Endpoints) List(ctx context.Context, tenant uuid.UUID) ([]Endpoint, error) {
	rows, err := e.queries.ListWebhooks(ctx, db.ListWebhooksParams{TenantID: tenant, MaxRows: webhook.MaxPerTenant})
	if err != nil {
		return nil, fmt.Errorf("webhooks: %w", err)
	}
	list := make([]Endpoint, len(rows))
	for i, row := range rows {
		if list[i], err = fromRow(row); err != nil {
			return nil, err
		}
	}
	return list, nil
}

func fromRow(r db.Webhook) (Endpoint, error) {
	e := Endpoint{
		ID: r.ID, URL: r.Url, Description: r.Description, Filter: r.Filter, Status: r.Status, DisabledReason: r.DisabledReason,
		Fingerprint: r.Fingerprint, PreviousFingerprint: r.PreviousFingerprint, PreviousUntil: r.PreviousUntil.UTC(),
		Version: r.Version, CreatedAt: r.CreatedAt.UTC(), UpdatedAt: r.UpdatedAt.UTC(),
	}
	if err := json.Unmarshal(r.Topics, &e.Topics); err != nil {
		return e, fmt.Errorf("topics of webhook %s: %w", r.ID, err)
	}
	return e, nil
}
