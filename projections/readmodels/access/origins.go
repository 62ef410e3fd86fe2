package access

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"tansu.cloud/domain/space"
	"tansu.cloud/eventstore"
	"tansu.cloud/platform/tenantscope"
	"tansu.cloud/projections"
	"tansu.cloud/projections/readmodels/fold"
	"tansu.cloud/sql/db"
)

// Origins are the pages from which a tenant may be used.
type Origins struct {
	Names   []string
	Version int64 // of the space's stream; 0: it has none
}

// undefinedTable is PostgreSQL's code for rows that an older release has filled,
// which serve until this one's are.
const undefinedTable = "42P01"

func fromOlderRelease(err error) bool {
	unknown := (*pgconn.PgError)(nil)
	return errors.As(err, &unknown) && unknown.Code == undefinedTable
}

// Origins returns those of a tenant, none if it has named none.
func (d *Directory) Origins(ctx context.Context, tenant uuid.UUID) (Origins, error) {
	row, err := d.queries.TenantOrigins(ctx, tenant)
	if errors.Is(err, pgx.ErrNoRows) || fromOlderRelease(err) {
		return Origins{}, nil
	}
	if err != nil {
		return Origins{}, fmt.Errorf("origins: %w", err)
	}
	list, err := names(row.Origins)
	return Origins{list, row.Version}, err
}

// OriginNamed reports whether any tenant may be used from an origin.
func (d *Directory) OriginNamed(ctx context.Context, origin string) (bool, error) {
	ctx = tenantscope.Within(ctx, eventstore.SystemTenant) // whose rows they are, whichever tenant asks
	named, err := d.queries.IsOriginNamed(ctx, db.IsOriginNamedParams{TenantID: eventstore.SystemTenant, Origin: origin})
	if fromOlderRelease(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("origins: %w", err)
	}
	return named, nil
}

// origins keeps both tables of origins. A tenant has one space.
func (w writer) origins() fold.Rows[string, db.TenantOrigin] {
	return fold.Rows[string, db.TenantOrigin]{
		Key:   func(id string) (string, error) { return id, nil },
		KeyOf: func(db.TenantOrigin) string { return space.StreamID },
		Read: func(ctx context.Context, _ []string) ([]db.TenantOrigin, error) {
			row, err := w.queries.TenantOrigins(ctx, w.tenant)
			if errors.Is(err, pgx.ErrNoRows) {
				return nil, nil
			}
			return []db.TenantOrigin{row}, err
		},
		Fold: foldOrigins,
		Write: func(ctx context.Context, rows []*db.TenantOrigin) error {
			return w.writeOrigins(ctx, rows[0])
		},
	}
}

func foldOrigins(row *db.TenantOrigin, _ string, c projections.Change) (*db.TenantOrigin, error) {
	if row == nil {
		row = &db.TenantOrigin{Origins: fold.List(nil)}
	}
	row.Version = c.Event.Version
	switch e := c.Payload.(type) {
	case space.Opened:
	case space.OriginsChanged:
		row.Origins = fold.List(e.Origins)
	default:
		return nil, fmt.Errorf("the projection does not handle %T", c.Payload)
	}
	return row, nil
}

func (w writer) writeOrigins(ctx context.Context, row *db.TenantOrigin) error {
	var origins []string
	if err := json.Unmarshal(row.Origins, &origins); err != nil {
		return err
	}
	return errors.Join(
		w.queries.UpsertTenantOrigins(ctx, db.UpsertTenantOriginsParams{
			TenantID: w.tenant, Origins: row.Origins, Version: row.Version}),
		w.queries.DeleteOriginTenants(ctx, db.DeleteOriginTenantsParams{
			TenantID: eventstore.SystemTenant, NamedBy: w.tenant, Origins: origins}),
		w.queries.AddOriginTenants(ctx, db.AddOriginTenantsParams{
			TenantID: eventstore.SystemTenant, NamedBy: w.tenant, Origins: origins}),
	)
}
