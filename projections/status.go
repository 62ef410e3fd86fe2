package projections

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"tansu.cloud/eventstore"
	"tansu.cloud/sql/db"
)

// State says in one word what a projection does.
type State string

// The states, the first that applies.
const (
	StateStopped    State = "stopped"    // this process does not run it, nor waits to
	StateFailed     State = "failed"     // it needs someone's help; LastError says for what
	StatePaused     State = "paused"     // on request
	StateStarting   State = "starting"   // its first generation is being filled
	StateRebuilding State = "rebuilding" // one generation serves, another is being filled
	StateRunning    State = "running"
)

// Status is how a projection is doing. Positions and lag are sums over all logs
// that it reads.
type Status struct {
	Name       string
	Version    int // of the code that filled the generation that serves
	Generation int // that serves, 0 if none does yet
	State      State
	Position   int64 // events looked at
	Head       int64 // events in the log
	LagEvents  int64
	Lag        time.Duration // age of the oldest event not looked at
	Parked     int           // streams that wait for a re-drive
	Owners     []string      // ids of the nodes that move it on, in order
	LastError  string        // what is in the way, empty if nothing
	Rebuild    *Rebuild      // nil if none runs
}

// Rebuild is the progress of a generation that is being filled.
type Rebuild struct {
	Generation, Version int
	Done, Total         int64         // events
	Rate                float64       // events per second, 0 while unknown
	ETA                 time.Duration // 0 while unknown
}

// Status returns the status of every projection, in the order of the
// configuration.
func (r *Runner) Status(ctx context.Context) ([]Status, error) {
	all := make([]Status, len(r.projectors))
	for i, p := range r.projectors {
		var err error
		if all[i], err = p.status(ctx); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func (p *projector) status(ctx context.Context) (Status, error) {
	v := p.shown()
	s := Status{Name: p.Name, Generation: v.serving, Version: v.state.Active.Version, State: v.summary()}
	if v.err != nil {
		s.LastError = v.err.Error()
	}
	for _, letter := range v.state.DeadLetters {
		if letter.Generation == v.state.Active.Generation {
			s.Parked++
		}
	}
	h, err := p.holders(ctx)
	if err != nil {
		return s, err
	}
	s.Owners = h.owners(p.EveryTenant)
	serving, err := p.progress(ctx, v.serving)
	if err != nil {
		return s, err
	}
	s.Position, s.Head, s.LagEvents = serving.Done, serving.Total, serving.Total-serving.Done
	if s.LagEvents > 0 {
		s.Lag = max(time.Since(serving.OldestWaiting), 0)
	}
	if s.Rebuild = v.rebuild(p.Version); s.Rebuild == nil {
		return s, nil
	}
	building, err := p.progress(ctx, s.Rebuild.Generation)
	s.Rebuild.Done, s.Rebuild.Total = building.Done, building.Total
	if b := v.building; b != nil && b.number == s.Rebuild.Generation {
		if seconds := time.Since(b.started).Seconds(); seconds > 0 {
			s.Rebuild.Rate = float64(b.events.Load()) / seconds
		}
		if s.Rebuild.Rate > 0 {
			s.Rebuild.ETA = time.Duration(float64(building.Total-building.Done) / s.Rebuild.Rate * float64(time.Second))
		}
	}
	return s, err
}

func (v *view) summary() State {
	switch {
	case v.stopped:
		return StateStopped
	case v.err != nil && blocking(v.err):
		return StateFailed
	case v.state.Paused:
		return StatePaused
	case v.serving == 0:
		return StateStarting
	case v.state.Building != nil || v.serving != v.state.Active.Generation:
		return StateRebuilding
	}
	return StateRunning
}

// rebuild names the generation that is being filled.
func (v *view) rebuild(version int) *Rebuild {
	if v.state.Building != nil {
		return &Rebuild{Generation: v.state.Building.Generation, Version: v.state.Building.Version}
	}
	if active := v.state.Active.Generation; active > 0 && v.serving != active {
		return &Rebuild{Generation: active, Version: version}
	}
	return nil
}

func (p *projector) progress(ctx context.Context, generation int) (db.EveryTenantProgressRow, error) {
	if p.EveryTenant {
		return p.queries.EveryTenantProgress(ctx, db.EveryTenantProgressParams{Projection: p.Name, Generation: int32(generation)})
	}
	row, err := p.queries.TenantProgress(ctx, db.TenantProgressParams{
		TenantID: eventstore.SystemTenant, Projection: p.Name, Generation: int32(generation)})
	if errors.Is(err, pgx.ErrNoRows) {
		return db.EveryTenantProgressRow{}, nil // the log is empty
	}
	return db.EveryTenantProgressRow(row), err
}
