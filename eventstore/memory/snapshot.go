package memory

import (
	"bytes"
	"context"

	"github.com/google/uuid"
	"tansu.cloud/eventstore"
)

// LoadSnapshot implements eventstore.Snapshots.
func (s *Store) LoadSnapshot(ctx context.Context, tenant uuid.UUID, stream eventstore.Stream, stateVersion int) (*eventstore.Snapshot, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	snap, ok := s.log(tenant).snapshots[stream]
	if !ok || snap.StateVersion != stateVersion {
		return nil, nil
	}
	snap.State = bytes.Clone(snap.State)
	return &snap, nil
}

// SaveSnapshot implements eventstore.Snapshots.
func (s *Store) SaveSnapshot(ctx context.Context, tenant uuid.UUID, stream eventstore.Stream, snap eventstore.Snapshot) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.log(tenant)
	old, ok := l.snapshots[stream]
	if ok && old.StateVersion == snap.StateVersion && old.Version > snap.Version {
		return nil
	}
	snap.State = bytes.Clone(snap.State)
	l.snapshots[stream] = snap
	return nil
}
