package projections

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tansu.cloud/sql/db"
)

// ErrUnknownProjection: this program has no projection of that name.
var ErrUnknownProjection = errors.New("there is no such projection")

const (
	// nudgeAfter is how long a wait relies on the relay before it has the log read.
	nudgeAfter = 50 * time.Millisecond
	// askInterval is the most between looks at the checkpoint while another
	// process, or none, moves the projection on.
	askInterval = 20 * time.Millisecond
	// askForAll is the time between looks at the checkpoints of all tenants.
	askForAll = 250 * time.Millisecond
)

// Wait returns nil when the rows that the projection serves contain everything
// up to a position of a tenant's log, and an error that wraps ctx.Err() if ctx
// ends first. A projection that does not read that log is never behind.
func (r *Runner) Wait(ctx context.Context, name string, tenant uuid.UUID, position int64) error {
	p := r.byName[name]
	if p == nil {
		return fmt.Errorf("%w: %q", ErrUnknownProjection, name)
	}
	if position <= 0 || !p.reads(tenant) {
		return nil
	}
	for ask := time.Millisecond; ; ask = min(2*ask, askInterval) {
		reached := false
		if g := p.shareOf(tenant).live.Load(); g != nil {
			reached = g.wait(ctx, tenant, position)
		} else if reached = p.reached(ctx, tenant, position); !reached {
			sleep(ctx, ask)
		}
		if reached {
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("projection %s has not reached position %d yet: %w", name, position, ctx.Err())
		}
	}
}

// WaitForAll returns nil when the rows that a projection of every log serves contain
// everything that was recorded up to a time, but for streams that are parked. It is
// for what happens seldom: it looks at all tenants.
func (r *Runner) WaitForAll(ctx context.Context, name string, until time.Time) error {
	p := r.byName[name]
	if p == nil {
		return fmt.Errorf("%w: %q", ErrUnknownProjection, name)
	}
	for {
		generation, err := p.queries.ServingGeneration(ctx, p.Name)
		if err == nil {
			var behind bool
			behind, err = p.queries.AnyTenantBehind(ctx, db.AnyTenantBehindParams{Projection: p.Name, Generation: generation, Until: until})
			if err == nil && !behind {
				return nil
			}
		}
		sleep(ctx, askForAll)
		if ctx.Err() != nil {
			return fmt.Errorf("projection %s has not read all logs up to %s yet: %w", name, until, errors.Join(ctx.Err(), err))
		}
	}
}

// wait reports false if ctx or the generation ended first.
func (g *generation) wait(ctx context.Context, tenant uuid.UUID, position int64) bool {
	w := g.queue.await(tenant, position)
	if w == nil {
		return true
	}
	defer g.queue.forget(tenant, w)
	nudge := time.NewTimer(nudgeAfter)
	defer nudge.Stop()
	for {
		select {
		case <-w.released:
			return true
		case <-nudge.C:
			g.queue.nudge(tenant, position)
		case <-g.quit:
			return false
		case <-ctx.Done():
			return false
		}
	}
}

// maxIdle is how many events without interest a wait looks through at most; a
// checkpoint that lags by more is written soon.
const maxIdle = 200

// reached asks the database whether the serving rows contain everything up to a
// position; a database that cannot answer counts as not there yet. The checkpoint
// may lag behind what does not concern the projection.
func (p *projector) reached(ctx context.Context, tenant uuid.UUID, position int64) bool {
	generation, err := p.queries.ServingGeneration(ctx, p.Name)
	if err != nil {
		return false
	}
	checkpoint, err := p.queries.Checkpoint(ctx, db.CheckpointParams{TenantID: tenant, Projection: p.Name, Generation: generation})
	if errors.Is(err, pgx.ErrNoRows) {
		checkpoint, err = 0, nil
	}
	if err != nil || checkpoint >= position || p.EveryType || position-checkpoint > maxIdle {
		return err == nil && checkpoint >= position
	}
	others, err := p.queries.OnlyOtherTypes(ctx, db.OnlyOtherTypesParams{
		TenantID: tenant, After: checkpoint, UpTo: position, Types: p.Types})
	return err == nil && others
}
