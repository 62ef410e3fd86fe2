// Package webhook is the aggregate of one webhook: an address of a tenant's
// choosing to which events of the tenant's log are delivered. It decides what
// the address may be and what is selected; secrets it knows by id and
// fingerprint only. Its streams stand in the log of the tenant whose events
// they select.
package webhook

import "time"

// StreamType is the type of a webhook's stream; the stream's id is the
// webhook's, a UUID.
const StreamType = "webhook"

// SlotScope is the scope in which webhooks claim one of their tenant's places,
// "1" to MaxPerTenant, which is what bounds their number.
const SlotScope = "webhook.slot"

// MaxPerTenant is the most webhooks that a tenant has at once.
const MaxPerTenant = 50

// StateVersion changes with the meaning or shape of State and so drops old
// snapshots.
const StateVersion = 1

// Status is whether a webhook gets deliveries.
type Status string

// A webhook is enabled when it is registered; deleted is final.
const (
	StatusEnabled  Status = "enabled"
	StatusDisabled Status = "disabled"
	StatusDeleted  Status = "deleted"
)

// Topic selects events by their fields; empty fields select all.
type Topic struct {
	StreamType string `json:"stream_type,omitempty"`
	StreamID   string `json:"stream_id,omitempty"`
	Type       string `json:"type,omitempty"`
	Actor      string `json:"actor,omitempty"`
}

// Secret names a secret without telling it.
type Secret struct {
	ID          string `json:"id"`
	Fingerprint string `json:"fingerprint"` // of its SHA-256, in hexadecimal
}

// Replay is a part of the log that is delivered again.
type Replay struct {
	ID           string `json:"id"`
	FromPosition int64  `json:"from_position"`
	ToPosition   int64  `json:"to_position"` // inclusive
}

// State is a webhook as its events tell it. The zero State is a webhook that
// does not exist.
type State struct {
	ID             string    `json:"id"`
	Slot           int       `json:"slot"`
	URL            string    `json:"url"`
	Description    string    `json:"description"`
	Topics         []Topic   `json:"topics"`
	Filter         string    `json:"filter"`
	Status         Status    `json:"status"`
	DisabledReason string    `json:"disabled_reason"`
	Secret         Secret    `json:"secret"`
	Previous       Secret    `json:"previous"` // signs too until PreviousUntil
	PreviousUntil  time.Time `json:"previous_until"`
	Replay         Replay    `json:"replay"` // asked for last
	CreatedAt      time.Time `json:"created_at"`
	UpdatedAt      time.Time `json:"updated_at"`
}

// Apply folds one event into the state.
func Apply(s State, e Event) State {
	switch e := e.(type) {
	case Registered:
		return State{
			ID: e.ID, Slot: e.Slot, URL: e.URL, Description: e.Description, Topics: e.Topics, Filter: e.Filter,
			Status: StatusEnabled, Secret: e.Secret, CreatedAt: e.At, UpdatedAt: e.At,
		}
	case Changed:
		s.URL, s.Description, s.Topics, s.Filter, s.UpdatedAt = e.URL, e.Description, e.Topics, e.Filter, e.At
	case Enabled:
		s.Status, s.DisabledReason, s.UpdatedAt = StatusEnabled, "", e.At
	case Disabled:
		s.Status, s.DisabledReason, s.UpdatedAt = StatusDisabled, e.Reason, e.At
	case SecretRotated:
		s.Previous, s.PreviousUntil, s.Secret, s.UpdatedAt = s.Secret, e.PreviousUntil, e.Secret, e.At
	case ReplayRequested:
		s.Replay = Replay{e.ReplayID, e.FromPosition, e.ToPosition}
	case Deleted:
		s.Status, s.UpdatedAt = StatusDeleted, e.At
	}
	return s
}
