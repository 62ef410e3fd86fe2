package eventstore

import (
	"context"
	"time"

	"github.com/google/uuid"
)

// MaxPage is the most events that one read returns; larger limits are lowered
// to it, and zero means MaxPage.
const MaxPage = 1000

// LogQuery selects a page of a tenant's log. The zero value reads from the
// beginning.
type LogQuery struct {
	// After is exclusive: positions above it, ascending. With Backwards,
	// positions below it, descending (0 = from the head).
	After     int64
	Backwards bool
	Limit     int

	// Filters; empty means all. With a filter at most ScanWindow positions are
	// examined, so a page may hold fewer events than Limit, or none, although
	// more follow: LogPage.Next tells where to go on.
	Types      []string
	StreamType string
	StreamID   string
	Actor      string
}

// Filtered reports whether the query has any filter.
func (q LogQuery) Filtered() bool {
	return len(q.Types) > 0 || q.StreamType != "" || q.StreamID != "" || q.Actor != ""
}

// ScanWindow is how many positions a filtered page examines at most.
const ScanWindow = 20_000

// LogPage is a part of a tenant's log. Next is the After of the following page:
// the last position examined, or the query's own if there was none. Done says
// that the end (or, backwards, the beginning) was reached; after a full page it
// may be said by the next one only.
type LogPage struct {
	Events []Event
	Next   int64
	Done   bool
}

// StreamQuery selects a page of one stream.
type StreamQuery struct {
	// After is exclusive: versions above it, ascending. With Backwards,
	// versions below it, descending (0 = from the newest).
	After     int64
	Backwards bool
	Limit     int
	// ToVersion and ToTime bound the page from above, inclusive, if set.
	ToVersion int64
	ToTime    time.Time
}

// Reader reads committed events. Every read is a page of its own; none holds a
// snapshot open. Safe for concurrent use.
type Reader interface {
	// ReadLog returns a page of the tenant's log. A hole in the log is reported
	// as *CorruptLog, never skipped.
	ReadLog(ctx context.Context, tenant uuid.UUID, q LogQuery) (LogPage, error)
	// ReadStream returns a page of one stream, empty if there is no such stream.
	ReadStream(ctx context.Context, tenant uuid.UUID, s Stream, q StreamQuery) ([]Event, error)
	// Head returns the end of the tenant's log, the zero Head if it is empty.
	Head(ctx context.Context, tenant uuid.UUID) (Head, error)
	// Heads lists the heads of all tenants with an id above after, by id.
	Heads(ctx context.Context, after uuid.UUID, first bool, limit int) ([]Head, error)
	// ClaimHolder returns the stream that holds a unique value.
	ClaimHolder(ctx context.Context, tenant uuid.UUID, scope, value string) (Stream, bool, error)
	// IdempotencyRecord returns the record of a key, nil if there is none.
	IdempotencyRecord(ctx context.Context, tenant uuid.UUID, key string) (*IdempotencyRecord, error)
}

// Store is a log that can be written and read.
type Store interface {
	Appender
	Reader
}
