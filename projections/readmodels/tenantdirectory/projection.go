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
	"tansu.cloud/sql"
	"tansu.cloud/sql/db"
)

// Name of the projection.
const Name = "tenant_directory"

// New returns the projection.
func New() projections.Projection {
	p := projections.Projection{
		Name: Name, Version: 2, DDL: sql.TenantDirectory, Tables: []string{"tenant_directory", "tenant_details"}, Apply: apply,
	}
	for _, e := range tenant.Events() {
		p.Types = append(p.Types, e.EventType())
	}
	return p
}

// apply folds a batch in memory, one row per tenant, and writes each row once.
func apply(ctx context.Context, tx pgx.Tx, changes []projections.Change) error {
	q := db.New(tx)
	rows, err := load(ctx, q, changes)
	if err != nil {
		return err
	}
	for _, c := range changes {
		if err := fold(rows, c); err != nil {
			return fmt.Errorf("tenant %s: %w", c.Event.Stream.ID, err)
		}
	}
	return store(ctx, q, rows)
}

// row is what is known of one tenant.
type row = db.TenantDirectoryRowsRow

// load reads the rows of the tenants in a batch that was not created in it.
func load(ctx context.Context, q *db.Queries, changes []projections.Change) (map[uuid.UUID]*row, error) {
	rows := map[uuid.UUID]*row{}
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
	stored, err := q.TenantDirectoryRows(ctx, db.TenantDirectoryRowsParams{TenantID: eventstore.SystemTenant, Ids: ids})
	for i := range stored {
		rows[stored[i].TenantDirectory.ID] = &stored[i]
	}
	return rows, err
}

var errUnknownTenant = errors.New("it is not in the directory: its first events were discarded; rebuild the projection")

func fold(rows map[uuid.UUID]*row, c projections.Change) error {
	id := uuid.MustParse(c.Event.Stream.ID)
	found := rows[id]
	created, first := c.Payload.(tenant.Created)
	if first {
		found = &row{
			TenantDirectory: db.TenantDirectory{ID: id, Slug: created.Slug, CreatedAt: created.At},
			TenantDetail:    db.TenantDetail{Quotas: none, Provisioning: none},
		}
		rows[id] = found
	}
	if found == nil {
		return errUnknownTenant
	}
	row := &found.TenantDirectory
	row.Version = c.Event.Version
	switch e := c.Payload.(type) {
	case tenant.Created:
		return set(row, e.At, e.Name, tenant.StatusActive, e.Settings)
	case tenant.Renamed:
		row.Name, row.UpdatedAt = e.Name, e.At
	case tenant.SettingsChanged:
		return set(row, e.At, row.Name, tenant.Status(row.Status), e.Settings)
	case tenant.Event:
		return advance(found, e)
	default:
		return fmt.Errorf("the projection does not handle %T", c.Payload)
	}
	return nil
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

func store(ctx context.Context, q *db.Queries, rows map[uuid.UUID]*row) error {
	p := db.UpsertTenantDirectoryParams{TenantID: eventstore.SystemTenant}
	for id, found := range rows {
		row, details := found.TenantDirectory, found.TenantDetail
		p.Ids = append(p.Ids, id)
		p.Slugs = append(p.Slugs, row.Slug)
		p.Names = append(p.Names, row.Name)
		p.Statuses = append(p.Statuses, row.Status)
		p.Settings = append(p.Settings, row.Settings)
		p.Versions = append(p.Versions, row.Version)
		p.Created = append(p.Created, row.CreatedAt)
		p.Updated = append(p.Updated, row.UpdatedAt)
		p.Quotas = append(p.Quotas, details.Quotas)
		p.Provisioning = append(p.Provisioning, details.Provisioning)
	}
	return q.UpsertTenantDirectory(ctx, p)
}
