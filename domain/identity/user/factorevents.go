package user

import "time"

// TOTPEnabled: from now on a sign-in without a passkey needs a code of the
// authenticator app with this secret, or a recovery code.
type TOTPEnabled struct {
	UserID string    `json:"user_id"`
	TOTPID string    `json:"totp_id"`
	At     time.Time `json:"at"`
}

// TOTPDisabled: codes are not asked for any more, and the recovery codes are void.
type TOTPDisabled struct {
	UserID string    `json:"user_id"`
	Reason string    `json:"reason"`
	At     time.Time `json:"at"`
}

// RecoveryCodesMade: from now on the recovery codes of this set count and none
// before them.
type RecoveryCodesMade struct {
	UserID string    `json:"user_id"`
	SetID  string    `json:"set_id"`
	At     time.Time `json:"at"`
}

// PasskeyAdded: the user can sign in with one more key.
type PasskeyAdded struct {
	UserID    string    `json:"user_id"`
	PasskeyID string    `json:"passkey_id"`
	Name      string    `json:"name" personal:"user_id"` // people write their own into it
	At        time.Time `json:"at"`
}

// PasskeyRenamed: a key has another name.
type PasskeyRenamed struct {
	UserID    string    `json:"user_id"`
	PasskeyID string    `json:"passkey_id"`
	Name      string    `json:"name" personal:"user_id"`
	At        time.Time `json:"at"`
}

// PasskeyRemoved: a key signs nobody in any more.
type PasskeyRemoved struct {
	UserID    string    `json:"user_id"`
	PasskeyID string    `json:"passkey_id"`
	Reason    string    `json:"reason"`
	At        time.Time `json:"at"`
}

func (TOTPEnabled) EventType() string       { return "user.totp_enabled" }
func (TOTPDisabled) EventType() string      { return "user.totp_disabled" }
func (RecoveryCodesMade) EventType() string { return "user.recovery_codes_made" }
func (PasskeyAdded) EventType() string      { return "user.passkey_added" }
func (PasskeyRenamed) EventType() string    { return "user.passkey_renamed" }
func (PasskeyRemoved) EventType() string    { return "user.passkey_removed" }

func (TOTPEnabled) SchemaVersion() int       { return 1 }
func (TOTPDisabled) SchemaVersion() int      { return 1 }
func (RecoveryCodesMade) SchemaVersion() int { return 1 }
func (PasskeyAdded) SchemaVersion() int      { return 1 }
func (PasskeyRenamed) SchemaVersion() int    { return 1 }
func (PasskeyRemoved) SchemaVersion() int    { return 1 }

func (TOTPEnabled) userEvent()       {}
func (TOTPDisabled) userEvent()      {}
func (RecoveryCodesMade) userEvent() {}
func (PasskeyAdded) userEvent()      {}
func (PasskeyRenamed) userEvent()    {}
func (PasskeyRemoved) userEvent()    {}
