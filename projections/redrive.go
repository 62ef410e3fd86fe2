package projections

import (
	"context"
	"errors"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tansu.cloud/domain/projection"
	"tansu.cloud/eventstore"
	"tansu.cloud/sql/db"
)

// redriveChunk is how many events of a parked stream one transaction applies.
const redriveChunk = 100

// errParkedAgain ends a re-drive whose next event failed.
var errParkedAgain = errors.New("the stream was parked again")

// redrive applies a parked stream's events in order, from the failed one up to
// what the tenant's worker has seen; then the stream flows again. Each chunk
// moves the row of the parked stream or deletes it, so every event counts once.
type redrive struct {
	*generation
	tenant  *tenant
	stream  eventstore.Stream
	letter  projection.DeadLetter
	id      uuid.UUID
	version int64 // of the next event, as in the row
	applied int64
}

// settleLetter brings an open dead letter to its end: if a re-drive is asked
// for, or if the log says that the stream is parked but no row does.
func settleLetter(id uuid.UUID, letter projection.DeadLetter) task {
	return func(ctx context.Context, g *generation, t *tenant) error {
		r := &redrive{generation: g, tenant: t, letter: letter, id: id,
			stream: eventstore.Stream{Type: letter.StreamType, ID: letter.StreamID}}
		row, err := g.queries.ParkedStream(ctx, db.ParkedStreamParams{
			TenantID: t.id, Projection: g.Name, Generation: int32(g.number),
			StreamType: r.stream.Type, StreamID: r.stream.ID,
		})
		switch {
		case errors.Is(err, pgx.ErrNoRows):
			// Its last chunk was committed without the report, or its event was
			// applied after all; unless the worker has yet to come to it.
			if t.seen < letter.Position {
				return nil
			}
			return r.resolve(ctx)
		case err != nil:
			return err
		case letter.Status != projection.StatusRedriving || row.DeadLetterID != id || t.parked[r.stream].attempts > letter.Attempts:
			return nil
		}
		r.version = row.Version
		if err := r.run(ctx); !errors.Is(err, errParkedAgain) {
			return err
		}
		return nil
	}
}

func (r *redrive) run(ctx context.Context) error {
	for {
		events, err := r.config.Log.ReadStream(ctx, r.tenant.id, r.stream, eventstore.StreamQuery{After: r.version - 1, Limit: redriveChunk})
		if err != nil {
			return err
		}
		last := len(events) < redriveChunk
		for i, e := range events {
			if e.Position > r.tenant.seen {
				events, last = events[:i], true
				break
			}
		}
		end := mark{version: r.version}
		if len(events) > 0 {
			end = after(&events[len(events)-1])
		}
		if err := r.apply(ctx, r.relevant(events, false), end, last); err != nil {
			return err
		}
		if last {
			delete(r.tenant.parked, r.stream)
			return r.resolve(ctx)
		}
	}
}

// apply commits events and moves the row to the version that follows them, or
// deletes it. Failing events are found by halving, as when advancing.
func (r *redrive) apply(ctx context.Context, events []eventstore.Event, next mark, last bool) error {
	s := r.step(events, next, last)
	err := r.commit(ctx, r.tenant, s)
	if isApplyError(err) {
		if half := len(events) / 2; half > 0 {
			if err := r.apply(ctx, events[:half], at(&events[half]), false); err != nil {
				return err
			}
			return r.apply(ctx, events[half:], next, last)
		}
		err = r.again(ctx, r.tenant, s, err)
	}
	if isApplyError(err) {
		return r.parkAgain(ctx, &events[0], err)
	}
	if err != nil {
		return err
	}
	r.version = next.version
	r.applied += int64(len(events))
	return nil
}

// step also writes the checkpoint that the worker has reached: an event that was
// looked at and left out must not come again once its stream flows.
func (r *redrive) step(events []eventstore.Event, next mark, last bool) step {
	return step{events: events, to: r.tenant.seen, at: r.tenant.seenAt, also: func(ctx context.Context, q *db.Queries) error {
		var moved int64
		var err error
		if last {
			moved, err = q.DeleteParkedStream(ctx, db.DeleteParkedStreamParams{
				TenantID: r.tenant.id, Projection: r.Name, Generation: int32(r.number),
				StreamType: r.stream.Type, StreamID: r.stream.ID, DeadLetterID: r.id,
			})
		} else {
			moved, err = q.MoveParkedStream(ctx, r.moveTo(next))
		}
		if err == nil && moved == 0 {
			return errStale
		}
		return err
	}}
}

// mark is where a parked stream goes on.
type mark struct{ version, position int64 }

func at(e *eventstore.Event) mark    { return mark{e.Version, e.Position} }
func after(e *eventstore.Event) mark { return mark{e.Version + 1, e.Position + 1} }

func (r *redrive) moveTo(next mark) db.MoveParkedStreamParams {
	return db.MoveParkedStreamParams{
		TenantID: r.tenant.id, Projection: r.Name, Generation: int32(r.number),
		StreamType: r.stream.Type, StreamID: r.stream.ID, DeadLetterID: r.id,
		FromVersion: r.version, ToVersion: next.version, ToPosition: next.position,
	}
}

func (r *redrive) parkAgain(ctx context.Context, e *eventstore.Event, cause error) error {
	attempts := r.letter.Attempts + 1
	if err := r.reportParked(ctx, e, r.id, attempts, cause); err != nil {
		return err
	}
	if err := r.commit(ctx, r.tenant, r.step(nil, at(e), false)); err != nil {
		return err
	}
	r.tenant.parked[r.stream] = parked{id: r.id, attempts: attempts}
	return errParkedAgain
}

func (r *redrive) resolve(ctx context.Context) error {
	return r.config.Control.ResolveStream(ctx, r.Name, projection.ResolveStream{DeadLetterID: r.id.String(), Applied: r.applied})
}
