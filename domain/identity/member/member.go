// Package member is the aggregate of a user's membership in a tenant: which
// roles they have there. Streams stand in that tenant's log. That a tenant keeps
// an owner is the matter of package ownership, whose stream commits together
// with these.
package member

import "time"

// StreamType is the type of a member's stream; the stream's id is the user's.
const StreamType = "member"

// StateVersion changes with the meaning or shape of State and so drops old
// snapshots.
const StateVersion = 3

// Status is whether somebody is a member.
type Status string

// A removed member can be added again.
const (
	StatusActive  Status = "active"
	StatusRemoved Status = "removed"
)

// State is a membership as its events tell it. The zero State is a user who
// never was a member.
type State struct {
	UserID        string    `json:"user_id"`
	Roles         []string  `json:"roles"`     // sorted; none once removed
	InviteID      string    `json:"invite_id"` // that they came by; empty: added by hand
	Status        Status    `json:"status"`
	RemovedReason string    `json:"removed_reason"`
	AddedAt       time.Time `json:"added_at"` // the last time
	UpdatedAt     time.Time `json:"updated_at"`

	// Mapped are those of Roles that groups at an identity provider gave.
	Mapped []string `json:"mapped,omitempty"`
	// MappedBy is that provider.
	MappedBy string `json:"mapped_by,omitempty"`
	// Outgrown: no group gives a role any more, and nobody else did.
	Outgrown bool `json:"outgrown,omitempty"`
}

// Event is something that happened to a member. At is when it was decided.
type Event interface {
	EventType() string
	SchemaVersion() int
	memberEvent()
}

// Events lists a prototype of every event, for registration.
func Events() []Event { return []Event{Added{}, RolesChanged{}, RolesMapped{}, Removed{}} }

// Added: the user is a member of the tenant, for the first time or again.
type Added struct {
	UserID   string    `json:"user_id"`
	Roles    []string  `json:"roles"`
	InviteID string    `json:"invite_id,omitempty"`
	At       time.Time `json:"at"`
}

// RolesChanged: the member has these roles and no others.
type RolesChanged struct {
	UserID string    `json:"user_id"`
	Roles  []string  `json:"roles"`
	At     time.Time `json:"at"`
}

// RolesMapped: the groups in which the identity provider sees the member give them
// these roles of all that they have. Without any role left the membership ends.
type RolesMapped struct {
	UserID     string    `json:"user_id"`
	ProviderID string    `json:"provider_id"`
	Mapped     []string  `json:"mapped"`
	Roles      []string  `json:"roles"`
	At         time.Time `json:"at"`
}

// Removed: the user is no member any more.
type Removed struct {
	UserID string    `json:"user_id"`
	Reason string    `json:"reason"`
	At     time.Time `json:"at"`
}

func (Added) EventType() string        { return "member.added" }
func (RolesChanged) EventType() string { return "member.roles_changed" }
func (RolesMapped) EventType() string  { return "member.roles_mapped" }
func (Removed) EventType() string      { return "member.removed" }

func (Added) SchemaVersion() int        { return 1 }
func (RolesChanged) SchemaVersion() int { return 1 }
func (RolesMapped) SchemaVersion() int  { return 1 }
func (Removed) SchemaVersion() int      { return 1 }

func (Added) memberEvent()        {}
func (RolesChanged) memberEvent() {}
func (RolesMapped) memberEvent()  {}
func (Removed) memberEvent()      {}

// Apply folds one event into the state.
func Apply(s State, e Event) State {
	switch e := e.(type) {
	case Added:
		return State{UserID: e.UserID, Roles: e.Roles, InviteID: e.InviteID, Status: StatusActive, AddedAt: e.At, UpdatedAt: e.At}
	case RolesChanged:
		s.Roles, s.Mapped, s.UpdatedAt = e.Roles, those(s.Mapped, e.Roles), e.At
	case RolesMapped:
		s.Roles, s.Mapped, s.MappedBy, s.Outgrown, s.UpdatedAt = e.Roles, e.Mapped, e.ProviderID, len(e.Roles) == 0, e.At
	case Removed:
		s.Mapped, s.MappedBy = nil, ""
		s.Roles, s.Status, s.RemovedReason, s.UpdatedAt = []string{}, StatusRemoved, e.Reason, e.At
	}
	return s
}
