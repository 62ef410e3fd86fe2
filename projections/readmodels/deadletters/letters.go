package deadletters

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tansu.cloud/eventstore"
	"tansu.cloud/sql/db"
)

// ErrNotFound: there is no dead letter of that id.
var ErrNotFound = errors.New("there is no such dead letter")

// ErrBadQuery: a filter cannot match anything.
var ErrBadQuery = errors.New("the list query is not valid")

// Letter is a dead letter: a parked stream and the event that failed. Its JSON is
// that of the API.
type Letter struct {
	ID         uuid.UUID `json:"id"`
	Projection string    `json:"projection"`
	Generation int       `json:"generation"`
	Status     string    `json:"status"`
	TenantID   uuid.UUID `json:"tenant_id"` // whose stream it is
	StreamType string    `json:"stream_type"`
	StreamID   string    `json:"stream_id"`
	Position   int64     `json:"position"` // this and the following two: of the event that failed
	EventID    uuid.UUID `json:"event_id"`
	EventType  string    `json:"event_type"`
	Error      string    `json:"error"`
	Attempts   int       `json:"attempts"`
	Reason     string    `json:"reason,omitempty"` // of a discard
	ParkedAt   time.Time `json:"parked_at"`
	UpdatedAt  time.Time `json:"updated_at"`
}

// Letters answers queries. Safe for concurrent use.
type Letters struct{ queries *db.Queries }

// NewLetters returns the dead letters in a database.
func NewLetters(tx db.DBTX) *Letters { return &Letters{db.New(tx)} }

// Get finds a dead letter.
func (l *Letters) Get(ctx context.Context, id uuid.UUID) (Letter, error) {
	row, err := l.queries.DeadLetterByID(ctx, db.DeadLetterByIDParams{TenantID: eventstore.SystemTenant, ID: id})
	if errors.Is(err, pgx.ErrNoRows) {
		return Letter{}, ErrNotFound
	}
	if err != nil {
		return Letter{}, fmt.Errorf("dead letters: %w", err)
	}
	return fromRow(row), nil
}

// Bounds of one page.
const (
	DefaultLimit = 50
	MaxLimit     = 1000
)

// ListQuery selects a page of dead letters; empty filters select all.
type ListQuery struct {
	Projection  string
	Status      string
	OldestFirst bool    // default: newest first
	After       *Cursor // nil for the first page
	Limit       int     // default DefaultLimit, at most MaxLimit
}

// Cursor is a place between two rows of a list.
type Cursor struct {
	ParkedAt time.Time
	ID       uuid.UUID
}

// CursorOf is the place after a dead letter in a list.
func CursorOf(l Letter) Cursor { return Cursor{l.ParkedAt, l.ID} }

// List returns a page and whether more follows.
func (l *Letters) List(ctx context.Context, q ListQuery) (page []Letter, more bool, err error) {
	if !storable(q.Projection) || !storable(q.Status) {
		return nil, false, fmt.Errorf("%w: a filter is not valid UTF-8 or contains a NUL", ErrBadQuery)
	}
	if q.Limit <= 0 {
		q.Limit = DefaultLimit
	}
	q.Limit = min(q.Limit, MaxLimit)
	rows, err := l.rows(ctx, q)
	if err != nil {
		return nil, false, fmt.Errorf("dead letters: %w", err)
	}
	if more = len(rows) > q.Limit; more {
		rows = rows[:q.Limit]
	}
	page = make([]Letter, len(rows))
	for i, r := range rows {
		page[i] = fromRow(r)
	}
	return page, more, nil
}

// Places before the first and behind the last row.
var earliest, latest = time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)

// rows reads one row more than the page has.
func (l *Letters) rows(ctx context.Context, q ListQuery) ([]db.DeadLetter, error) {
	p := db.OldestDeadLettersParams{
		TenantID: eventstore.SystemTenant, Projection: optional(q.Projection), Status: optional(q.Status),
		AfterParkedAt: earliest, MaxRows: int32(q.Limit) + 1,
	}
	if !q.OldestFirst {
		p.AfterParkedAt, p.AfterID = latest, uuid.Max
	}
	if q.After != nil {
		p.AfterParkedAt, p.AfterID = q.After.ParkedAt, q.After.ID
	}
	if q.OldestFirst {
		return l.queries.OldestDeadLetters(ctx, p)
	}
	return l.queries.NewestDeadLetters(ctx, db.NewestDeadLettersParams(p))
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// storable reports whether PostgreSQL can hold a text at all.
func storable(s string) bool { return utf8.ValidString(s) && !strings.Contains(s, "\x00") }

func fromRow(r db.DeadLetter) Letter {
	return Letter{
		ID: r.ID, Projection: r.Projection, Generation: int(r.Generation), Status: r.Status,
		TenantID: r.LogTenant, StreamType: r.StreamType, StreamID: r.StreamID, Position: r.Position,
		EventID: r.EventID, EventType: r.EventType, Error: r.Error, Attempts: int(r.Attempts),
		Reason: r.Reason, ParkedAt: r.ParkedAt.UTC(), UpdatedAt: r.UpdatedAt.UTC(),
	}
}
