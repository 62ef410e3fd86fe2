package user

import "time"

// Event is something that happened to a user. At is when it was decided.
type Event interface {
	EventType() string
	SchemaVersion() int
	userEvent()
}

// Events lists a prototype of every event, for registration.
func Events() []Event {
	return []Event{
		Registered{}, EmailVerified{}, Renamed{}, PasswordSet{}, Disabled{}, Enabled{}, Erased{},
		TOTPEnabled{}, TOTPDisabled{}, RecoveryCodesMade{}, PasskeyAdded{}, PasskeyRenamed{}, PasskeyRemoved{},
		IdentityLinked{}, IdentityUnlinked{},
	}
}

// Registered: the user exists. EmailIndex, the keyed hash of the address, is
// theirs until they are erased. Who came by a tenant's own identity provider may
// have neither.
type Registered struct {
	UserID     string    `json:"user_id"`
	Email      string    `json:"email" personal:"user_id"`
	EmailIndex string    `json:"email_index"`
	Name       string    `json:"name" personal:"user_id"`
	Verified   bool      `json:"verified"` // the address is known to be theirs
	At         time.Time `json:"at"`
}

// EmailVerified: the user has shown that the address is theirs.
type EmailVerified struct {
	UserID string    `json:"user_id"`
	At     time.Time `json:"at"`
}

// Renamed: the user has another name.
type Renamed struct {
	UserID string    `json:"user_id"`
	Name   string    `json:"name" personal:"user_id"`
	At     time.Time `json:"at"`
}

// PasswordSet: from now on this password counts and none before it.
type PasswordSet struct {
	UserID     string    `json:"user_id"`
	PasswordID string    `json:"password_id"`
	At         time.Time `json:"at"`
}

// Disabled: the user can neither sign in nor use what they hold.
type Disabled struct {
	UserID string    `json:"user_id"`
	Reason string    `json:"reason"`
	At     time.Time `json:"at"`
}

// Enabled: a disabled user can sign in again.
type Enabled struct {
	UserID string    `json:"user_id"`
	Reason string    `json:"reason"`
	At     time.Time `json:"at"`
}

// Erased: the key of the user's personal data was destroyed, and the address is
// free for another registration.
type Erased struct {
	UserID     string    `json:"user_id"`
	EmailIndex string    `json:"email_index"`
	Reason     string    `json:"reason"`
	At         time.Time `json:"at"`
}

func (Registered) EventType() string    { return "user.registered" }
func (EmailVerified) EventType() string { return "user.email_verified" }
func (Renamed) EventType() string       { return "user.renamed" }
func (PasswordSet) EventType() string   { return "user.password_set" }
func (Disabled) EventType() string      { return "user.disabled" }
func (Enabled) EventType() string       { return "user.enabled" }
func (Erased) EventType() string        { return "user.erased" }

func (Registered) SchemaVersion() int    { return 1 }
func (EmailVerified) SchemaVersion() int { return 1 }
func (Renamed) SchemaVersion() int       { return 1 }
func (PasswordSet) SchemaVersion() int   { return 1 }
func (Disabled) SchemaVersion() int      { return 1 }
func (Enabled) SchemaVersion() int       { return 1 }
func (Erased) SchemaVersion() int        { return 1 }

func (Registered) userEvent()    {}
func (EmailVerified) userEvent() {}
func (Renamed) userEvent()       {}
func (PasswordSet) userEvent()   {}
func (Disabled) userEvent()      {}
func (Enabled) userEvent()       {}
func (Erased) userEvent()        {}
