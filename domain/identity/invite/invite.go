// Package invite is the aggregate of an invitation by e-mail to become a member
// of a tenant with certain roles. Streams stand in that tenant's log; the token
// in the message is known by id only, the address is sealed with the invite's
// own key.
package invite

import "time"

// StreamType is the type of an invite's stream; the stream's id is the invite's,
// a UUID.
const StreamType = "invite"

// Lifetime is how long an invite can be accepted after it was sent.
const Lifetime = 7 * 24 * time.Hour

// StateVersion changes with the meaning or shape of State and so drops old
// snapshots.
const StateVersion = 1

// Status is what became of an invite. That it has expired is told by ExpiresAt.
type Status string

// An invite is open until it is accepted or revoked, for ever.
const (
	StatusOpen     Status = "open"
	StatusAccepted Status = "accepted"
	StatusRevoked  Status = "revoked"
)

// State is an invite as its events tell it. The zero State is an invite that
// does not exist.
type State struct {
	ID            string    `json:"id"`
	Email         string    `json:"email"` // normalised
	EmailIndex    string    `json:"email_index"`
	Roles         []string  `json:"roles"` // sorted
	TokenID       string    `json:"token_id"`
	Status        Status    `json:"status"`
	RevokedReason string    `json:"revoked_reason"`
	AcceptedBy    string    `json:"accepted_by"` // a user's id
	ExpiresAt     time.Time `json:"expires_at"`
	CreatedAt     time.Time `json:"created_at"`
	UpdatedAt     time.Time `json:"updated_at"`
}

// Event is something that happened to an invite. At is when it was decided.
type Event interface {
	EventType() string
	SchemaVersion() int
	inviteEvent()
}

// Events lists a prototype of every event, for registration.
func Events() []Event { return []Event{Created{}, Resent{}, Revoked{}, Accepted{}} }

// Created: whoever reads mail at the address can become a member.
type Created struct {
	ID         string    `json:"id"`
	Email      string    `json:"email" personal:"id"`
	EmailIndex string    `json:"email_index"`
	Roles      []string  `json:"roles"`
	TokenID    string    `json:"token_id"`
	ExpiresAt  time.Time `json:"expires_at"`
	At         time.Time `json:"at"`
}

// Resent: another message went out; this token counts and none before it.
type Resent struct {
	ID        string    `json:"id"`
	TokenID   string    `json:"token_id"`
	ExpiresAt time.Time `json:"expires_at"`
	At        time.Time `json:"at"`
}

// Revoked: the invite cannot be accepted any more.
type Revoked struct {
	ID     string    `json:"id"`
	Reason string    `json:"reason"`
	At     time.Time `json:"at"`
}

// Accepted: the user became a member by it, in the same append.
type Accepted struct {
	ID     string    `json:"id"`
	UserID string    `json:"user_id"`
	At     time.Time `json:"at"`
}

func (Created) EventType() string  { return "invite.created" }
func (Resent) EventType() string   { return "invite.resent" }
func (Revoked) EventType() string  { return "invite.revoked" }
func (Accepted) EventType() string { return "invite.accepted" }

func (Created) SchemaVersion() int  { return 1 }
func (Resent) SchemaVersion() int   { return 1 }
func (Revoked) SchemaVersion() int  { return 1 }
func (Accepted) SchemaVersion() int { return 1 }

func (Created) inviteEvent()  {}
func (Resent) inviteEvent()   {}
func (Revoked) inviteEvent()  {}
func (Accepted) inviteEvent() {}

// Apply folds one event into the state.
func Apply(s State, e Event) State {
	switch e := e.(type) {
	case Created:
		return State{
			ID: e.ID, Email: e.Email, EmailIndex: e.EmailIndex, Roles: e.Roles, TokenID: e.TokenID, Status: StatusOpen,
			ExpiresAt: e.ExpiresAt, CreatedAt: e.At, UpdatedAt: e.At,
		}
	case Resent:
		s.TokenID, s.ExpiresAt, s.UpdatedAt = e.TokenID, e.ExpiresAt, e.At
	case Revoked:
		s.Status, s.RevokedReason, s.UpdatedAt = StatusRevoked, e.Reason, e.At
	case Accepted:
		s.Status, s.AcceptedBy, s.UpdatedAt = StatusAccepted, e.UserID, e.At
	}
	return s
}
