package projections

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tansu.cloud/domain/projection"
	"tansu.cloud/eventstore"
	"tansu.cloud/sql/db"
)

// reconcile brings what runs in line with what the log says should run. It may
// be repeated at any time, after a crash at any point.
func (p *projector) reconcile(ctx context.Context, l *lease) error {
	// Read before the desired state: a row that is here has its dead letter there.
	rows, err := p.parkedRows(ctx)
	if err != nil {
		return err
	}
	if err := p.decide(ctx); err != nil {
		return err
	}
	state := p.desired.state
	serving, generations, err := p.tables(ctx)
	if err != nil {
		return err
	}
	p.show(func(v *view) { v.state, v.serving = state, serving })

	runnable := !state.Paused && state.Active.Version == p.Version
	live, target := 0, 0
	if runnable && serving == state.Active.Generation {
		live = serving
	} else if runnable {
		target = state.Active.Generation // it was never switched to, or its tables are gone
	}
	if target == 0 && !state.Paused && state.Building != nil {
		target = state.Building.Generation
	}
	if err := p.align(ctx, l, live, target); err != nil {
		return err
	}
	if p.build.finished() {
		return p.switchTo(ctx, l, serving)
	}
	if g := p.live.Load(); g != nil {
		p.settleLetters(g, rows, state)
	}
	if err := p.dropRetired(ctx, l, serving, generations); err != nil {
		return err
	}
	if state.Active.Version > p.Version {
		return &newerVersion{built: state.Active.Version, known: p.Version}
	}
	if g := p.live.Load(); g != nil {
		return g.queue.firstError()
	}
	return p.build.firstError()
}

// decide reads the desired state and asks for the changes of it that follow from
// the version of this program.
func (p *projector) decide(ctx context.Context) error {
	for range 3 { // a first start, then nothing; or the end of a rebuild, then another
		if err := p.desired.refresh(ctx, p.config.Log, p.config.Decoder); err != nil {
			return err
		}
		s := p.desired.state
		var err error
		switch {
		case !s.Exists():
			err = p.config.Control.SwitchProjection(ctx, p.Name, projection.Switch{Name: p.Name, Generation: 1, Version: p.Version})
		case s.Building != nil && s.Building.Version != p.Version:
			err = p.config.Control.CancelRebuild(ctx, p.Name, projection.CancelRebuild{Reason: "another version of the program runs"})
		case s.Building == nil && s.Active.Version < p.Version:
			err = p.config.Control.StartRebuild(ctx, p.Name, projection.StartRebuild{Version: p.Version, Reason: "new version"})
		default:
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// tables returns which generations have tables and which of them the views show,
// 0 if none.
func (p *projector) tables(ctx context.Context) (serving int, generations map[int]bool, err error) {
	if generations, err = p.schemas(ctx); err != nil {
		return 0, nil, err
	}
	shown, err := p.queries.ServingGeneration(ctx, p.Name)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, generations, nil
	}
	if err == nil && generations[int(shown)] {
		serving = int(shown)
	}
	return serving, generations, err
}

// align starts and stops what runs: the live generation and the one being built.
func (p *projector) align(ctx context.Context, l *lease, live, target int) error {
	if g := p.live.Load(); g != nil && g.number != live {
		if err := p.stopLive(ctx); err != nil {
			return err
		}
	}
	if p.build != nil && p.build.number != target {
		if err := p.stopBuild(ctx); err != nil {
			return err
		}
	}
	if p.live.Load() == nil && live > 0 {
		g := newGeneration(ctx, p.setup, live, l)
		g.addWorkers(ctx)
		p.live.Store(g)
		g.goLive(ctx)
	}
	if p.build == nil && target > 0 {
		if err := p.createSchema(ctx, target); err != nil {
			return err
		}
		p.startBuild(ctx, l, target)
	}
	return nil
}

// stopLive clears the pointer first, so that who waits asks the database.
func (p *projector) stopLive(ctx context.Context) error {
	g := p.live.Swap(nil)
	if g == nil {
		return nil
	}
	return g.stop(ctx)
}

// maxParkedRows is above the most dead letters that a projection may have.
const maxParkedRows = projection.MaxDeadLetters + 100

func (p *projector) parkedRows(ctx context.Context) ([]db.ParkedStreamsRow, error) {
	g := p.live.Load()
	if g == nil {
		return nil, nil
	}
	return p.queries.ParkedStreams(ctx, db.ParkedStreamsParams{Projection: p.Name, Generation: int32(g.number), MaxRows: maxParkedRows})
}

// settleLetters compares parked streams with open dead letters and gives each
// difference to the worker of its tenant.
func (p *projector) settleLetters(g *generation, rows []db.ParkedStreamsRow, state projection.State) {
	held := map[string]bool{}
	for _, row := range rows {
		held[row.DeadLetterID.String()] = true
		if _, open := state.DeadLetters[row.DeadLetterID.String()]; !open {
			stream := eventstore.Stream{Type: row.StreamType, ID: row.StreamID}
			g.queue.add(row.TenantID, row.DeadLetterID, release(stream, row.DeadLetterID))
		}
	}
	for key, letter := range state.DeadLetters {
		if letter.Generation != g.number || (letter.Status != projection.StatusRedriving && held[key]) {
			continue
		}
		id, err := uuid.Parse(key)
		tenant, err2 := uuid.Parse(letter.TenantID)
		if err := errors.Join(err, err2); err != nil {
			p.logger.Error("projection: dead letter with a malformed id", "dead_letter_id", key, "error", err)
			continue
		}
		g.queue.add(tenant, id, settleLetter(id, letter))
	}
}

// dropRetired removes the tables of generations that are over: of a cancelled
// rebuild at once, of a replaced one when its last readers are done.
func (p *projector) dropRetired(ctx context.Context, l *lease, serving int, generations map[int]bool) error {
	s := p.desired.state
	for number := range generations {
		if number == serving || number == s.Active.Generation || (s.Building != nil && number == s.Building.Generation) {
			delete(p.retired, number)
			continue
		}
		since, known := p.retired[number]
		if !known {
			since = time.Now()
			p.retired[number] = since
		}
		if number < s.Active.Generation && time.Since(since) < p.config.DropAfter {
			continue
		}
		if err := l.verify(ctx); err != nil {
			return err
		}
		if err := p.dropSchema(ctx, number); err != nil {
			return err
		}
		delete(p.retired, number)
		p.logger.InfoContext(ctx, "projection: dropped a generation", "generation", number)
	}
	return nil
}
