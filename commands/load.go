package commands

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"
	"tansu.cloud/eventstore"
)

// snapshotEvery is how many events are folded before a snapshot spares them.
const snapshotEvery = 100

// loaded is an aggregate at a version. A snapshot of it exists at version
// snapshot, 0 if there is none.
type loaded[S any] struct {
	state    S
	version  int64
	snapshot int64
}

// load folds an aggregate from its newest snapshot and the events after it, up
// to a version if one is given. An aggregate without events is the zero state
// at version 0.
func load[S, C any, E eventstore.Payload](ctx context.Context, p *pipeline, agg aggregate[S, C, E], tenant uuid.UUID, id string, to int64) (loaded[S], error) {
	stream := agg.stream(id)
	if !canExist(id) {
		return loaded[S]{}, nil
	}
	var l loaded[S]
	if !agg.personal {
		var err error
		if l, err = fromSnapshot[S](ctx, p, tenant, stream, agg.stateVersion, to); err != nil {
			return l, err
		}
	}
	for to == 0 || l.version < to {
		events, err := p.store.ReadStream(ctx, tenant, stream, eventstore.StreamQuery{After: l.version, ToVersion: to})
		if err != nil {
			return l, fmt.Errorf("loading %s: %w", stream, err)
		}
		for _, e := range events {
			if e.Version != l.version+1 {
				return l, &eventstore.CorruptLog{TenantID: tenant, Position: e.Position,
					Problem: fmt.Sprintf("stream %s goes from version %d to %d", stream, l.version, e.Version)}
			}
			payload, err := p.codec.Decode(ctx, e)
			if err != nil {
				return l, fmt.Errorf("loading %s: %w", stream, err)
			}
			event, ok := payload.(E)
			if !ok {
				return l, &eventstore.CorruptLog{TenantID: tenant, Position: e.Position,
					Problem: fmt.Sprintf("stream %s holds an event of type %s", stream, e.Type)}
			}
			l.state, l.version = agg.apply(l.state, event), e.Version
		}
		if len(events) < eventstore.MaxPage {
			break
		}
	}
	return l, nil
}

func fromSnapshot[S any](ctx context.Context, p *pipeline, tenant uuid.UUID, stream eventstore.Stream, stateVersion int, to int64) (loaded[S], error) {
	var l loaded[S]
	snap, err := p.snapshots.LoadSnapshot(ctx, tenant, stream, stateVersion)
	if err != nil {
		return l, fmt.Errorf("loading the snapshot of %s: %w", stream, err)
	}
	if snap == nil || to > 0 && snap.Version > to {
		return l, nil
	}
	var state S
	if err := json.Unmarshal(snap.State, &state); err != nil {
		p.log.WarnContext(ctx, "snapshot ignored", "tenant_id", tenant, "stream", stream, "version", snap.Version, "error", err)
		return l, nil
	}
	return loaded[S]{state, snap.Version, snap.Version}, nil
}

// saveSnapshot saves one when enough events have gathered. It is only a spare:
// when that fails, the next command tries again.
func saveSnapshot[S any](ctx context.Context, p *pipeline, stateVersion int, tenant uuid.UUID, stream eventstore.Stream, l *loaded[S]) {
	if l.version-l.snapshot < snapshotEvery {
		return
	}
	state, err := json.Marshal(l.state)
	if err == nil {
		err = p.snapshots.SaveSnapshot(ctx, tenant, stream, eventstore.Snapshot{StateVersion: stateVersion, Version: l.version, State: state})
	}
	if err != nil {
		p.log.WarnContext(ctx, "snapshot not saved", "tenant_id", tenant, "stream", stream, "version", l.version, "error", err)
		return
	}
	l.snapshot = l.version
}

// canExist tells ids that the log refuses to store, so that looking one up is
// no fault of the store.
func canExist(id string) bool {
	return id != "" && len(id) <= eventstore.MaxStreamID && utf8.ValidString(id) && !strings.ContainsRune(id, 0)
}
