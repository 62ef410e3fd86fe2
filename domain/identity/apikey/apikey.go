// Package apikey is the aggregate of an API key: a token with permissions of its
// own in one tenant. Streams stand in that tenant's log; the key itself is
// stored hashed, beside it.
package apikey

import "time"

// StreamType is the type of an API key's stream; the stream's id is the key's, a
// UUID.
const StreamType = "api_key"

// SlotScope is the scope in which API keys claim one of their tenant's places,
// "1" to MaxPerTenant, which is what bounds their number.
const SlotScope = "api_key.slot"

// Limits.
const (
	MaxPerTenant = 200 // that are not revoked; expired ones make room
	MaxName      = 100 // characters
)

// StateVersion changes with the meaning or shape of State and so drops old
// snapshots.
const StateVersion = 1

// Status is whether an API key counts. That it has expired is told by ExpiresAt.
type Status string

// Revoked is final.
const (
	StatusActive  Status = "active"
	StatusRevoked Status = "revoked"
)

// State is an API key as its events tell it. The zero State is a key that does
// not exist.
type State struct {
	ID            string    `json:"id"`
	Slot          int       `json:"slot"`
	Name          string    `json:"name"`
	Permissions   []string  `json:"permissions"`         // sorted
	ExpiresAt     time.Time `json:"expires_at,omitzero"` // zero: never
	CreatedBy     string    `json:"created_by"`          // the actor
	Hint          string    `json:"hint"`                // the key's last characters
	Status        Status    `json:"status"`
	RevokedReason string    `json:"revoked_reason"`
	CreatedAt     time.Time `json:"created_at"`
	UpdatedAt     time.Time `json:"updated_at"`
}

// Event is something that happened to an API key. At is when it was decided.
type Event interface {
	EventType() string
	SchemaVersion() int
	apiKeyEvent()
}

// Events lists a prototype of every event, for registration.
func Events() []Event { return []Event{Created{}, Renamed{}, Revoked{}} }

// Created: the key counts.
type Created struct {
	ID          string    `json:"id"`
	Slot        int       `json:"slot"`
	Name        string    `json:"name"`
	Permissions []string  `json:"permissions"`
	ExpiresAt   time.Time `json:"expires_at,omitzero"`
	CreatedBy   string    `json:"created_by"`
	Hint        string    `json:"hint"`
	At          time.Time `json:"at"`
}

// Renamed: the key has another name.
type Renamed struct {
	ID   string    `json:"id"`
	Name string    `json:"name"`
	At   time.Time `json:"at"`
}

// Revoked: the key counts no more, and its slot is free.
type Revoked struct {
	ID     string    `json:"id"`
	Slot   int       `json:"slot"`
	Reason string    `json:"reason"`
	At     time.Time `json:"at"`
}

func (Created) EventType() string { return "api_key.created" }
func (Renamed) EventType() string { return "api_key.renamed" }
func (Revoked) EventType() string { return "api_key.revoked" }

func (Created) SchemaVersion() int { return 1 }
func (Renamed) SchemaVersion() int { return 1 }
func (Revoked) SchemaVersion() int { return 1 }

func (Created) apiKeyEvent() {}
func (Renamed) apiKeyEvent() {}
func (Revoked) apiKeyEvent() {}

// Apply folds one event into the state.
func Apply(s State, e Event) State {
	switch e := e.(type) {
	case Created:
		return State{
			ID: e.ID, Slot: e.Slot, Name: e.Name, Permissions: e.Permissions, ExpiresAt: e.ExpiresAt, CreatedBy: e.CreatedBy,
			Hint: e.Hint, Status: StatusActive, CreatedAt: e.At, UpdatedAt: e.At,
		}
	case Renamed:
		s.Name, s.UpdatedAt = e.Name, e.At
	case Revoked:
		s.Status, s.RevokedReason, s.UpdatedAt = StatusRevoked, e.Reason, e.At
	}
	return s
}
