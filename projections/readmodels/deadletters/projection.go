// Package deadletters is the read model of parked streams: its projection folds
// the projection streams of the system tenant's log into one row per dead
// letter, and [Letters] answers the queries of the API from these rows.
package deadletters

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tansu.cloud/domain/projection"
	"tansu.cloud/eventstore"
	"tansu.cloud/projections"
	"tansu.cloud/sql"
	"tansu.cloud/sql/db"
)

// Name of the projection.
const Name = "dead_letters"

// Where a dead letter stands.
const (
	StatusParked    = "parked"
	StatusRedriving = "redriving"
	StatusResolved  = "resolved"
	StatusDiscarded = "discarded"
)

// New returns the projection.
func New() projections.Projection {
	return projections.Projection{
		Name: Name, Version: 1, DDL: sql.DeadLetters, Tables: []string{"dead_letters"}, Apply: apply,
		Types: projections.TypesOf([]projection.Event{
			projection.StreamParked{}, projection.RedriveRequested{}, projection.StreamResolved{}, projection.DeadLetterDiscarded{},
		}),
	}
}

// apply folds a batch in memory, one row per dead letter, and writes each once.
func apply(ctx context.Context, tx pgx.Tx, changes []projections.Change) error {
	q := db.New(tx)
	rows, err := load(ctx, q, changes)
	if err != nil {
		return err
	}
	for _, c := range changes {
		if err := fold(rows, c); err != nil {
			return fmt.Errorf("event at position %d: %w", c.Event.Position, err)
		}
	}
	return store(ctx, q, rows)
}

// letterID returns which dead letter an event is about.
func letterID(p eventstore.Payload) (uuid.UUID, error) {
	switch e := p.(type) {
	case projection.StreamParked:
		return uuid.Parse(e.DeadLetterID)
	case projection.RedriveRequested:
		return uuid.Parse(e.DeadLetterID)
	case projection.StreamResolved:
		return uuid.Parse(e.DeadLetterID)
	case projection.DeadLetterDiscarded:
		return uuid.Parse(e.DeadLetterID)
	}
	return uuid.Nil, fmt.Errorf("the projection does not handle %T", p)
}

func load(ctx context.Context, q *db.Queries, changes []projections.Change) (map[uuid.UUID]*db.DeadLetter, error) {
	rows := map[uuid.UUID]*db.DeadLetter{}
	var ids []uuid.UUID
	for _, c := range changes {
		id, err := letterID(c.Payload)
		if err != nil {
			return nil, fmt.Errorf("event at position %d: %w", c.Event.Position, err)
		}
		if _, seen := rows[id]; !seen {
			rows[id] = nil
			ids = append(ids, id)
		}
	}
	stored, err := q.DeadLetterRows(ctx, db.DeadLetterRowsParams{TenantID: eventstore.SystemTenant, Ids: ids})
	for i := range stored {
		rows[stored[i].ID] = &stored[i]
	}
	return rows, err
}

var errUnknownLetter = errors.New("the dead letter is not known: its first event was discarded; rebuild the projection")

func fold(rows map[uuid.UUID]*db.DeadLetter, c projections.Change) error {
	id, err := letterID(c.Payload)
	if err != nil {
		return err
	}
	row := rows[id]
	if e, ok := c.Payload.(projection.StreamParked); ok {
		row, err = park(row, id, e, &c.Event)
		rows[id] = row
		return err
	}
	if row == nil {
		return errUnknownLetter
	}
	row.UpdatedAt = c.Event.RecordedAt
	switch e := c.Payload.(type) {
	case projection.RedriveRequested:
		row.Status = StatusRedriving
	case projection.StreamResolved:
		row.Status = StatusResolved
	case projection.DeadLetterDiscarded:
		row.Status, row.Reason = StatusDiscarded, e.Reason
	}
	return nil
}

// park makes the row of a new dead letter, or moves that of a known one to the
// event at which a re-drive failed.
func park(row *db.DeadLetter, id uuid.UUID, e projection.StreamParked, event *eventstore.Event) (*db.DeadLetter, error) {
	logTenant, err1 := uuid.Parse(e.TenantID)
	failed, err2 := uuid.Parse(e.FailedEventID)
	if row == nil {
		row = &db.DeadLetter{ID: id, ParkedAt: event.RecordedAt}
	}
	row.Projection, row.Generation, row.Status, row.Reason = event.Stream.ID, int32(e.Generation), StatusParked, ""
	row.LogTenant, row.StreamType, row.StreamID, row.Position = logTenant, e.StreamType, e.StreamID, e.Position
	row.EventID, row.EventType, row.Error, row.Attempts = failed, e.FailedEventType, e.Error, int32(e.Attempts)
	row.UpdatedAt = event.RecordedAt
	return row, errors.Join(err1, err2)
}

func store(ctx context.Context, q *db.Queries, rows map[uuid.UUID]*db.DeadLetter) error {
	p := db.UpsertDeadLettersParams{TenantID: eventstore.SystemTenant}
	for id, row := range rows {
		p.Ids = append(p.Ids, id)
		p.Projections = append(p.Projections, row.Projection)
		p.Generations = append(p.Generations, row.Generation)
		p.Statuses = append(p.Statuses, row.Status)
		p.LogTenants = append(p.LogTenants, row.LogTenant)
		p.StreamTypes = append(p.StreamTypes, row.StreamType)
		p.StreamIds = append(p.StreamIds, row.StreamID)
		p.Positions = append(p.Positions, row.Position)
		p.EventIds = append(p.EventIds, row.EventID)
		p.EventTypes = append(p.EventTypes, row.EventType)
		p.Errors = append(p.Errors, row.Error)
		p.Attempts = append(p.Attempts, row.Attempts)
		p.Reasons = append(p.Reasons, row.Reason)
		p.Parked = append(p.Parked, row.ParkedAt)
		p.Updated = append(p.Updated, row.UpdatedAt)
	}
	return q.UpsertDeadLetters(ctx, p)
}
