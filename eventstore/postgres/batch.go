package postgres

import (
	"context"
	"errors"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// batch is a pipeline of statements that PostgreSQL runs as one transaction in
// one round trip: implicitly, or up to the "commit" among them.
type batch struct {
	statements []statement
}

type statement struct {
	sql         string
	params      params
	description *pgconn.StatementDescription // nil: sent unprepared
}

func (b *batch) add(sql string, p params) {
	b.statements = append(b.statements, statement{sql: sql, params: p})
}

// usesPrepared: statements are prepared unless the pool is set up for a
// transaction pooler.
func usesPrepared(conn *pgx.Conn) bool {
	return conn.Config().DefaultQueryExecMode == pgx.QueryExecModeCacheStatement
}

// prepare makes sure that the connection knows the batch's statements. The
// text of a statement is its name: preparing it again costs a map look-up.
func (b *batch) prepare(ctx context.Context, conn *pgx.Conn) error {
	if !usesPrepared(conn) {
		return nil
	}
	for i := range b.statements {
		s := &b.statements[i]
		var err error
		if s.description, err = conn.Prepare(ctx, s.sql, s.sql); err != nil {
			return err
		}
	}
	return nil
}

// wire is a write buffer for connections, used again and again. It is handed over
// as a message without content. A connection's own buffer begins each time with
// ownWriteBuffer bytes; growing it to the size of full batches was two fifths of
// all memory that appends took.
type wire struct {
	buf  []byte
	need int // bytes that will follow
}

// ownWriteBuffer is the size of pgproto3's own buffer. A larger one it drops after
// the flush; a smaller one it would keep, and two connections would share it.
const ownWriteBuffer = 1024

func (*wire) Frontend()           {}
func (*wire) Decode([]byte) error { return errors.ErrUnsupported }

// Encode moves what is pending into the buffer.
func (w *wire) Encode(pending []byte) ([]byte, error) {
	w.buf = slices.Grow(append(w.buf[:0], pending...), w.need)
	return w.buf, nil
}

// sendTo puts the batch and a sync point into the pipeline and sends it.
func (b *batch) sendTo(conn *pgconn.PgConn, w *wire, pipeline *pgconn.Pipeline) error {
	content := 0
	for _, s := range b.statements {
		for _, v := range s.params.values {
			content += 4 + len(v)
		}
	}
	if content > ownWriteBuffer {
		w.need = content + 128*len(b.statements)
		conn.Frontend().Send(w)
		if cap(w.buf) > 2*maxBatchBytes {
			w.buf = nil // a request larger than a batch was here; its memory is not kept
		}
	}
	for _, s := range b.statements {
		if s.description == nil {
			pipeline.SendQueryParams(s.sql, s.params.values, nil, binaryRows, binaryRows)
		} else {
			pipeline.SendQueryStatement(s.description, s.params.values, binaryRows, binaryRows)
		}
	}
	return pipeline.Sync()
}

// receive reads the results of a batch of n statements up to its sync point.
// The first error is what ended the transaction.
func receive(pipeline *pgconn.Pipeline, n int) ([]*pgconn.Result, error) {
	results := make([]*pgconn.Result, 0, n)
	var failure error
	for {
		got, err := pipeline.GetResults()
		var pgErr *pgconn.PgError
		if errors.As(err, &pgErr) {
			if failure == nil {
				failure = err
			}
			continue
		}
		if err != nil {
			return nil, errors.Join(failure, err)
		}
		switch got := got.(type) {
		case *pgconn.ResultReader:
			r := got.Read()
			if r.Err != nil && failure == nil {
				failure = r.Err
			}
			results = append(results, r)
		case *pgconn.PipelineSync:
			return results, failure
		case nil:
			return nil, errors.Join(failure, errors.New("the pipeline ended early"))
		}
	}
}

// run sends the batch on an idle connection and waits for it.
func (b *batch) run(ctx context.Context, conn *pgx.Conn) ([]*pgconn.Result, error) {
	if err := b.prepare(ctx, conn); err != nil {
		return nil, notSent{err}
	}
	pipeline := conn.PgConn().StartPipeline(ctx)
	err := b.sendTo(conn.PgConn(), &wire{}, pipeline)
	var results []*pgconn.Result
	if err == nil {
		results, err = receive(pipeline, len(b.statements))
	}
	if closeErr := pipeline.Close(); err == nil {
		err = closeErr
	}
	return results, err
}
