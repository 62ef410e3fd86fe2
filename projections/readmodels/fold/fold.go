// Package fold turns a batch of events into rows for read models that keep one
// row per stream: it reads the rows that the batch continues, folds the events
// in memory, and has each row written once.
package fold

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"tansu.cloud/projections"
)

// ErrUnknown is for events of a stream without a row that do not make one.
var ErrUnknown = errors.New("it is not known: its first events were discarded; rebuild the projection")

// Rows is how one table follows its streams; K is the table's key within a
// tenant, R its row.
type Rows[K comparable, R any] struct {
	// Key reads the key from a stream's id.
	Key func(streamID string) (K, error)
	// KeyOf is the key of a row.
	KeyOf func(R) K
	// Read returns the stored rows of some keys.
	Read func(ctx context.Context, keys []K) ([]R, error)
	// Fold returns the row after an event. It gets nil if there is no row, and
	// returns nil if there shall be none.
	Fold func(row *R, key K, c projections.Change) (*R, error)
	// Write stores rows. It is not called without any.
	Write func(ctx context.Context, rows []*R) error
	// Delete removes rows, some of which may never have been stored. It is not
	// called without keys, and may be missing if Fold never returns nil.
	Delete func(ctx context.Context, keys []K) error
}

// Apply folds the events, which are of the table's streams and of one tenant.
func (r Rows[K, R]) Apply(ctx context.Context, changes []projections.Change) error {
	if len(changes) == 0 {
		return nil
	}
	keys, rows, err := r.load(ctx, changes)
	if err != nil {
		return err
	}
	for i, c := range changes {
		row, err := r.Fold(rows[keys[i]], keys[i], c)
		if err != nil {
			return fmt.Errorf("stream %s: %w", c.Event.Stream, err)
		}
		rows[keys[i]] = row
	}
	return r.store(ctx, rows)
}

// load returns each event's key, and the rows of the streams that began before
// the batch.
func (r Rows[K, R]) load(ctx context.Context, changes []projections.Change) (keys []K, rows map[K]*R, err error) {
	keys, rows = make([]K, len(changes)), map[K]*R{}
	var older []K
	for i, c := range changes {
		if keys[i], err = r.Key(c.Event.Stream.ID); err != nil {
			return nil, nil, fmt.Errorf("stream %s: %w", c.Event.Stream, err)
		}
		if _, seen := rows[keys[i]]; seen {
			continue
		}
		rows[keys[i]] = nil
		if c.Event.Version > 1 {
			older = append(older, keys[i])
		}
	}
	if len(older) == 0 {
		return keys, rows, nil
	}
	stored, err := r.Read(ctx, older)
	for i := range stored {
		rows[r.KeyOf(stored[i])] = &stored[i]
	}
	return keys, rows, err
}

func (r Rows[K, R]) store(ctx context.Context, rows map[K]*R) error {
	var kept []*R
	var gone []K
	for key, row := range rows {
		if row == nil {
			gone = append(gone, key)
		} else {
			kept = append(kept, row)
		}
	}
	if len(gone) > 0 {
		if err := r.Delete(ctx, gone); err != nil {
			return err
		}
	}
	if len(kept) == 0 {
		return nil
	}
	return r.Write(ctx, kept)
}

// ByStream sorts the events of a batch by the type of their streams.
func ByStream(changes []projections.Change) map[string][]projections.Change {
	sorted := map[string][]projections.Change{}
	for _, c := range changes {
		sorted[c.Event.Stream.Type] = append(sorted[c.Event.Stream.Type], c)
	}
	return sorted
}

// Column returns one field of each row, as statements over unnest take it.
func Column[R, V any](rows []*R, field func(*R) V) []V {
	column := make([]V, len(rows))
	for i, row := range rows {
		column[i] = field(row)
	}
	return column
}

// List is how rows hold lists of names: as a JSON array, empty rather than null.
func List(names []string) json.RawMessage {
	if len(names) == 0 {
		return json.RawMessage("[]")
	}
	list, err := json.Marshal(names)
	if err != nil {
		panic(err) // strings can always be encoded
	}
	return list
}

// OptionalID reads an id that may be missing, which gives the nil UUID.
func OptionalID(id string) (uuid.UUID, error) {
	if id == "" {
		return uuid.Nil, nil
	}
	return uuid.Parse(id)
}
