// Package tenantdirectory is the read model of all tenants: its projection folds
// the tenant streams of the system tenant's log into one row per tenant, and
// [Directory] answers the queries of the API from these rows.
package tenantdirectory

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tansu.cloud/domain/tenant"
	"tansu.cloud/eventstore"
	"tansu.cloud/projections"
	"tansu.cloud/projections/readmodels/fold"
	"tansu.cloud/sql"
	"tansu.cloud/sql/db"
)

// Name of the projection.
const Name = "tenant_directory"

// New returns the projection.
func New() projections.Projection {
	return projections.Projection{
		Name: Name, Version: 2, DDL: sql.TenantDirectory, Tables: []string{"tenant_directory", "tenant_details"}, Apply: apply,
		Types: projections.TypesOf(tenant.Events()),
	}
}

// row is what is known of one tenant.
type row = db.TenantDirectoryRowsRow

func apply(ctx context.Context, tx pgx.Tx, changes []projections.Change) error {
	q := db.New(tx)
	return fold.Rows[uuid.UUID, row]{
		Key:   uuid.Parse,
		KeyOf: func(r row) uuid.UUID { return r.TenantDirectory.ID },
		Read: func(ctx context.Context, ids []uuid.UUID) ([]row, error) {
			return q.TenantDirectoryRows(ctx, db.TenantDirectoryRowsParams{TenantID: eventstore.SystemTenant, Ids: ids})
		},
		Fold:  foldTenant,
		Write: func(ctx context.Context, rows []*row) error { return q.UpsertTenantDirectory(ctx, columns(rows)) },
	}.Apply(ctx, changes)
}

func foldTenant(found *row, id uuid.UUID, c projections.Change) (*row, error) {
	if created, first := c.Payload.(tenant.Created); first {
		found = &row{
			TenantDirectory: db.TenantDirectory{ID: id, Slug: created.Slug, CreatedAt: created.At},
			TenantDetail:    db.TenantDetail{Quotas: none, Provisioning: none},
		}
	}
	if found == nil {
		return nil, fold.ErrUnknown
	}
	row := &found.TenantDirectory
	row.Version = c.Event.Version
	switch e := c.Payload.(type) {
	case tenant.Created:
		return found, set(row, e.At, e.Name, tenant.StatusActive, e.Settings)
	case tenant.Renamed:
		row.Name, row.UpdatedAt = e.Name, e.At
	case tenant.SettingsChanged:
		return found, set(row, e.At, row.Name, tenant.Status(row.Status), e.Settings)
	case tenant.Event:
		return found, advance(found, e)
	default:
		return nil, fmt.Errorf("the projection does not handle %T", c.Payload)
	}
	return found, nil
}

// advance leaves to the aggregate what a change means for its life cycle.
func advance(found *row, e tenant.Event) error {
	row, details := &found.TenantDirectory, &found.TenantDetail
	s := tenant.State{Status: tenant.Status(row.Status), UpdatedAt: row.UpdatedAt}
	if err := errors.Join(json.Unmarshal(details.Quotas, &s.Quotas), json.Unmarshal(details.Provisioning, &s.Provisioning)); err != nil {
		return err
	}
	s = tenant.Apply(s, e)
	row.Status, row.UpdatedAt = string(s.Status), s.UpdatedAt
	quotas, err1 := json.Marshal(s.Quotas)
	provisioning, err2 := json.Marshal(s.Provisioning)
	if s.Quotas == nil {
		quotas = none
	}
	details.Quotas, details.Provisioning = quotas, provisioning
	return errors.Join(err1, err2)
}

var none = []byte("{}")

func set(row *db.TenantDirectory, at time.Time, name string, status tenant.Status, settings map[string]any) error {
	if settings == nil {
		settings = map[string]any{}
	}
	encoded, err := json.Marshal(settings)
	row.Name, row.Status, row.Settings, row.UpdatedAt = name, string(status), encoded, at
	return err
}

func columns(rows []*row) db.UpsertTenantDirectoryParams {
	return db.UpsertTenantDirectoryParams{
		TenantID:     eventstore.SystemTenant,
		Ids:          fold.Column(rows, func(r *row) uuid.UUID { return r.TenantDirectory.ID }),
		Slugs:        fold.Column(rows, func(r *row) string { return r.TenantDirectory.Slug }),
		Names:        fold.Column(rows, func(r *row) string { return r.TenantDirectory.Name }),
		Statuses:     fold.Column(rows, func(r *row) string { return r.TenantDirectory.Status }),
		Settings:     fold.Column(rows, func(r *row) json.RawMessage { return r.TenantDirectory.Settings }),
		Versions:     fold.Column(rows, func(r *row) int64 { return r.TenantDirectory.Version }),
		Created:      fold.Column(rows, func(r *row) time.Time { return r.TenantDirectory.CreatedAt }),
		Updated:      fold.Column(rows, func(r *row) time.Time { return r.TenantDirectory.UpdatedAt }),
		Quotas:       fold.Column(rows, func(r *row) json.RawMessage { return r.TenantDetail.Quotas }),
		Provisioning: fold.Column(rows, func(r *row) json.RawMessage { return r.TenantDetail.Provisioning }),
	}
}
