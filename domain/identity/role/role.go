// Package role is the aggregate of a role that a tenant has made for itself: a
// named set of permissions, besides the built-in ones of package permission.
// Streams stand in that tenant's log.
package role

import "time"

// StreamType is the type of a role's stream; the stream's id is the role's name.
const StreamType = "role"

// SlotScope is the scope in which roles claim one of their tenant's places, "1"
// to MaxPerTenant, which is what bounds their number.
const SlotScope = "role.slot"

// Limits.
const (
	MaxPerTenant = 100
	MaxTitle     = 100 // characters
)

// StateVersion changes with the meaning or shape of State and so drops old
// snapshots.
const StateVersion = 1

// Status is whether a role permits anything.
type Status string

// Deleted is final: a name that came back would give its rights to whoever still
// had the old role.
const (
	StatusActive  Status = "active"
	StatusDeleted Status = "deleted"
)

// State is a role as its events tell it. The zero State is a role that does not
// exist.
type State struct {
	Name        string    `json:"name"`
	Slot        int       `json:"slot"`
	Title       string    `json:"title"`
	Permissions []string  `json:"permissions"` // sorted
	Status      Status    `json:"status"`
	CreatedAt   time.Time `json:"created_at"`
	UpdatedAt   time.Time `json:"updated_at"`
}

// Event is something that happened to a role. At is when it was decided.
type Event interface {
	EventType() string
	SchemaVersion() int
	roleEvent()
}

// Events lists a prototype of every event, for registration.
func Events() []Event { return []Event{Created{}, Changed{}, Deleted{}} }

// Created: the role can be given.
type Created struct {
	Name        string    `json:"name"`
	Slot        int       `json:"slot"`
	Title       string    `json:"title"`
	Permissions []string  `json:"permissions"`
	At          time.Time `json:"at"`
}

// Changed: the role is called so and permits this, for all who have it.
type Changed struct {
	Name        string    `json:"name"`
	Title       string    `json:"title"`
	Permissions []string  `json:"permissions"`
	At          time.Time `json:"at"`
}

// Deleted: the role permits nothing any more, and its slot is free.
type Deleted struct {
	Name string    `json:"name"`
	Slot int       `json:"slot"`
	At   time.Time `json:"at"`
}

func (Created) EventType() string { return "role.created" }
func (Changed) EventType() string { return "role.changed" }
func (Deleted) EventType() string { return "role.deleted" }

func (Created) SchemaVersion() int { return 1 }
func (Changed) SchemaVersion() int { return 1 }
func (Deleted) SchemaVersion() int { return 1 }

func (Created) roleEvent() {}
func (Changed) roleEvent() {}
func (Deleted) roleEvent() {}

// Apply folds one event into the state.
func Apply(s State, e Event) State {
	switch e := e.(type) {
	case Created:
		return State{Name: e.Name, Slot: e.Slot, Title: e.Title, Permissions: e.Permissions, Status: StatusActive, CreatedAt: e.At, UpdatedAt: e.At}
	case Changed:
		s.Title, s.Permissions, s.UpdatedAt = e.Title, e.Permissions, e.At
	case Deleted:
		s.Permissions, s.Status, s.UpdatedAt = []string{}, StatusDeleted, e.At
	}
	return s
}
