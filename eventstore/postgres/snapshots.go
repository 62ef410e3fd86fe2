package postgres

import (
	"context"
	"errors"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tansu.cloud/eventstore"
	"tansu.cloud/sql/db"
)

// LoadSnapshot implements eventstore.Snapshots.
func (r *Reader) LoadSnapshot(ctx context.Context, tenant uuid.UUID, stream eventstore.Stream, stateVersion int) (*eventstore.Snapshot, error) {
	row, err := r.queries.LoadSnapshot(ctx, db.LoadSnapshotParams{
		TenantID: tenant, StreamType: stream.Type, StreamID: stream.ID, StateVersion: int32(stateVersion),
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, readFailure(ctx, err)
	}
	return &eventstore.Snapshot{StateVersion: stateVersion, Version: row.Version, State: row.State}, nil
}

// SaveSnapshot implements eventstore.Snapshots.
func (r *Reader) SaveSnapshot(ctx context.Context, tenant uuid.UUID, stream eventstore.Stream, snap eventstore.Snapshot) error {
	err := r.queries.SaveSnapshot(ctx, db.SaveSnapshotParams{
		TenantID: tenant, StreamType: stream.Type, StreamID: stream.ID,
		StateVersion: int32(snap.StateVersion), Version: snap.Version, State: snap.State,
	})
	return readFailure(ctx, err)
}
