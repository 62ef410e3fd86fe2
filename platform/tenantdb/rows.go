package tenantdb

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"
)

// rows are those of a query, and hold its connection until they are closed.
type rows struct {
	pgx.Rows // nil until the query has answered
	db       *DB
	ctx      context.Context
	conn     *pgxpool.Conn // nil once it is given back
	results  *pgconn.MultiResultReader
	err      error
}

// noResult is why the server did not answer.
func (r *rows) noResult() error {
	if err := r.results.Close(); err != nil {
		return err
	}
	return errors.New("the server did not answer a query")
}

// Close reads the rest, which ends the transaction, and gives the connection back.
func (r *rows) Close() {
	if r.conn == nil {
		return
	}
	var tag pgconn.CommandTag
	if r.Rows != nil {
		r.Rows.Close()
		tag = r.Rows.CommandTag()
		if r.err == nil {
			r.err = r.Rows.Err()
		}
	}
	if r.results != nil {
		if err := r.results.Close(); r.err == nil {
			r.err = err
		}
	}
	if r.db.tracer != nil {
		r.db.tracer.TraceQueryEnd(r.ctx, r.conn.Conn(), pgx.TraceQueryEndData{CommandTag: tag, Err: r.err})
	}
	r.rollback()
	r.conn.Release()
	r.conn = nil
}

// rollback ends the transaction of a query that failed, so that the connection
// can be used again, also when the query's time is over.
func (r *rows) rollback() {
	conn := r.conn.Conn().PgConn()
	if conn.IsClosed() || conn.TxStatus() == 'I' {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.ctx), rollbackTime)
	defer cancel()
	_, _ = conn.Exec(ctx, "ROLLBACK").ReadAll() // the pool drops a connection that is in a transaction still
}

// Err returns why there are no more rows.
func (r *rows) Err() error {
	if r.err != nil {
		return r.err
	}
	return r.Rows.Err()
}

// Next goes to the next row, and closes the rows behind the last.
func (r *rows) Next() bool {
	if r.Rows.Next() {
		return true
	}
	r.Close()
	return false
}

// Scan reads a row, and closes the rows if it cannot.
func (r *rows) Scan(dest ...any) error {
	err := r.Rows.Scan(dest...)
	if err != nil {
		r.Close()
	}
	return err
}

// Values reads a row, and closes the rows if it cannot.
func (r *rows) Values() ([]any, error) {
	values, err := r.Rows.Values()
	if err != nil {
		r.Close()
	}
	return values, err
}

// row is the first of rows.
type row struct{ rows pgx.Rows }

func (r row) Scan(dest ...any) error {
	defer r.rows.Close()
	if !r.rows.Next() {
		if err := r.rows.Err(); err != nil {
			return err
		}
		return pgx.ErrNoRows
	}
	if err := r.rows.Scan(dest...); err != nil {
		return err
	}
	r.rows.Close()
	return r.rows.Err()
}

// failed are the rows of a query that could not be asked.
type failed struct{ err error }

func (failed) Close()                                       {}
func (f failed) Err() error                                 { return f.err }
func (failed) CommandTag() pgconn.CommandTag                { return pgconn.CommandTag{} }
func (failed) FieldDescriptions() []pgconn.FieldDescription { return nil }
func (failed) Next() bool                                   { return false }
func (f failed) Scan(...any) error                          { return f.err }
func (f failed) Values() ([]any, error)                     { return nil, f.err }
func (failed) RawValues() [][]byte                          { return nil }
func (failed) Conn() *pgx.Conn                              { return nil }
func (failed) TypeMap() *pgtype.Map                         { return nil }
