package tenantdirectory

import (
	"context"

	"github.com/jackc/pgx/v5/pgxpool"

	"tansu.cloud/eventstore"
	"tansu.cloud/projections/feeds"
	"tansu.cloud/projections/readmodels/page"
	"tansu.cloud/sql/db"
)

// Snapshot returns the reader with which a feed begins: all tenants, in the order
// of their creation, as the API lists them.
func Snapshot(pool *pgxpool.Pool) feeds.Snapshot {
	return feeds.SystemSnapshot(pool, Name, func(ctx context.Context, q *db.Queries, limit int32) ([]db.TenantDirectory, error) {
		return q.TenantsByCreatedAt(ctx, db.TenantsByCreatedAtParams{TenantID: eventstore.SystemTenant, AfterValue: page.First.At, MaxRows: limit})
	}, fromRow)
}
