package projections

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"tansu.cloud/platform/tenantdb"
	"tansu.cloud/sql/db"
)

// ErrNotServing: no generation of the projection can be read yet.
var ErrNotServing = errors.New("the read model is being filled for the first time")

// ReadServing reads the rows of a projection and returns the position of the
// tenant's log at which they stand. Both come from one snapshot of the database,
// and read uses the generation's own tables: views follow a switch even inside
// a snapshot. It sees the rows of the context's tenant.
func ReadServing(ctx context.Context, pool *pgxpool.Pool, projection string, tenant uuid.UUID, read func(context.Context, *db.Queries) error) (position int64, err error) {
	err = pgx.BeginTxFunc(ctx, pool, tenantdb.Begin(ctx, pgx.RepeatableRead), func(tx pgx.Tx) error {
		q := db.New(tx)
		generation, err := q.ServingGeneration(ctx, projection)
		if errors.Is(err, pgx.ErrNoRows) {
			return ErrNotServing
		}
		if err != nil {
			return err
		}
		position, err = q.Checkpoint(ctx, db.CheckpointParams{TenantID: tenant, Projection: projection, Generation: generation})
		if err != nil && !errors.Is(err, pgx.ErrNoRows) { // none: the log was empty
			return err
		}
		own := Projection{Name: projection}
		if _, err := tx.Exec(ctx, "SET LOCAL search_path = "+pgx.Identifier{own.schema(int(generation))}.Sanitize()); err != nil {
			return err
		}
		return read(ctx, q)
	})
	if err != nil {
		return 0, fmt.Errorf("reading %s: %w", projection, err)
	}
	return position, nil
}
