// Package serviceaccount is the aggregate of a program that works in a tenant
// with roles, as a member does, and gets its tokens with a secret. Streams stand
// in that tenant's log; secrets it knows by id only.
package serviceaccount

import "time"

// StreamType is the type of a service account's stream; the stream's id is the
// account's, a UUID.
const StreamType = "service_account"

// SlotScope is the scope in which service accounts claim one of their tenant's
// places, "1" to MaxPerTenant, which is what bounds their number.
const SlotScope = "service_account.slot"

// Limits.
const (
	MaxPerTenant = 200
	MaxName      = 100                // characters
	MaxOverlap   = 7 * 24 * time.Hour // that two secrets count side by side
)

// StateVersion changes with the meaning or shape of State and so drops old
// snapshots.
const StateVersion = 1

// Status is whether a service account can work.
type Status string

// A service account is enabled when it is created; deleted is final.
const (
	StatusEnabled  Status = "enabled"
	StatusDisabled Status = "disabled"
	StatusDeleted  Status = "deleted"
)

// State is a service account as its events tell it. The zero State is one that
// does not exist.
type State struct {
	ID               string    `json:"id"`
	Slot             int       `json:"slot"`
	Name             string    `json:"name"`
	Roles            []string  `json:"roles"` // sorted
	Status           Status    `json:"status"`
	DisabledReason   string    `json:"disabled_reason"`
	SecretID         string    `json:"secret_id"`
	PreviousSecretID string    `json:"previous_secret_id"` // counts too until PreviousUntil
	PreviousUntil    time.Time `json:"previous_until,omitzero"`
	CreatedAt        time.Time `json:"created_at"`
	UpdatedAt        time.Time `json:"updated_at"`
}

// Apply folds one event into the state.
func Apply(s State, e Event) State {
	switch e := e.(type) {
	case Created:
		return State{
			ID: e.ID, Slot: e.Slot, Name: e.Name, Roles: e.Roles, Status: StatusEnabled, SecretID: e.SecretID,
			CreatedAt: e.At, UpdatedAt: e.At,
		}
	case Changed:
		s.Name, s.Roles, s.UpdatedAt = e.Name, e.Roles, e.At
	case SecretRotated:
		s.PreviousSecretID, s.PreviousUntil, s.SecretID, s.UpdatedAt = s.SecretID, e.PreviousUntil, e.SecretID, e.At
	case Disabled:
		s.Status, s.DisabledReason, s.UpdatedAt = StatusDisabled, e.Reason, e.At
	case Enabled:
		s.Status, s.DisabledReason, s.UpdatedAt = StatusEnabled, "", e.At
	case Deleted:
		s.Roles, s.Status, s.UpdatedAt = []string{}, StatusDeleted, e.At
	}
	return s
}
