package deadletters

import (
	"context"

	"github.com/jackc/pgx/v5/pgxpool"

	"tansu.cloud/eventstore"
	"tansu.cloud/projections/feeds"
	"tansu.cloud/projections/readmodels/page"
	"tansu.cloud/sql/db"
)

// Snapshot returns the reader with which a feed begins: all dead letters, in the
// order of parking, as the API lists them.
func Snapshot(pool *pgxpool.Pool) feeds.Snapshot {
	return feeds.SystemSnapshot(pool, Name, func(ctx context.Context, q *db.Queries, limit int32) ([]db.DeadLetter, error) {
		return q.OldestDeadLetters(ctx, db.OldestDeadLettersParams{TenantID: eventstore.SystemTenant, AfterParkedAt: page.First.At, MaxRows: limit})
	}, fromRow)
}
