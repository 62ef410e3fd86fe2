// Package projection is the aggregate that says what each projection should be
// doing: which generation of its tables serves, which is being filled beside it,
// whether it is paused, and which streams it has parked. Its streams stand in
// the system tenant's log; the projection runner sends the commands and brings
// reality in line with the state.
package projection

import "maps"

// StreamType is the type of a projection's stream; the stream's id is its name.
const StreamType = "projection"

// StateVersion changes with the meaning or shape of State and so drops old
// snapshots.
const StateVersion = 1

// Build is one filling of a projection's tables: generations count up for ever,
// version is that of the code that fills them.
type Build struct {
	Generation int `json:"generation"`
	Version    int `json:"version"`
}

// DeadLetterStatus is where an open dead letter stands.
type DeadLetterStatus string

// A resolved or discarded dead letter is no longer in the state.
const (
	StatusParked    DeadLetterStatus = "parked"
	StatusRedriving DeadLetterStatus = "redriving"
)

// DeadLetter is a stream that the projection has set aside. Position and Version
// are those of the event that failed.
type DeadLetter struct {
	Status     DeadLetterStatus `json:"status"`
	Generation int              `json:"generation"`
	TenantID   string           `json:"tenant_id"`
	StreamType string           `json:"stream_type"`
	StreamID   string           `json:"stream_id"`
	Position   int64            `json:"position"`
	Version    int64            `json:"version"`
	Attempts   int              `json:"attempts"`
}

// State is what a projection should be doing. The zero State is a projection
// that was never switched on.
type State struct {
	Name           string                `json:"name"`
	Active         Build                 `json:"active"`
	Building       *Build                `json:"building,omitempty"`
	LastGeneration int                   `json:"last_generation"` // highest ever used; numbers are not used again
	Paused         bool                  `json:"paused"`
	DeadLetters    map[string]DeadLetter `json:"dead_letters,omitempty"` // the open ones, by id
}

// Exists reports whether the projection was ever switched on.
func (s State) Exists() bool { return s.Active.Generation > 0 }

// Apply folds one event into the state; the given state stays as it is.
func Apply(s State, e Event) State {
	switch e := e.(type) {
	case Activated:
		s.Name, s.Active, s.Building = e.Name, Build{e.Generation, e.Version}, nil
		s.LastGeneration = max(s.LastGeneration, e.Generation)
	case RebuildStarted:
		s.Building = &Build{e.Generation, e.Version}
		s.LastGeneration = max(s.LastGeneration, e.Generation)
	case RebuildCancelled:
		s.Building = nil
	case Paused:
		s.Paused = true
	case Resumed:
		s.Paused = false
	case StreamParked:
		s.setDeadLetter(e.DeadLetterID, DeadLetter{
			Status: StatusParked, Generation: e.Generation, TenantID: e.TenantID,
			StreamType: e.StreamType, StreamID: e.StreamID,
			Position: e.Position, Version: e.Version, Attempts: e.Attempts,
		})
	case RedriveRequested:
		if letter, ok := s.DeadLetters[e.DeadLetterID]; ok {
			letter.Status = StatusRedriving
			s.setDeadLetter(e.DeadLetterID, letter)
		}
	case StreamResolved:
		s.dropDeadLetter(e.DeadLetterID)
	case DeadLetterDiscarded:
		s.dropDeadLetter(e.DeadLetterID)
	}
	return s
}

// setDeadLetter and dropDeadLetter change a copy of the map, because states that
// share it are values.
func (s *State) setDeadLetter(id string, letter DeadLetter) {
	s.DeadLetters = maps.Clone(s.DeadLetters)
	if s.DeadLetters == nil {
		s.DeadLetters = map[string]DeadLetter{}
	}
	s.DeadLetters[id] = letter
}

func (s *State) dropDeadLetter(id string) {
	s.DeadLetters = maps.Clone(s.DeadLetters)
	if delete(s.DeadLetters, id); len(s.DeadLetters) == 0 {
		s.DeadLetters = nil
	}
}
