package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tansu.cloud/eventstore"
	"tansu.cloud/sql/db"
)

// Reader reads the log, and the snapshots of its streams, in whatever way a
// database shows them. It implements eventstore.Reader and eventstore.Snapshots.
type Reader struct {
	db      db.DBTX
	queries *db.Queries
}

var (
	_ eventstore.Reader    = (*Reader)(nil)
	_ eventstore.Snapshots = (*Reader)(nil)
)

// NewReader returns a reader of a database whose schema must be migrated.
func NewReader(tx db.DBTX) *Reader { return &Reader{tx, db.New(tx)} }

const sqlSelectEvents = `
SELECT position, version, event_id, recorded_at, schema_version, stream_type, stream_id, type, hash, data, metadata
FROM events `

const (
	sqlLogForward  = sqlSelectEvents + `WHERE tenant_id = $1 AND position > $2 ORDER BY position LIMIT $3`
	sqlLogBackward = sqlSelectEvents + `WHERE tenant_id = $1 AND position < $2 ORDER BY position DESC LIMIT $3`

	logFilter = `
  AND ($5::text[] IS NULL OR type = ANY($5)) AND ($6 = '' OR stream_type = $6) AND ($7 = '' OR stream_id = $7)
  AND ($8 = '' OR metadata->>'actor' = $8)`
	sqlLogForwardFiltered = sqlSelectEvents + `
WHERE tenant_id = $1 AND position > $2 AND position <= $4` + logFilter + ` ORDER BY position LIMIT $3`
	sqlLogBackwardFiltered = sqlSelectEvents + `
WHERE tenant_id = $1 AND position < $2 AND position >= $4` + logFilter + ` ORDER BY position DESC LIMIT $3`

	streamBounds            = `WHERE tenant_id = $1 AND stream_type = $2 AND stream_id = $3 AND version <= $6 AND recorded_at <= $7 `
	sqlStreamForward        = sqlSelectEvents + streamBounds + `AND version > $4 ORDER BY version LIMIT $5`
	sqlStreamBackward       = sqlSelectEvents + streamBounds + `AND version < $4 ORDER BY version DESC LIMIT $5`
	endOfLog          int64 = 1<<63 - 1
)

// binaryRows asks for what scanEvents reads, whatever query mode the pool uses.
var binaryRows = pgx.QueryResultFormats{pgx.BinaryFormatCode}

// endOfTime is later than anything recorded and within PostgreSQL's range.
var endOfTime = time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)

func pageSize(limit int) int {
	if limit <= 0 || limit > eventstore.MaxPage {
		return eventstore.MaxPage
	}
	return limit
}

// ReadLog implements eventstore.Reader.
func (r *Reader) ReadLog(ctx context.Context, tenant uuid.UUID, q eventstore.LogQuery) (eventstore.LogPage, error) {
	q.Limit = pageSize(q.Limit)
	q.After = max(q.After, 0)
	if q.Backwards && q.After == 0 {
		q.After = endOfLog
	}
	switch {
	case q.Filtered():
		return r.readFiltered(ctx, tenant, q)
	case q.Backwards:
		return r.readBackward(ctx, tenant, q)
	default:
		return r.readForward(ctx, tenant, q)
	}
}

func (r *Reader) readForward(ctx context.Context, tenant uuid.UUID, q eventstore.LogQuery) (eventstore.LogPage, error) {
	page := eventstore.LogPage{Next: q.After, Done: true}
	events, err := r.query(ctx, tenant, sqlLogForward, tenant, q.After, q.Limit)
	if err != nil {
		return page, err
	}
	if len(events) == 0 {
		// Make sure that nothing is there because nothing was written, and not
		// because it was removed.
		head, err := r.Head(ctx, tenant)
		if err != nil || head.Position <= q.After {
			return page, err
		}
		if events, err = r.query(ctx, tenant, sqlLogForward, tenant, q.After, q.Limit); err != nil {
			return page, err
		}
		if len(events) == 0 {
			return page, missing(tenant, q.After+1)
		}
	}
	if err := checkDense(tenant, events, q.After+1, 1); err != nil {
		return page, err
	}
	return eventstore.LogPage{Events: events, Next: events[len(events)-1].Position, Done: len(events) < q.Limit}, nil
}

func (r *Reader) readBackward(ctx context.Context, tenant uuid.UUID, q eventstore.LogQuery) (eventstore.LogPage, error) {
	head, err := r.Head(ctx, tenant)
	if err != nil || head.Position == 0 {
		return eventstore.LogPage{Done: true}, err
	}
	before := min(q.After, head.Position+1)
	page := eventstore.LogPage{Next: before, Done: true}
	if before <= 1 {
		return page, nil
	}
	events, err := r.query(ctx, tenant, sqlLogBackward, tenant, before, q.Limit)
	if err != nil {
		return page, err
	}
	if len(events) == 0 {
		return page, missing(tenant, before-1)
	}
	if err := checkDense(tenant, events, before-1, -1); err != nil {
		return page, err
	}
	last := events[len(events)-1].Position
	return eventstore.LogPage{Events: events, Next: last, Done: last == 1}, nil
}

// checkDense finds a hole in an unfiltered page.
func checkDense(tenant uuid.UUID, events []eventstore.Event, expect, step int64) error {
	for i := range events {
		if events[i].Position != expect {
			return missing(tenant, expect)
		}
		expect += step
	}
	return nil
}

