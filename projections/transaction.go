package projections

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/jackc/pgx/v5"

	"tansu.cloud/eventstore"
	"tansu.cloud/sql/db"
)

// step is what one transaction does: apply events, move the checkpoint from
// where it is stored, and change parked streams.
type step struct {
	events []eventstore.Event
	to     int64
	at     time.Time // when the event at `to` was recorded
	also   func(ctx context.Context, q *db.Queries) error
}

// commit carries out a step. The checkpoint comes first: whoever was overtaken
// by another process learns it before a row is touched, so that its collisions
// are not mistaken for failing events.
func (g *generation) commit(ctx context.Context, t *tenant, s step) error {
	changes, err := g.decode(ctx, s.events)
	if err != nil {
		return err
	}
	if len(changes) > 0 || s.also != nil {
		g.queue.unsettle(t)
	}
	tx, err := g.config.Pool.BeginTx(ctx, g.begin)
	if err != nil {
		return err
	}
	// Ends the transaction also if ctx has ended; after a commit it does nothing.
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	q := g.queries.WithTx(tx)
	if err := g.moveCheckpoint(ctx, q, t, s); err != nil {
		return err
	}
	if s.also != nil {
		if err := s.also(ctx, q); err != nil {
			return err
		}
	}
	var later afterCommit
	if len(changes) > 0 {
		if err := g.applySafely(later.in(ctx), tx, changes); err != nil {
			return g.blame(ctx, tx, err)
		}
	}
	if err := tx.Commit(ctx); err != nil {
		if len(changes) == 0 {
			return err
		}
		return g.blame(ctx, tx, err) // a deferred constraint, for example
	}
	later.run()
	if len(changes) > 0 {
		t.ownTypes = later.ownTypes
	}
	t.stored, t.seen, t.seenAt = s.to, s.to, s.at
	if len(changes) > 0 {
		g.metrics.batch.Record(ctx, int64(len(changes)), g.metrics.attributes)
	}
	return nil
}

func (g *generation) decode(ctx context.Context, events []eventstore.Event) ([]Change, error) {
	changes := make([]Change, len(events))
	for i, e := range events {
		if changes[i].Event = e; !g.handles[e.Type] {
			continue
		}
		payload, err := g.config.Decoder.Decode(ctx, e)
		if err != nil {
			return nil, g.blame(ctx, nil, err)
		}
		changes[i].Payload = payload
	}
	return changes, nil
}

func (g *generation) moveCheckpoint(ctx context.Context, q *db.Queries, t *tenant, s step) error {
	var moved int64
	var err error
	if t.stored == 0 {
		moved, err = q.InsertCheckpoint(ctx, db.InsertCheckpointParams{
			TenantID: t.id, Projection: g.Name, Generation: int32(g.number),
			Position: s.to, Fence: g.lease.token, RecordedAt: s.at,
		})
	} else {
		moved, err = q.MoveCheckpoint(ctx, db.MoveCheckpointParams{
			TenantID: t.id, Projection: g.Name, Generation: int32(g.number),
			FromPosition: t.stored, ToPosition: s.to, Fence: g.lease.token, RecordedAt: s.at,
		})
	}
	if err == nil && moved == 0 {
		return errStale
	}
	return err
}

// applySafely turns a panic of Apply into an error.
func (g *generation) applySafely(ctx context.Context, tx pgx.Tx, changes []Change) (err error) {
	defer func() {
		if p := recover(); p != nil {
			g.logger.ErrorContext(ctx, "projection panicked", "generation", g.number, "panic", p, "stack", string(debug.Stack()))
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return g.Apply(ctx, tx, changes)
}

// blame decides what an error says something about: events, if the database and
// this process are well.
func (g *generation) blame(ctx context.Context, tx pgx.Tx, err error) error {
	if ctx.Err() != nil || infrastructure(err) || (tx != nil && tx.Conn().IsClosed()) {
		return err
	}
	return &applyError{err}
}

func isApplyError(err error) bool {
	return errors.As(err, new(*applyError))
}
