package access

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"tansu.cloud/projections/readmodels/page"
	"tansu.cloud/sql/db"
)

// APIKey is a key of a tenant, without what is secret about it.
type APIKey struct {
	ID          uuid.UUID
	Name        string
	Permissions []string
	Hint        string    // the end of the key
	CreatedBy   string    // an actor
	Status      string    // an expired one is active still
	Reason      string    // of a revocation
	ExpiresAt   time.Time // zero: never
	Version     int64     // of the key's stream
	CreatedAt   time.Time
	UpdatedAt   time.Time
}

// APIKey finds a key of a tenant, revoked or not.
func (d *Directory) APIKey(ctx context.Context, tenant, id uuid.UUID) (APIKey, error) {
	row, err := d.queries.APIKeyByID(ctx, db.APIKeyByIDParams{TenantID: tenant, ID: id})
	return one(row, err, apiKeyFromRow)
}

// APIKeys lists a tenant's keys, newest first, and says whether more follow.
func (d *Directory) APIKeys(ctx context.Context, tenant uuid.UUID, p Page) ([]APIKey, bool, error) {
	status, createdBy, err := p.filters()
	if err != nil {
		return nil, false, err
	}
	after, limit := p.from(page.Last)
	rows, err := d.queries.ListAPIKeys(ctx, db.ListAPIKeysParams{
		TenantID: tenant, Status: status, CreatedBy: createdBy, AfterCreatedAt: after.At, AfterID: after.ID, MaxRows: limit})
	if err != nil {
		return nil, false, fmt.Errorf("API keys: %w", err)
	}
	return cut(p, rows, apiKeyFromRow)
}

// Cursor is the place after a key in a list.
func (k APIKey) Cursor() page.Cursor { return page.Cursor{At: k.CreatedAt, ID: k.ID} }

func apiKeyFromRow(r db.ApiKey) (APIKey, error) {
	permissions, err := names(r.Permissions)
	return APIKey{
		ID: r.ID, Name: r.Name, Permissions: permissions, Hint: r.Hint, CreatedBy: r.CreatedBy, Status: r.Status,
		Reason: r.Reason, ExpiresAt: r.ExpiresAt.UTC(), Version: r.Version, CreatedAt: r.CreatedAt.UTC(), UpdatedAt: r.UpdatedAt.UTC(),
	}, err
}
