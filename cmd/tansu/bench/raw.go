package bench

import (
	"context"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
)

// rawConnections is how many connections the raw line uses at most; more
// backends than that only slow it down on small machines.
const rawConnections = 64

// payload is an event's data of about 300 bytes.
const payload = `{"order":"o-2049","customer":"c-118","status":"confirmed","currency":"EUR","total":12990,` +
	`"lines":[{"sku":"A-1001","qty":2,"price":2495},{"sku":"B-2002","qty":1,"price":7500}],` +
	`"ship_to":{"city":"Gent","zip":"9000","street":"Veldstraat","no":"12"},"note":"leave at the door, ring twice please"}`

const metadataSample = `{"actor":"operator","correlation_id":"5f0b8a0c9f6e","command_id":"0198c1f2-7b7e"}`

// rawLine is what PostgreSQL does without any of our rules: one prepared INSERT
// of one event-shaped row per transaction.
type rawLine struct{ pool *pgxpool.Pool }

func newRawLine(ctx context.Context, dsn string) (*rawLine, error) {
	config, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, err
	}
	config.MaxConns = rawConnections
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	r := &rawLine{pool}
	return r, r.reset(ctx)
}

func (r *rawLine) reset(ctx context.Context) error {
	_, err := r.pool.Exec(ctx, `
DROP TABLE IF EXISTS bench_raw;
CREATE TABLE bench_raw (
    tenant_id uuid NOT NULL, stream_id text COLLATE "C" NOT NULL, version bigint NOT NULL,
    type text NOT NULL, data json NOT NULL, metadata json NOT NULL, recorded_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, stream_id, version))`)
	return err
}

func (r *rawLine) insert(ctx context.Context, tenant uuid.UUID, stream string, version int64) error {
	_, err := r.pool.Exec(ctx, `INSERT INTO bench_raw (tenant_id, stream_id, version, type, data, metadata)
VALUES ($1, $2, $3, 'order.confirmed', $4, $5)`, tenant, stream, version, payload, metadataSample)
	return err
}
