// Package job is the aggregate of a job as far as people have decided about it.
// A job itself is a row that a saga wrote and that its workers move on; that a
// dead one is to run again, or is given up, is somebody's decision and stands in
// the tenant's log. The saga of projections/sagas/joborders carries it out.
package job

import (
	"strings"

	"tansu.cloud/domain"
)

// StreamType is the type of a job's stream; the stream's id is the job's.
const StreamType = "job"

// StateVersion changes with the meaning or shape of State and so drops old
// snapshots.
const StateVersion = 1

// State is what was decided about a job.
type State struct {
	ID        string `json:"id"`
	Claim     int64  `json:"claim"` // of the last death that was decided about
	Discarded bool   `json:"discarded"`
}

// Event is something that was decided about a job.
type Event interface {
	EventType() string
	SchemaVersion() int
	jobEvent()
}

// Events lists a prototype of every event, for registration.
func Events() []Event { return []Event{Redriven{}, Discarded{}} }

// Redriven: a dead job runs again, with all its attempts.
type Redriven struct {
	JobID string `json:"job_id"`
	Kind  string `json:"kind"`
	Key   string `json:"key"`
	// Claim counts how often workers had claimed the job when it died, and so
	// says which of its deaths is meant.
	Claim int64 `json:"claim"`
}

// Discarded: a dead job is given up for ever, and its group goes on without it.
type Discarded struct {
	JobID  string `json:"job_id"`
	Kind   string `json:"kind"`
	Key    string `json:"key"`
	Claim  int64  `json:"claim"` // as in Redriven
	Reason string `json:"reason"`
}

func (Redriven) EventType() string  { return "job.redriven" }
func (Discarded) EventType() string { return "job.discarded" }

func (Redriven) SchemaVersion() int  { return 1 }
func (Discarded) SchemaVersion() int { return 1 }

func (Redriven) jobEvent()  {}
func (Discarded) jobEvent() {}

// Death is what the queue says about a job when something is decided about it.
type Death struct {
	ID, Kind, Key string
	Claim         int64
	Dead          bool // otherwise there is nothing to decide
}

// Command is something to do to a dead job.
type Command interface{ jobCommand() }

type (
	// Redrive lets the job run again.
	Redrive struct{ Death }
	// Discard gives the job up; it needs a reason.
	Discard struct {
		Death
		Reason string
	}
)

func (Redrive) jobCommand() {}
func (Discard) jobCommand() {}

// Refusals.
var (
	ErrNotFound = domain.NotFound("job.not_found", "there is no such job; finished ones are forgotten after a week")
	ErrNotDead  = domain.Conflict("job.not_dead", "the job is not dead, so there is nothing to decide about it; what is decided about a dead one takes effect at once")
)

// Decide says which events a command causes. A second order of the same kind for
// the same death causes none.
func Decide(s State, c Command) ([]Event, error) {
	switch c := c.(type) {
	case Redrive:
		switch {
		case s.Claim == c.Claim && !s.Discarded && c.Claim > 0:
			return nil, nil
		case !c.open(s):
			return nil, ErrNotDead
		}
		return []Event{Redriven{c.ID, c.Kind, c.Key, c.Claim}}, nil
	case Discard:
		if problems := domain.CheckReason(c.Reason, true); len(problems) > 0 {
			return nil, domain.Invalid("job.command_invalid", "the command has invalid fields", problems...)
		}
		switch {
		case s.Discarded:
			return nil, nil
		case !c.open(s):
			return nil, ErrNotDead
		}
		return []Event{Discarded{c.ID, c.Kind, c.Key, c.Claim, strings.TrimSpace(c.Reason)}}, nil
	}
	return nil, domain.Invalid("job.command_unknown", "a job does not know this command")
}

// open reports whether nothing was decided about this death yet.
func (d Death) open(s State) bool { return d.Dead && !s.Discarded && d.Claim > s.Claim }

// Apply folds one event into the state.
func Apply(s State, e Event) State {
	switch e := e.(type) {
	case Redriven:
		return State{ID: e.JobID, Claim: e.Claim}
	case Discarded:
		return State{ID: e.JobID, Claim: e.Claim, Discarded: true}
	}
	return s
}
