package tenantdirectory

import (
	"context"
	"encoding/json"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"tansu.cloud/eventstore"
	"tansu.cloud/projections"
	"tansu.cloud/projections/feeds"
	"tansu.cloud/projections/readmodels/page"
	"tansu.cloud/sql/db"
)

// Snapshot returns the reader with which a feed begins: all tenants, in the order
// of their creation, as the API lists them.
func Snapshot(pool *pgxpool.Pool) feeds.Snapshot {
	return func(ctx context.Context, tenant uuid.UUID, limit int) (rows []json.RawMessage, position int64, err error) {
		if tenant != eventstore.SystemTenant {
			return nil, 0, feeds.ErrUnknownSnapshot
		}
		position, err = projections.ReadServing(ctx, pool, Name, tenant, func(ctx context.Context, q *db.Queries) error {
			stored, err := q.TenantsByCreatedAt(ctx, db.TenantsByCreatedAtParams{
				TenantID: tenant, AfterValue: page.First.At, MaxRows: int32(limit)})
			if err != nil {
				return err
			}
			rows = make([]json.RawMessage, len(stored))
			for i, r := range stored {
				if rows[i], err = json.Marshal(fromRow(r)); err != nil {
					return err
				}
			}
			return nil
		})
		return rows, position, err
	}
}
