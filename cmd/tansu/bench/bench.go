package bench

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"tansu.cloud/commands"
	"tansu.cloud/projections"
)

// Bench runs benchmarks on one database, which must be migrated and of no
// other use: it fills it.
type Bench struct {
	DSN      string
	AMQP     string        // RabbitMQ between two nodes; empty: they have none
	Rounds   int           // counted rounds per case, after one that is not
	Duration time.Duration // of each round
	Progress io.Writer

	// Control and Serve come from the program: how the projection runner sends
	// its commands, and a whole node on a database.
	Control func(*commands.Commands) projections.Control
	Serve   func(ctx context.Context, o NodeOrder) (Node, error)

	pool *pgxpool.Pool
}

// Open connects to the database.
func (b *Bench) Open(ctx context.Context) error {
	config, err := pgxpool.ParseConfig(b.DSN)
	if err != nil {
		return err
	}
	config.MaxConns = 16
	if b.pool, err = pgxpool.NewWithConfig(ctx, config); err != nil {
		return err
	}
	if err := b.touchBuffers(ctx); err != nil {
		return fmt.Errorf("warming the server's buffers: %w", err)
	}
	return nil
}

// touchBuffers uses every shared buffer once, with a table of a row per page.
// A server that has just started gets its memory from the kernel page by page,
// which is a third of the cost of everything that it writes until then.
func (b *Bench) touchBuffers(ctx context.Context) error {
	for _, sql := range []string{
		`CREATE UNLOGGED TABLE bench_touched (filler text) WITH (autovacuum_enabled = off)`,
		`ALTER TABLE bench_touched ALTER COLUMN filler SET STORAGE PLAIN`, // a row stays in its page, uncompressed
		`INSERT INTO bench_touched SELECT repeat('x', 8000)
FROM generate_series(1, (SELECT setting::integer FROM pg_settings WHERE name = 'shared_buffers'))`,
		`DROP TABLE bench_touched`,
	} {
		if _, err := b.pool.Exec(ctx, sql); err != nil {
			return err
		}
	}
	return nil
}

// Close ends the connections.
func (b *Bench) Close() { b.pool.Close() }

// checkpoint lets each round begin alike: dirty pages written, and files of the
// write-ahead log ready for use again instead of having to be made.
func (b *Bench) checkpoint(ctx context.Context) error {
	_, err := b.pool.Exec(ctx, `CHECKPOINT`)
	return err
}

func (b *Bench) progress(format string, args ...any) {
	fmt.Fprintf(b.Progress, format+"\n", args...)
}
