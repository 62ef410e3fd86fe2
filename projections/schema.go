package projections

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"tansu.cloud/sql/db"
)

// ddlLockTimeout is how long a change of views or schemas waits for readers.
// Others queue behind it meanwhile, and it must be below PostgreSQL's
// deadlock_timeout (1 s), so that this side and not a reader gives way.
const ddlLockTimeout = "300ms"

// createSchema makes the tables of a generation, once.
func (s *setup) createSchema(ctx context.Context, generation int) error {
	generations, err := s.schemas(ctx)
	if err != nil || generations[generation] {
		return err
	}
	schema := pgx.Identifier{s.schema(generation)}.Sanitize()
	return pgx.BeginFunc(ctx, s.config.Pool, func(tx pgx.Tx) error {
		if err := s.begin(ctx, tx, generation); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "CREATE SCHEMA "+schema+"; SET LOCAL search_path = "+schema+";\n"+s.DDL); err != nil {
			return fmt.Errorf("creating the tables of projection %s: %w", s.Name, err)
		}
		for _, table := range s.Tables {
			name := pgx.Identifier{s.schema(generation), table}.Sanitize()
			if _, err := tx.Exec(ctx, "SELECT public.distribute($1::text::regclass, 'tenant')", name); err != nil {
				return fmt.Errorf("distributing table %s: %w", name, err)
			}
			if _, err := tx.Exec(ctx, "SELECT public.wall($1::text::regclass)", name); err != nil {
				return fmt.Errorf("walling table %s: %w", name, err)
			}
			if _, err := tx.Exec(ctx, s.grant("SELECT ON "+name)); err != nil {
				return fmt.Errorf("opening table %s to its tenants: %w", name, err)
			}
		}
		_, err := tx.Exec(ctx, s.grant("USAGE ON SCHEMA "+schema))
		return err
	})
}

// grant lets the interface read on behalf of a tenant; what sagas remember is
// nobody's to read.
func (s *setup) grant(what string) string {
	if s.Saga {
		return ""
	}
	return "GRANT " + what + " TO tansu_tenant;\n"
}

// begin says where a generation without rows starts to read. What was kept about
// an earlier schema of this name describes rows that are gone; but a saga does not
// repeat itself, nor take up what happened before it.
func (s *setup) begin(ctx context.Context, tx pgx.Tx, generation int) error {
	if !s.Saga {
		return s.forget(ctx, tx, generation)
	}
	return s.queries.WithTx(tx).SeedCheckpoints(ctx, db.SeedCheckpointsParams{Projection: s.Name, Generation: int32(generation)})
}

func (s *setup) forget(ctx context.Context, tx pgx.Tx, generation int) error {
	q := s.queries.WithTx(tx)
	return errors.Join(
		q.DeleteCheckpoints(ctx, db.DeleteCheckpointsParams{Projection: s.Name, Generation: int32(generation)}),
		q.DeleteParkedStreams(ctx, db.DeleteParkedStreamsParams{Projection: s.Name, Generation: int32(generation)}),
		q.StopServing(ctx, db.StopServingParams{Projection: s.Name, Generation: int32(generation)}),
	)
}

// schemas lists the generations that have tables.
func (s *setup) schemas(ctx context.Context) (map[int]bool, error) {
	prefix := s.Name + "_g"
	names, err := s.queries.GenerationSchemas(ctx, "^"+prefix+"[0-9]+$")
	generations := map[int]bool{}
	for _, name := range names {
		if n, err := strconv.Atoi(strings.TrimPrefix(name, prefix)); err == nil {
			generations[n] = true
		}
	}
	return generations, err
}

// serve makes the public views show a generation. Readers see the old rows or
// the new ones, all of them.
func (s *setup) serve(ctx context.Context, generation int) error {
	return pgx.BeginFunc(ctx, s.config.Pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SET LOCAL lock_timeout = '"+ddlLockTimeout+"'"); err != nil {
			return err
		}
		served, err := s.queries.WithTx(tx).ServeGeneration(ctx, db.ServeGenerationParams{
			Projection: s.Name, Generation: int32(generation), Version: int32(s.Version)})
		if err != nil {
			return err
		}
		if served == 0 {
			return fmt.Errorf("generation %d is not the newest that serves: %w", generation, errLeaseLost)
		}
		var ddl strings.Builder
		for _, table := range s.Tables {
			view := pgx.Identifier{"public", table}.Sanitize()
			// security_invoker: who reads the view stands before the table's own wall.
			fmt.Fprintf(&ddl, "DROP VIEW IF EXISTS %s; CREATE VIEW %s WITH (security_invoker = true) AS SELECT * FROM %s;\n%s",
				view, view, pgx.Identifier{s.schema(generation), table}.Sanitize(), s.grant("SELECT ON "+view))
		}
		_, err = tx.Exec(ctx, ddl.String())
		return err
	})
}

// serveWhenFree repeats serve while readers hold the views.
func (s *setup) serveWhenFree(ctx context.Context, generation int) error {
	for failures := 1; ; failures++ {
		err := s.serve(ctx, generation)
		if err == nil || !infrastructure(err) || ctx.Err() != nil {
			return err
		}
		s.logger.WarnContext(ctx, "projection: the switch of views waits", "generation", generation, "error", err)
		sleep(ctx, backoff(failures, time.Second))
	}
}

// dropSchema removes a generation that nobody reads any more.
func (s *setup) dropSchema(ctx context.Context, generation int) error {
	return pgx.BeginFunc(ctx, s.config.Pool, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "SET LOCAL lock_timeout = '"+ddlLockTimeout+"'; DROP SCHEMA IF EXISTS "+
			pgx.Identifier{s.schema(generation)}.Sanitize()+" CASCADE")
		if err != nil {
			return err
		}
		return s.forget(ctx, tx, generation)
	})
}
