package deadletters

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tansu.cloud/eventstore"
	"tansu.cloud/projections/readmodels/page"
	"tansu.cloud/sql/db"
)

// ErrNotFound: there is no dead letter of that id.
var ErrNotFound = errors.New("there is no such dead letter")

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

// ListQuery selects a page of dead letters; empty filters select all.
type ListQuery struct {
	Projection  string
	Status      string
	OldestFirst bool         // default: newest first
	After       *page.Cursor // nil for the first page
	Limit       int
}

// Cursor is the place after a dead letter in a list.
func (l Letter) Cursor() page.Cursor { return page.Cursor{At: l.ParkedAt, ID: l.ID} }

// List returns a page and whether more follows.
func (l *Letters) List(ctx context.Context, q ListQuery) (letters []Letter, more bool, err error) {
	projection, err1 := page.Filter(q.Projection)
	status, err2 := page.Filter(q.Status)
	if err := errors.Join(err1, err2); err != nil {
		return nil, false, err
	}
	limit := page.Limit(q.Limit)
	p := db.OldestDeadLettersParams{TenantID: eventstore.SystemTenant, Projection: projection, Status: status, MaxRows: int32(limit) + 1}
	var rows []db.DeadLetter
	if q.OldestFirst {
		from := page.From(q.After, page.First)
		p.AfterParkedAt, p.AfterID = from.At, from.ID
		rows, err = l.queries.OldestDeadLetters(ctx, p)
	} else {
		from := page.From(q.After, page.Last)
		p.AfterParkedAt, p.AfterID = from.At, from.ID
		rows, err = l.queries.NewestDeadLetters(ctx, db.NewestDeadLettersParams(p))
	}
	if err != nil {
		return nil, false, fmt.Errorf("dead letters: %w", err)
	}
	rows, more = page.Cut(rows, limit)
	letters = make([]Letter, len(rows))
	for i, r := range rows {
		letters[i] = fromRow(r)
	}
	return letters, more, nil
}

func fromRow(r db.DeadLetter) Letter {
	return Letter{
		ID: r.ID, Projection: r.Projection, Generation: int(r.Generation), Status: r.Status,
		TenantID: r.LogTenant, StreamType: r.StreamType, StreamID: r.StreamID, Position: r.Position,
		EventID: r.EventID, EventType: r.EventType, Error: r.Error, Attempts: int(r.Attempts),
		Reason: r.Reason, ParkedAt: r.ParkedAt.UTC(), UpdatedAt: r.UpdatedAt.UTC(),
	}
}
