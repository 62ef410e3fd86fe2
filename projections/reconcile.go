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

// reconcile brings what runs in line with what the log says should run, as far as
// that is up to this process. It may be repeated at any time, after a crash at any
// point.
func (p *projector) reconcile(ctx context.Context, t *tenure) error {
	// Read before the desired state: a row that is here has its dead letter there.
	rows, err := p.parkedRows(ctx)
	if err != nil {
		return err
	}
	if err := p.takePart(ctx, t); err != nil {
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
	if p.EveryTenant && !p.config.Follow && p.able(state) != (p.member != nil) {
		p.wake() // to join or to leave
	}

	live := 0
	if p.able(state) && !state.Paused && serving == state.Active.Generation {
		live = serving
	}
	if err := p.resume(ctx, live); err != nil {
		return err
	}
	if p.lead != nil {
		if err := p.direct(ctx, t, live, serving, generations); err != nil {
			return err
		}
	}
	p.settleLetters(rows, state)
	if p.lead != nil && state.Active.Version > p.Version && !p.Saga {
		return &newerVersion{built: state.Active.Version, known: p.Version}
	}
	return p.firstError()
}

// direct does what the leader does alone: it fills generations that do not serve
// yet, switches to them, and drops those that are over.
func (p *projector) direct(ctx context.Context, t *tenure, live, serving int, generations map[int]bool) error {
	if err := p.align(ctx, t, p.target(live), live > 0); err != nil {
		return err
	}
	if p.build.finished() {
		return p.switchTo(ctx, t, serving)
	}
	return p.dropRetired(ctx, serving, generations)
}

// target is the generation to be filled, 0 for none.
func (p *projector) target(live int) int {
	s := p.desired.state
	switch {
	case s.Paused:
		return 0
	case p.able(s) && live == 0:
		return s.Active.Generation // it was never switched to, or its tables are gone
	case s.Building != nil:
		return s.Building.Generation
	}
	return 0
}

// decide reads the desired state; the leader also asks for the changes of it that
// follow from the version of this program.
func (p *projector) decide(ctx context.Context) error {
	for range 3 { // a first start, then nothing; or the end of a rebuild, then another
		if err := p.desired.refresh(ctx, p.config.Log, p.config.Decoder); err != nil || p.lead == nil {
			return err
		}
		s := p.desired.state
		var err error
		switch {
		case !s.Exists():
			err = p.config.Control.SwitchProjection(ctx, p.Name, projection.Switch{Name: p.Name, Generation: 1, Version: p.Version})
		case s.Building != nil && p.Saga:
			err = p.config.Control.CancelRebuild(ctx, p.Name, projection.CancelRebuild{Reason: "a saga is never rebuilt"})
		case s.Building != nil && s.Building.Version != p.Version:
			err = p.config.Control.CancelRebuild(ctx, p.Name, projection.CancelRebuild{Reason: "another version of the program runs"})
		case s.Building == nil && s.Active.Version < p.Version && !p.Saga:
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

// align starts and stops what is being filled. The lead gets a new token, because
// partitions may have changed hands since, and one of their holders may have been
// the last to write what is filled.
func (p *projector) align(ctx context.Context, t *tenure, target int, besideLive bool) error {
	if p.build != nil && p.build.number != target {
		if err := p.stopBuild(ctx); err != nil {
			return err
		}
	}
	if p.build != nil || target == 0 {
		return nil
	}
	if err := p.createSchema(ctx, target); err != nil {
		return err
	}
	if p.EveryTenant {
		l, err := t.take(ctx, p.leadName())
		if err != nil {
			return err
		}
		if l == nil {
			return errLeaseLost
		}
		p.lead = l
	}
	p.startBuild(ctx, target, besideLive)
	return nil
}

// maxParkedRows is above the most dead letters that a projection may have.
const maxParkedRows = projection.MaxDeadLetters + 100

func (p *projector) parkedRows(ctx context.Context) ([]db.ParkedStreamsRow, error) {
	lives := p.lives()
	if len(lives) == 0 {
		return nil, nil
	}
	return p.queries.ParkedStreams(ctx, db.ParkedStreamsParams{
		Projection: p.Name, Generation: int32(lives[0].number), MaxRows: maxParkedRows})
}

// settleLetters compares parked streams with open dead letters and gives each
// difference to the worker of its tenant, if that is in this process.
func (p *projector) settleLetters(rows []db.ParkedStreamsRow, state projection.State) {
	held := map[string]bool{}
	for _, row := range rows {
		held[row.DeadLetterID.String()] = true
		g := p.shareOf(row.TenantID).live.Load()
		if _, open := state.DeadLetters[row.DeadLetterID.String()]; !open && g != nil {
			stream := eventstore.Stream{Type: row.StreamType, ID: row.StreamID}
			g.queue.add(row.TenantID, row.DeadLetterID, release(stream, row.DeadLetterID))
		}
	}
	for key, letter := range state.DeadLetters {
		if letter.Status != projection.StatusRedriving && held[key] {
			continue
		}
		id, err := uuid.Parse(key)
		tenant, err2 := uuid.Parse(letter.TenantID)
		if err := errors.Join(err, err2); err != nil {
			p.logger.Error("projection: dead letter with a malformed id", "dead_letter_id", key, "error", err)
			continue
		}
		if g := p.shareOf(tenant).live.Load(); g != nil && g.number == letter.Generation {
			g.queue.add(tenant, id, settleLetter(id, letter))
		}
	}
}

// firstError returns what is in the way of a tenant, if anything is.
func (p *projector) firstError() error {
	lives := p.lives()
	if len(lives) == 0 {
		return p.build.firstError()
	}
	var first error
	for _, g := range lives {
		if err := g.queue.firstError(); err != nil && (first == nil || blocking(err)) {
			first = err
		}
	}
	return first
}

// dropRetired removes the tables of generations that are over: of a cancelled
// rebuild at once, of a replaced one when its last readers are done.
func (p *projector) dropRetired(ctx context.Context, serving int, generations map[int]bool) error {
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
		if err := p.lead.verify(ctx); err != nil {
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
