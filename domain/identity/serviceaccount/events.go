package serviceaccount

import "time"

// Event is something that happened to a service account. At is when it was
// decided.
type Event interface {
	EventType() string
	SchemaVersion() int
	serviceAccountEvent()
}

// Events lists a prototype of every event, for registration.
func Events() []Event {
	return []Event{Created{}, Changed{}, SecretRotated{}, Disabled{}, Enabled{}, Deleted{}}
}

// Created: the account can get tokens with this secret.
type Created struct {
	ID       string    `json:"id"`
	Slot     int       `json:"slot"`
	Name     string    `json:"name"`
	Roles    []string  `json:"roles"`
	SecretID string    `json:"secret_id"`
	At       time.Time `json:"at"`
}

// Changed: the account is called so and has these roles and no others.
type Changed struct {
	ID    string    `json:"id"`
	Name  string    `json:"name"`
	Roles []string  `json:"roles"`
	At    time.Time `json:"at"`
}

// SecretRotated: this secret counts, and the one before until PreviousUntil.
type SecretRotated struct {
	ID            string    `json:"id"`
	SecretID      string    `json:"secret_id"`
	PreviousUntil time.Time `json:"previous_until"`
	At            time.Time `json:"at"`
}

// Disabled: the account gets no tokens, and those it has count no more.
type Disabled struct {
	ID     string    `json:"id"`
	Reason string    `json:"reason"`
	At     time.Time `json:"at"`
}

// Enabled: a disabled account can work again.
type Enabled struct {
	ID     string    `json:"id"`
	Reason string    `json:"reason"`
	At     time.Time `json:"at"`
}

// Deleted: the account is gone for ever, and its slot is free.
type Deleted struct {
	ID     string    `json:"id"`
	Slot   int       `json:"slot"`
	Reason string    `json:"reason"`
	At     time.Time `json:"at"`
}

func (Created) EventType() string       { return "service_account.created" }
func (Changed) EventType() string       { return "service_account.changed" }
func (SecretRotated) EventType() string { return "service_account.secret_rotated" }
func (Disabled) EventType() string      { return "service_account.disabled" }
func (Enabled) EventType() string       { return "service_account.enabled" }
func (Deleted) EventType() string       { return "service_account.deleted" }

func (Created) SchemaVersion() int       { return 1 }
func (Changed) SchemaVersion() int       { return 1 }
func (SecretRotated) SchemaVersion() int { return 1 }
func (Disabled) SchemaVersion() int      { return 1 }
func (Enabled) SchemaVersion() int       { return 1 }
func (Deleted) SchemaVersion() int       { return 1 }

func (Created) serviceAccountEvent()       {}
func (Changed) serviceAccountEvent()       {}
func (SecretRotated) serviceAccountEvent() {}
func (Disabled) serviceAccountEvent()      {}
func (Enabled) serviceAccountEvent()       {}
func (Deleted) serviceAccountEvent()       {}
