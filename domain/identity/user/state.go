// Package user is the aggregate of a person with an account of this
// installation. Which tenants they work for stands in the tenants' own logs
// (package member). Streams stand in the system tenant's log. Passwords and
// what else people sign in with it knows by id only; e-mail
// address and names are sealed with the person's key.
package user

import "time"

// StreamType is the type of a user's stream; the stream's id is the user's, a
// UUID.
const StreamType = "user"

// EmailScope is the scope in which users claim the keyed hash of their e-mail
// address.
const EmailScope = "user_email"

// IdentityScope is the scope in which users claim the keyed hash of who they are
// at a tenant's own identity provider.
const IdentityScope = "user_identity"

// StateVersion changes with the meaning or shape of State and so drops old
// snapshots.
const StateVersion = 3

// Status is whether a user may sign in.
type Status string

// A user is active when registered; erased is final.
const (
	StatusActive   Status = "active"
	StatusDisabled Status = "disabled"
	StatusErased   Status = "erased"
)

// State is a user as their events tell it. The zero State is a user that does
// not exist.
type State struct {
	UserID         string    `json:"user_id"`
	Email          string    `json:"email"` // normalised; empty once erased
	EmailIndex     string    `json:"email_index"`
	Name           string    `json:"name"` // empty once erased
	Verified       bool      `json:"verified"`
	Status         Status    `json:"status"`
	DisabledReason string    `json:"disabled_reason"`
	PasswordID     string    `json:"password_id"` // empty: none
	TOTPID         string    `json:"totp_id"`     // empty: no codes are asked for
	RecoverySetID  string    `json:"recovery_set_id"`
	Passkeys       []Passkey `json:"passkeys,omitempty"` // by the time they were added
	// Identities are who the user is at tenants' own providers, by the time they
	// were linked.
	Identities []Identity `json:"identities,omitempty"`
	CreatedAt  time.Time  `json:"created_at"`
	UpdatedAt  time.Time  `json:"updated_at"`
}

// Apply folds one event into the state.
func Apply(s State, e Event) State {
	switch e := e.(type) {
	case Registered:
		return State{
			UserID: e.UserID, Email: e.Email, EmailIndex: e.EmailIndex, Name: e.Name, Verified: e.Verified,
			Status: StatusActive, CreatedAt: e.At, UpdatedAt: e.At,
		}
	case EmailVerified:
		s.Verified, s.UpdatedAt = true, e.At
	case Renamed:
		s.Name, s.UpdatedAt = e.Name, e.At
	case PasswordSet:
		s.PasswordID, s.UpdatedAt = e.PasswordID, e.At
	case Disabled:
		s.Status, s.DisabledReason, s.UpdatedAt = StatusDisabled, e.Reason, e.At
	case Enabled:
		s.Status, s.DisabledReason, s.UpdatedAt = StatusActive, "", e.At
	case Erased:
		return State{UserID: s.UserID, Status: StatusErased, CreatedAt: s.CreatedAt, UpdatedAt: e.At}
	default:
		return applyFactors(s, e)
	}
	return s
}
