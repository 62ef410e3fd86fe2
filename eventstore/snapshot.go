package eventstore

import (
	"context"
	"encoding/json"

	"github.com/google/uuid"
)

// Snapshot is an aggregate's state at a stream version. It is disposable: a
// state of another StateVersion is ignored and rebuilt from events.
type Snapshot struct {
	StateVersion int
	Version      int64
	State        json.RawMessage
}

// Snapshots keeps the newest snapshot of each stream. Safe for concurrent use.
type Snapshots interface {
	// LoadSnapshot returns nil if there is none for this state version.
	LoadSnapshot(ctx context.Context, tenant uuid.UUID, s Stream, stateVersion int) (*Snapshot, error)
	// SaveSnapshot replaces an older snapshot, or one of another state version; a
	// newer one stays.
	SaveSnapshot(ctx context.Context, tenant uuid.UUID, s Stream, snap Snapshot) error
}
