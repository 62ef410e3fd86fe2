// Package feeds is the live face of the log. The [Hub] follows the logs that
// somebody watches: it takes committed batches from the bus, fills what the bus
// left out from the log, and keeps the newest events of each watched tenant in a
// tail that all readers share. A reader is a [Cursor], a position and nothing
// else: it takes from the tail when it is near the head and pages through the
// log when it is not, so a slow one costs its own time and nobody's memory. The
// two are joined by arithmetic on positions, which have no holes.
package feeds

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/google/uuid"
)

// Errors of [Hub.Open] and [Cursor.Next]. A log that contradicts itself is an
// *eventstore.CorruptLog.
var (
	// ErrAhead: the position to resume from lies beyond the end of the log.
	ErrAhead = errors.New("the position lies beyond the end of the log")
	// ErrUnknownSnapshot: no read model of that name can be followed.
	ErrUnknownSnapshot = errors.New("there is no such snapshot")
	// ErrSnapshotTooLarge: the read model has more rows for this tenant than a
	// snapshot holds.
	ErrSnapshotTooLarge = errors.New("the snapshot is too large; page through the list and subscribe from its Tansu-Position")
	// ErrStopped: the hub shuts down.
	ErrStopped = errors.New("the feed hub has stopped")
	// ErrClosed: the cursor was closed.
	ErrClosed = errors.New("the cursor is closed")
	// ErrBehind: the reader is further behind than [Cursor.NextLive] goes.
	ErrBehind = errors.New("the cursor is behind the tail")
)

// Topic selects events; empty fields select all.
type Topic struct {
	StreamType string `json:"stream_type,omitempty" doc:"What kind of aggregate the event belongs to." example:"tenant"`
	StreamID   string `json:"stream_id,omitempty" doc:"Which aggregate." example:"01926a3c-7d1e-7c4b-9a51-3f0c1b2d4e5f"`
	Type       string `json:"type,omitempty" doc:"Type of the event." example:"tenant.renamed"`
	Actor      string `json:"actor,omitempty" doc:"Principal that caused the event." example:"operator"`
}

// Spec says what a cursor delivers, and from where. Exactly one of the From
// fields counts: FromSnapshot if set, else FromNow, else After.
type Spec struct {
	Topics   []Topic // an event is delivered if one of them selects it; none: all events
	Filter   string  // expression of package filter, empty: all
	Coalesce bool    // when the reader is behind, only the newest event of each stream

	After        int64  // last position already seen; 0: from the beginning
	FromNow      bool   // from the head of the log
	FromSnapshot string // name of a read model: its rows, then everything after them
}

// Snapshot reads the rows of a read model that belong to one tenant's log, at
// most limit of them, and the position of that log at which they stand, in one
// transaction. It returns ErrUnknownSnapshot if the model does not read that log.
type Snapshot func(ctx context.Context, tenant uuid.UUID, limit int) (rows []json.RawMessage, position int64, err error)

// MaxSnapshotRows is the most rows of a snapshot.
const MaxSnapshotRows = 10_000
