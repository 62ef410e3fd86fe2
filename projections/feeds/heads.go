package feeds

import (
	"context"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"tansu.cloud/eventstore"
	"tansu.cloud/sql/db"
)

// HeadsOf returns the query of Config.HeadsOf on a database.
func HeadsOf(pool *pgxpool.Pool) func(context.Context, []uuid.UUID) ([]eventstore.Head, error) {
	queries := db.New(pool)
	return func(ctx context.Context, tenants []uuid.UUID) ([]eventstore.Head, error) {
		rows, err := queries.HeadsOf(ctx, tenants)
		heads := make([]eventstore.Head, len(rows))
		for i, r := range rows {
			heads[i] = eventstore.Head{TenantID: r.TenantID, Position: r.Position, Hash: eventstore.Hash(r.ChainHash), RecordedAt: r.RecordedAt.UTC()}
		}
		return heads, err
	}
}
