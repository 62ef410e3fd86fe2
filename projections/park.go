package projections

import (
	"context"

	"github.com/google/uuid"

	"tansu.cloud/domain/projection"
	"tansu.cloud/eventstore"
	"tansu.cloud/sql/db"
)

// parked is a stream whose events wait for a re-drive.
type parked struct {
	id       uuid.UUID
	attempts int // of the last failed re-drive in this process
}

// park sets the stream of a failing event aside: first in the log, then in the
// transaction that moves the checkpoint over the event. After a crash in
// between, the event fails again and the same report changes nothing.
func (g *generation) park(ctx context.Context, t *tenant, e *eventstore.Event, s step, cause error) error {
	id := deadLetterID(g.Name, g.number, e)
	if err := g.reportParked(ctx, e, id, 1, cause); err != nil {
		return err
	}
	s.events = nil
	s.also = func(ctx context.Context, q *db.Queries) error {
		return q.InsertParkedStream(ctx, db.InsertParkedStreamParams{
			TenantID: t.id, Projection: g.Name, Generation: int32(g.number),
			StreamType: e.Stream.Type, StreamID: e.Stream.ID,
			DeadLetterID: id, Position: e.Position, Version: e.Version,
		})
	}
	if err := g.commit(ctx, t, s); err != nil {
		return err
	}
	t.parked[e.Stream] = parked{id: id, attempts: 1}
	return nil
}

// reportParked appends the dead letter to the log, unless another process has
// taken the projection over: then what failed here may be its doing.
func (g *generation) reportParked(ctx context.Context, e *eventstore.Event, id uuid.UUID, attempts int, cause error) error {
	if err := g.lease.verify(ctx); err != nil {
		return err
	}
	g.logger.ErrorContext(ctx, "projection parks a stream", "generation", g.number, "tenant_id", e.TenantID,
		"stream", e.Stream.String(), "position", e.Position, "event_type", e.Type, "dead_letter_id", id,
		"attempts", attempts, "error", cause)
	return g.config.Control.ParkStream(ctx, g.Name, projection.ParkStream{
		DeadLetterID: id.String(), Generation: g.number, TenantID: e.TenantID.String(),
		StreamType: e.Stream.Type, StreamID: e.Stream.ID, Position: e.Position, Version: e.Version,
		EventID: e.ID.String(), EventType: e.Type, Error: cause.Error(), Attempts: attempts,
	})
}

// task is something to do for a tenant besides advancing it. Its worker does it,
// so nothing else moves the tenant meanwhile.
type task func(ctx context.Context, g *generation, t *tenant) error

// release lets a discarded stream's later events flow again. The row's events up
// to what was looked at are given up.
func release(stream eventstore.Stream, id uuid.UUID) task {
	return func(ctx context.Context, g *generation, t *tenant) error {
		err := g.commit(ctx, t, step{to: t.seen, at: t.seenAt, also: func(ctx context.Context, q *db.Queries) error {
			_, err := q.DeleteParkedStream(ctx, db.DeleteParkedStreamParams{
				TenantID: t.id, Projection: g.Name, Generation: int32(g.number),
				StreamType: stream.Type, StreamID: stream.ID, DeadLetterID: id,
			})
			return err
		}})
		if err == nil && t.parked[stream].id == id {
			delete(t.parked, stream)
		}
		return err
	}
}
