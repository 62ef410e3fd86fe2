package feeds

import (
	"context"
	"encoding/json"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"tansu.cloud/eventstore"
	"tansu.cloud/projections"
	"tansu.cloud/sql/db"
)

// SystemSnapshot returns the reader of a read model of the system tenant's log:
// what list reads, each row as show makes it.
func SystemSnapshot[R, T any](pool *pgxpool.Pool, projection string,
	list func(ctx context.Context, q *db.Queries, limit int32) ([]R, error), show func(R) T,
) Snapshot {
	return func(ctx context.Context, tenant uuid.UUID, limit int) (rows []json.RawMessage, position int64, err error) {
		if tenant != eventstore.SystemTenant {
			return nil, 0, ErrUnknownSnapshot
		}
		position, err = projections.ReadServing(ctx, pool, projection, tenant, func(ctx context.Context, q *db.Queries) error {
			stored, err := list(ctx, q, int32(limit))
			if err != nil {
				return err
			}
			rows = make([]json.RawMessage, len(stored))
			for i, r := range stored {
				if rows[i], err = json.Marshal(show(r)); err != nil {
					return err
				}
			}
			return nil
		})
		return rows, position, err
	}
}
