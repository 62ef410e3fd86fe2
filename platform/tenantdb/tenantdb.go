// Package tenantdb reads the database behind the wall of row-level security
// (ADR 20): each query runs as the role tansu_tenant, which sees the rows of one
// tenant, whatever the query asks for, and may write nothing.
//
// A query is one round trip, like one without the wall: a pipelined transaction
// that takes the role, names the tenant, runs the query and ends.
package tenantdb

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"tansu.cloud/platform/tenantscope"
)

// ErrReadOnly is what every statement gets that is not a query.
var ErrReadOnly = errors.New("nothing is written on behalf of a tenant past the log")

// DB runs queries of sql/db behind the wall. It is safe for concurrent use.
type DB struct {
	pool   *pgxpool.Pool
	tenant func(context.Context) (uuid.UUID, bool)
	tracer pgx.QueryTracer // nil: none
	named  bool            // the server keeps prepared statements
}

// New returns a database in which a query sees the rows of the tenant of its
// context, see tenantscope, and none without one.
func New(pool *pgxpool.Pool) *DB { return open(pool, tenantscope.Tenant) }

// Of returns a database in which every query sees the rows of one tenant: for
// what belongs to the whole platform.
func Of(pool *pgxpool.Pool, tenant uuid.UUID) *DB {
	return open(pool, func(context.Context) (uuid.UUID, bool) { return tenant, true })
}

func open(pool *pgxpool.Pool, tenant func(context.Context) (uuid.UUID, bool)) *DB {
	config := pool.Config().ConnConfig
	return &DB{pool, tenant, config.Tracer, config.DefaultQueryExecMode == pgx.QueryExecModeCacheStatement}
}

// AfterConnect prepares a connection of the pool. Citus tells its workers of SET
// LOCAL only where it is asked to; without that they would see no rows.
func AfterConnect(ctx context.Context, conn *pgx.Conn) error {
	_, err := conn.Exec(ctx, `SELECT set_config('citus.propagate_set_commands', 'local', false)
		FROM pg_catalog.pg_extension WHERE extname = 'citus'`)
	return err
}

const (
	begin    = "BEGIN READ ONLY"
	takeRole = "SET LOCAL ROLE tansu_tenant"
	commit   = "COMMIT"
)

// nameTenant has the tenant as a literal, because SET takes no parameters and
// Citus does not pass set_config on. Without a tenant the setting is empty, and
// no row is of that tenant.
func nameTenant(tenant uuid.UUID, ok bool) string {
	if !ok {
		return "SET LOCAL tansu.tenant = ''"
	}
	return "SET LOCAL tansu.tenant = '" + tenant.String() + "'"
}

// Begin returns what begins a transaction behind the wall of the context's
// tenant, for reads that need one snapshot.
func Begin(ctx context.Context, isolation pgx.TxIsoLevel) pgx.TxOptions {
	return pgx.TxOptions{BeginQuery: begin + ", ISOLATION LEVEL " + string(isolation) + "; " +
		takeRole + "; " + nameTenant(tenantscope.Tenant(ctx))}
}

// Exec refuses.
func (d *DB) Exec(context.Context, string, ...any) (pgconn.CommandTag, error) {
	return pgconn.CommandTag{}, ErrReadOnly
}

// QueryRow runs a query of which one row is wanted.
func (d *DB) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	rows, _ := d.Query(ctx, sql, args...) // they say what went wrong
	return row{rows}
}

// Query runs a query. Of the options that pgx takes before the arguments it knows
// pgx.QueryResultFormats.
func (d *DB) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	conn, err := d.pool.Acquire(ctx)
	if err != nil {
		return failed{err}, err
	}
	traced := ctx
	if d.tracer != nil {
		traced = d.tracer.TraceQueryStart(ctx, conn.Conn(), pgx.TraceQueryStartData{SQL: sql, Args: args})
	}
	r := &rows{db: d, ctx: traced, conn: conn}
	if r.err = d.send(traced, r, sql, args); replaced(r.err) {
		r.err = d.sendAnew(traced, r, sql, args)
	}
	if r.err != nil {
		r.Close()
		return failed{r.err}, r.err
	}
	return r, nil
}

// replaced reports that a statement was prepared on tables which have been
// replaced by others with other columns.
func replaced(err error) bool {
	var failure *pgconn.PgError
	return errors.As(err, &failure) && failure.Code == "0A000" && failure.Routine == "RevalidateCachedQuery"
}

func (d *DB) sendAnew(ctx context.Context, r *rows, sql string, args []any) error {
	r.rollback()
	if err := r.conn.Conn().Deallocate(ctx, statementName(sql)); err != nil {
		return err
	}
	return d.send(ctx, r, sql, args)
}

// statementName differs from what pgx calls the same statement of the pool's other
// users, whose cache does not know when this one is deallocated.
func statementName(sql string) string {
	sum := sha256.Sum256([]byte(sql))
	return "wall_" + hex.EncodeToString(sum[:16])
}

// send sends the transaction and reads up to the rows of the query. The query
// itself is a prepared statement. What names the tenant is not: there are as many
// of them as there are tenants.
func (d *DB) send(ctx context.Context, r *rows, sql string, args []any) error {
	conn := r.conn.Conn()
	name := ""
	if d.named {
		name = statementName(sql)
	}
	statement, err := conn.Prepare(ctx, name, sql)
	if err != nil {
		return err
	}
	var formats pgx.QueryResultFormats
	if len(args) > 0 {
		if given, ok := args[0].(pgx.QueryResultFormats); ok {
			formats, args = given, args[1:]
		}
	}
	var query pgx.ExtendedQueryBuilder
	if err := query.Build(conn.TypeMap(), statement, args); err != nil {
		return err
	}
	if formats == nil {
		formats = query.ResultFormats
	}
	batch := &pgconn.Batch{}
	before := []string{begin, takeRole, nameTenant(d.tenant(ctx))}
	for _, command := range before {
		batch.ExecParams(command, nil, nil, nil, nil)
	}
	if d.named {
		batch.ExecStatement(statement, query.ParamValues, query.ParamFormats, formats)
	} else {
		batch.ExecParams(sql, query.ParamValues, statement.ParamOIDs, query.ParamFormats, formats)
	}
	batch.ExecParams(commit, nil, nil, nil, nil)
	r.results = conn.PgConn().ExecBatch(ctx, batch)
	for range before {
		if !r.results.NextResult() {
			return r.noResult()
		}
		if _, err := r.results.ResultReader().Close(); err != nil {
			return err
		}
	}
	if !r.results.NextResult() {
		return r.noResult()
	}
	r.Rows = pgx.RowsFromResultReader(conn.TypeMap(), r.results.ResultReader())
	return nil
}

// rollbackTime bounds how long a connection is waited for that a failed query
// leaves in its transaction.
const rollbackTime = 5 * time.Second
