package webhook

import "time"

// Event is something that happened to a webhook. At is when it was decided.
type Event interface {
	EventType() string
	SchemaVersion() int
	webhookEvent()
}

// Events lists a prototype of every event, for registration.
func Events() []Event {
	return []Event{
		Registered{}, Changed{}, Enabled{}, Disabled{}, SecretRotated{}, Deleted{}, RedriveRequested{}, ReplayRequested{},
	}
}

// Registered: the webhook exists, enabled, and gets what comes after this.
type Registered struct {
	ID          string    `json:"id"`
	Slot        int       `json:"slot"`
	URL         string    `json:"url"`
	Description string    `json:"description"`
	Topics      []Topic   `json:"topics"`
	Filter      string    `json:"filter"`
	Secret      Secret    `json:"secret"`
	At          time.Time `json:"at"`
}

// Changed: what comes after this is selected, and everything is sent, like so.
type Changed struct {
	URL         string    `json:"url"`
	Description string    `json:"description"`
	Topics      []Topic   `json:"topics"`
	Filter      string    `json:"filter"`
	At          time.Time `json:"at"`
}

// Enabled: a disabled webhook gets what comes after this.
type Enabled struct {
	Reason string    `json:"reason"`
	At     time.Time `json:"at"`
}

// Disabled: nothing is sent any more, waiting deliveries included.
type Disabled struct {
	Reason string    `json:"reason"`
	At     time.Time `json:"at"`
}

// SecretRotated: deliveries are signed with this secret, and with the one
// before until PreviousUntil.
type SecretRotated struct {
	Secret        Secret    `json:"secret"`
	PreviousUntil time.Time `json:"previous_until"`
	At            time.Time `json:"at"`
}

// Deleted: the webhook is gone for ever and its slot is free.
type Deleted struct {
	Slot   int       `json:"slot"`
	Reason string    `json:"reason"`
	At     time.Time `json:"at"`
}

// RedriveRequested: deliveries that were given up are to be tried again.
type RedriveRequested struct {
	Reason string    `json:"reason"`
	At     time.Time `json:"at"`
}

// ReplayRequested: what the webhook selects of this part of the log is to be
// delivered again.
type ReplayRequested struct {
	ReplayID     string    `json:"replay_id"`
	FromPosition int64     `json:"from_position"`
	ToPosition   int64     `json:"to_position"` // inclusive
	Reason       string    `json:"reason"`
	At           time.Time `json:"at"`
}

func (Registered) EventType() string       { return "webhook.registered" }
func (Changed) EventType() string          { return "webhook.changed" }
func (Enabled) EventType() string          { return "webhook.enabled" }
func (Disabled) EventType() string         { return "webhook.disabled" }
func (SecretRotated) EventType() string    { return "webhook.secret_rotated" }
func (Deleted) EventType() string          { return "webhook.deleted" }
func (RedriveRequested) EventType() string { return "webhook.redrive_requested" }
func (ReplayRequested) EventType() string  { return "webhook.replay_requested" }

func (Registered) SchemaVersion() int       { return 1 }
func (Changed) SchemaVersion() int          { return 1 }
func (Enabled) SchemaVersion() int          { return 1 }
func (Disabled) SchemaVersion() int         { return 1 }
func (SecretRotated) SchemaVersion() int    { return 1 }
func (Deleted) SchemaVersion() int          { return 1 }
func (RedriveRequested) SchemaVersion() int { return 1 }
func (ReplayRequested) SchemaVersion() int  { return 1 }

func (Registered) webhookEvent()       {}
func (Changed) webhookEvent()          {}
func (Enabled) webhookEvent()          {}
func (Disabled) webhookEvent()         {}
func (SecretRotated) webhookEvent()    {}
func (Deleted) webhookEvent()          {}
func (RedriveRequested) webhookEvent() {}
func (ReplayRequested) webhookEvent()  {}
