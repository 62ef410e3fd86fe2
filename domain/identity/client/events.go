package client

import "time"

// Event is something that happened to a client. At is when it was decided.
type Event interface {
	EventType() string
	SchemaVersion() int
	clientEvent()
}

// Events lists a prototype of every event, for registration.
func Events() []Event {
	return []Event{Registered{}, Changed{}, SecretRotated{}, Disabled{}, Enabled{}, Deleted{}}
}

// Registered: people can sign in to the client.
type Registered struct {
	ID                string `json:"id"`
	Type              Type   `json:"type"`
	TokenEndpointAuth Auth   `json:"token_endpoint_auth"`
	Profile
	SecretID string    `json:"secret_id,omitempty"`
	At       time.Time `json:"at"`
}

// Changed: this is what the client may do from now on.
type Changed struct {
	ID string `json:"id"`
	Profile
	At time.Time `json:"at"`
}

// SecretRotated: this secret counts, and the one before until PreviousUntil.
type SecretRotated struct {
	ID            string    `json:"id"`
	SecretID      string    `json:"secret_id"`
	PreviousUntil time.Time `json:"previous_until"`
	At            time.Time `json:"at"`
}

// Disabled: nobody can sign in to the client, and the tokens that it has end.
type Disabled struct {
	ID     string    `json:"id"`
	Reason string    `json:"reason"`
	At     time.Time `json:"at"`
}

// Enabled: people can sign in to a disabled client again.
type Enabled struct {
	ID     string    `json:"id"`
	Reason string    `json:"reason"`
	At     time.Time `json:"at"`
}

// Deleted: the client is gone for ever.
type Deleted struct {
	ID     string    `json:"id"`
	Reason string    `json:"reason"`
	At     time.Time `json:"at"`
}

func (Registered) EventType() string    { return "client.registered" }
func (Changed) EventType() string       { return "client.changed" }
func (SecretRotated) EventType() string { return "client.secret_rotated" }
func (Disabled) EventType() string      { return "client.disabled" }
func (Enabled) EventType() string       { return "client.enabled" }
func (Deleted) EventType() string       { return "client.deleted" }

func (Registered) SchemaVersion() int    { return 1 }
func (Changed) SchemaVersion() int       { return 1 }
func (SecretRotated) SchemaVersion() int { return 1 }
func (Disabled) SchemaVersion() int      { return 1 }
func (Enabled) SchemaVersion() int       { return 1 }
func (Deleted) SchemaVersion() int       { return 1 }

func (Registered) clientEvent()    {}
func (Changed) clientEvent()       {}
func (SecretRotated) clientEvent() {}
func (Disabled) clientEvent()      {}
func (Enabled) clientEvent()       {}
func (Deleted) clientEvent()       {}