func missing(tenant uuid.UUID, position int64) error {
	return &eventstore.CorruptLog{TenantID: tenant, Position: position, Problem: "the event is missing"}
}

func (r *Reader) readFiltered(ctx context.Context, tenant uuid.UUID, q eventstore.LogQuery) (eventstore.LogPage, error) {
	head, err := r.Head(ctx, tenant)
	if err != nil {
		return eventstore.LogPage{}, err
	}
	if head.Position == 0 {
		if q.Backwards {
			q.After = 0
		}
		return eventstore.LogPage{Next: q.After, Done: true}, nil
	}
	sql, edge := sqlLogForwardFiltered, min(q.After+eventstore.ScanWindow, head.Position)
	if q.Backwards {
		q.After = min(q.After, head.Position+1)
		sql, edge = sqlLogBackwardFiltered, max(q.After-eventstore.ScanWindow, 1)
	}
	events, err := r.query(ctx, tenant, sql, tenant, q.After, q.Limit, edge, q.Types, q.StreamType, q.StreamID, q.Actor)
	if err != nil {
		return eventstore.LogPage{}, err
	}
	page := eventstore.LogPage{Events: events, Next: edge}
	if len(events) == q.Limit {
		page.Next = events[len(events)-1].Position
	}
	if q.Backwards {
		page.Done = page.Next <= 1
	} else {
		page.Next = max(page.Next, q.After)
		page.Done = page.Next >= head.Position
	}
	return page, nil
}

// ReadStream implements eventstore.Reader.
func (r *Reader) ReadStream(ctx context.Context, tenant uuid.UUID, stream eventstore.Stream, q eventstore.StreamQuery) ([]eventstore.Event, error) {
	sql := sqlStreamForward
	if q.Backwards {
		sql = sqlStreamBackward
		if q.After <= 0 {
			q.After = endOfLog
		}
	}
	if q.ToVersion <= 0 {
		q.ToVersion = endOfLog
	}
	if q.ToTime.IsZero() || q.ToTime.After(endOfTime) {
		q.ToTime = endOfTime
	}
	return r.query(ctx, tenant, sql, tenant, stream.Type, stream.ID, q.After, pageSize(q.Limit), q.ToVersion, q.ToTime)
}

func (r *Reader) query(ctx context.Context, tenant uuid.UUID, sql string, args ...any) ([]eventstore.Event, error) {
	rows, err := r.db.Query(ctx, sql, append([]any{binaryRows}, args...)...)
	if err != nil {
		return nil, readFailure(ctx, err)
	}
	events, err := scanEvents(rows, tenant)
	return events, readFailure(ctx, err)
}

// Head implements eventstore.Reader.
func (r *Reader) Head(ctx context.Context, tenant uuid.UUID) (eventstore.Head, error) {
	row, err := r.queries.Head(ctx, tenant)
	if errors.Is(err, pgx.ErrNoRows) || (err == nil && row.Position == 0) {
		return eventstore.Head{}, nil
	}
	if err != nil {
		return eventstore.Head{}, readFailure(ctx, err)
	}
	return headOf(row), nil
}

// Heads implements eventstore.Reader.
func (r *Reader) Heads(ctx context.Context, after uuid.UUID, first bool, limit int) ([]eventstore.Head, error) {
	rows, err := r.queries.Heads(ctx, db.HeadsParams{After: after, First: first, MaxRows: int32(pageSize(limit))})
	if err != nil {
		return nil, readFailure(ctx, err)
	}
	heads := make([]eventstore.Head, len(rows))
	for i, row := range rows {
		heads[i] = headOf(row)
	}
	return heads, nil
}

func headOf(row db.Head) eventstore.Head {
	h := eventstore.Head{TenantID: row.TenantID, Position: row.Position, RecordedAt: row.RecordedAt.UTC()}
	copy(h.Hash[:], row.ChainHash)
	return h
}

// ClaimHolder implements eventstore.Reader.
func (r *Reader) ClaimHolder(ctx context.Context, tenant uuid.UUID, scope, value string) (eventstore.Stream, bool, error) {
	row, err := r.queries.ClaimHolder(ctx, db.ClaimHolderParams{TenantID: tenant, Scope: scope, Value: value})
	if errors.Is(err, pgx.ErrNoRows) {
		return eventstore.Stream{}, false, nil
	}
	return eventstore.Stream{Type: row.StreamType, ID: row.StreamID}, err == nil, readFailure(ctx, err)
}

// IdempotencyRecord implements eventstore.Reader.
func (r *Reader) IdempotencyRecord(ctx context.Context, tenant uuid.UUID, key string) (*eventstore.IdempotencyRecord, error) {
	row, err := r.queries.IdempotencyRecord(ctx, db.IdempotencyRecordParams{TenantID: tenant, Key: key})
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, readFailure(ctx, err)
	}
	record := &eventstore.IdempotencyRecord{
		Idempotency: eventstore.Idempotency{Key: row.Key, Response: row.Response},
		Position:    row.Position, RecordedAt: row.RecordedAt.UTC(),
	}
	copy(record.Fingerprint[:], row.Fingerprint)
	return record, nil
}
