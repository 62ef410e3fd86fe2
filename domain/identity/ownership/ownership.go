// Package ownership is the aggregate of who owns a tenant. It exists so that a
// tenant never loses its last owner: every change of a member that makes or
// unmakes an owner writes this one stream of the tenant too, in the same append,
// so two such changes cannot pass each other.
package ownership

import (
	"slices"
	"time"

	"tansu.cloud/domain"
)

// A tenant has one stream of this type, under this id.
const (
	StreamType = "ownership"
	StreamID   = "ownership"
)

// StateVersion changes with the meaning or shape of State and so drops old
// snapshots.
const StateVersion = 1

// MaxOwners is the most owners that a tenant has at once.
const MaxOwners = 50

// State is who owns the tenant.
type State struct {
	Owners []string `json:"owners"` // ids of users, sorted
}

// Event is a change of ownership. At is when it was decided.
type Event interface {
	EventType() string
	SchemaVersion() int
	ownershipEvent()
}

// Events lists a prototype of every event, for registration.
func Events() []Event { return []Event{Granted{}, Released{}} }

// Granted: the user is an owner of the tenant.
type Granted struct {
	UserID string    `json:"user_id"`
	At     time.Time `json:"at"`
}

// Released: the user is no owner of the tenant any more.
type Released struct {
	UserID string    `json:"user_id"`
	At     time.Time `json:"at"`
}

func (Granted) EventType() string  { return "ownership.granted" }
func (Released) EventType() string { return "ownership.released" }

func (Granted) SchemaVersion() int  { return 1 }
func (Released) SchemaVersion() int { return 1 }

func (Granted) ownershipEvent()  {}
func (Released) ownershipEvent() {}

// Command is a change of ownership to make.
type Command interface{ ownershipCommand() }

type (
	// Grant makes a user an owner.
	Grant struct {
		UserID string
		At     time.Time
	}
	// Release ends that; one owner must stay, unless the last one is Erased and
	// nobody is left to ask.
	Release struct {
		UserID string
		Erased bool
		At     time.Time
	}
)

func (Grant) ownershipCommand()   {}
func (Release) ownershipCommand() {}

// Refusals.
var (
	ErrLastOwner = domain.Conflict("member.last_owner", "this is the tenant's only owner; make another member an owner first")
	ErrTooMany   = domain.Conflict("member.too_many_owners", "a tenant has at most 50 owners; give another role, or take the role owner from somebody first")
)

// Decide says which events a command causes; granting what is granted and
// releasing what is not causes none.
func Decide(s State, c Command) ([]Event, error) {
	switch c := c.(type) {
	case Grant:
		switch {
		case slices.Contains(s.Owners, c.UserID):
			return nil, nil
		case len(s.Owners) >= MaxOwners:
			return nil, ErrTooMany
		}
		return []Event{Granted(c)}, nil
	case Release:
		switch {
		case !slices.Contains(s.Owners, c.UserID):
			return nil, nil
		case len(s.Owners) == 1 && !c.Erased:
			return nil, ErrLastOwner
		}
		return []Event{Released{c.UserID, c.At}}, nil
	}
	return nil, domain.Invalid("ownership.command_unknown", "ownership does not know this command")
}

// Apply folds one event into the state.
func Apply(s State, e Event) State {
	switch e := e.(type) {
	case Granted:
		owners := append(slices.Clone(s.Owners), e.UserID)
		slices.Sort(owners)
		return State{slices.Compact(owners)}
	case Released:
		return State{slices.DeleteFunc(slices.Clone(s.Owners), func(id string) bool { return id == e.UserID })}
	}
	return s
}
