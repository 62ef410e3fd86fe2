// Package session is the aggregate of one sign-in of a user, in a browser or on
// the command line. Tokens live no longer than the session that they were issued
// in. Streams stand in the system tenant's log; the cookie's secret stands
// beside it.
package session

import "time"

// StreamType is the type of a session's stream; the stream's id is the
// session's, a UUID.
const StreamType = "session"

// StateVersion changes with the meaning or shape of State and so drops old
// snapshots.
const StateVersion = 2

// State is a session as its events tell it. The zero State is a session that
// does not exist. From where it was started is told by the event alone, sealed.
type State struct {
	SessionID   string    `json:"session_id"`
	UserID      string    `json:"user_id"`
	Method      string    `json:"method"`
	ConfinedTo  string    `json:"confined_to"` // the only tenant that it is good for; empty: all of the user's
	ProviderID  string    `json:"provider_id"` // of that tenant, which vouched for the user
	StartedAt   time.Time `json:"started_at"`
	EndedAt     time.Time `json:"ended_at,omitzero"` // zero: it is live
	EndedReason string    `json:"ended_reason"`
}

// Event is something that happened to a session. At is when it was decided.
type Event interface {
	EventType() string
	SchemaVersion() int
	sessionEvent()
}

// Events lists a prototype of every event, for registration.
func Events() []Event { return []Event{Started{}, Ended{}} }

// Started: the user has signed in. Of one for whom a tenant's own identity
// provider vouches, the session is good for that tenant only.
type Started struct {
	SessionID string    `json:"session_id"`
	UserID    string    `json:"user_id"`
	Method    string    `json:"method"` // e.g. "password", "link"
	Address   string    `json:"address" personal:"user_id"`
	UserAgent string    `json:"user_agent" personal:"user_id"`
	At        time.Time `json:"at"`

	// Since version 2.
	ConfinedTo string `json:"confined_to,omitempty"`
	ProviderID string `json:"provider_id,omitempty"`
}

// Ended: nothing that was issued in the session counts any more.
type Ended struct {
	SessionID string    `json:"session_id"`
	UserID    string    `json:"user_id"`
	Reason    string    `json:"reason"`
	At        time.Time `json:"at"`
}

func (Started) EventType() string { return "session.started" }
func (Ended) EventType() string   { return "session.ended" }

func (Started) SchemaVersion() int { return 2 }
func (Ended) SchemaVersion() int   { return 1 }

func (Started) sessionEvent() {}
func (Ended) sessionEvent()   {}

// Apply folds one event into the state.
func Apply(s State, e Event) State {
	switch e := e.(type) {
	case Started:
		return State{
			SessionID: e.SessionID, UserID: e.UserID, Method: e.Method, ConfinedTo: e.ConfinedTo, ProviderID: e.ProviderID, StartedAt: e.At,
		}
	case Ended:
		s.EndedAt, s.EndedReason = e.At, e.Reason
	}
	return s
}
