package user

import (
	"slices"
	"strings"
	"time"

	"tansu.cloud/domain"
)

// MaxPasskeys is how many passkeys a user can have, and MaxPasskeyName the most
// characters of a passkey's name.
const (
	MaxPasskeys    = 10
	MaxPasskeyName = 80
)

// Passkey is a key with which a user signs in instead of the password.
type Passkey struct {
	ID      string    `json:"id"`
	Name    string    `json:"name"`
	AddedAt time.Time `json:"added_at"`
}

// The commands about what a user signs in with besides the password. What they
// name by id has been stored before.
type (
	// EnableTOTP asks for a code of an authenticator app at each sign-in, or for
	// one of a set of recovery codes.
	EnableTOTP struct {
		TOTPID string
		SetID  string // of the recovery codes
		At     time.Time
	}
	// DisableTOTP asks for codes no longer; the recovery codes are void then.
	DisableTOTP struct {
		Reason string
		At     time.Time
	}
	// MakeRecoveryCodes replaces the recovery codes by another set.
	MakeRecoveryCodes struct {
		SetID string
		At    time.Time
	}
	// AddPasskey lets the user sign in with one more key.
	AddPasskey struct {
		PasskeyID string
		Name      string
		At        time.Time
	}
	// RenamePasskey gives a key another name.
	RenamePasskey struct {
		PasskeyID string
		Name      string
		At        time.Time
	}
	// RemovePasskey makes a key useless.
	RemovePasskey struct {
		PasskeyID string
		Reason    string
		At        time.Time
	}
	// ResetMFA leaves the password alone to sign in with, for somebody who has
	// lost the rest; it needs a reason.
	ResetMFA struct {
		Reason string
		At     time.Time
	}
)

func (EnableTOTP) userCommand()        {}
func (DisableTOTP) userCommand()       {}
func (MakeRecoveryCodes) userCommand() {}
func (AddPasskey) userCommand()        {}
func (RenamePasskey) userCommand()     {}
func (RemovePasskey) userCommand()     {}
func (ResetMFA) userCommand()          {}

// Passkey finds a key by its id.
func (s State) Passkey(id string) (Passkey, bool) {
	i := slices.IndexFunc(s.Passkeys, func(k Passkey) bool { return k.ID == id })
	if i < 0 {
		return Passkey{}, false
	}
	return s.Passkeys[i], true
}

// decideFactors is Decide for the commands above, of a user who exists.
func decideFactors(s State, c Command) ([]Event, error) {
	switch c := c.(type) {
	case EnableTOTP:
		return enableTOTP(s, c)
	case DisableTOTP:
		if err := invalid(domain.CheckReason(c.Reason, false)); err != nil || s.TOTPID == "" {
			return nil, err
		}
		return []Event{TOTPDisabled{s.UserID, strings.TrimSpace(c.Reason), c.At}}, nil
	case MakeRecoveryCodes:
		if err := invalid(domain.CheckLine("/set_id", c.SetID, 255)); err != nil || c.SetID == s.RecoverySetID {
			return nil, err
		}
		if s.TOTPID == "" {
			return nil, ErrNoTOTP
		}
		return []Event{RecoveryCodesMade{s.UserID, c.SetID, c.At}}, nil
	case AddPasskey:
		return addPasskey(s, c)
	case RenamePasskey:
		name := strings.TrimSpace(c.Name)
		if err := invalid(domain.CheckLine("/name", name, MaxPasskeyName)); err != nil {
			return nil, err
		}
		before, known := s.Passkey(c.PasskeyID)
		if !known {
			return nil, ErrNoPasskey
		}
		if before.Name == name {
			return nil, nil
		}
		return []Event{PasskeyRenamed{s.UserID, c.PasskeyID, name, c.At}}, nil
	case RemovePasskey:
		if err := invalid(domain.CheckReason(c.Reason, false)); err != nil {
			return nil, err
		}
		if _, known := s.Passkey(c.PasskeyID); !known {
			return nil, ErrNoPasskey
		}
		return []Event{PasskeyRemoved{s.UserID, c.PasskeyID, strings.TrimSpace(c.Reason), c.At}}, nil
	case ResetMFA:
		return resetMFA(s, c)
	}
	return nil, domain.Invalid("user.command_unknown", "a user does not know this command")
}

func enableTOTP(s State, c EnableTOTP) ([]Event, error) {
	problems := domain.CheckLine("/totp_id", c.TOTPID, 255)
	problems = append(problems, domain.CheckLine("/set_id", c.SetID, 255)...)
	if err := invalid(problems); err != nil || c.TOTPID == s.TOTPID {
		return nil, err
	}
	if s.Status != StatusActive {
		return nil, ErrNotActive
	}
	if s.TOTPID != "" {
		return nil, ErrTOTPEnabled
	}
	return []Event{TOTPEnabled{s.UserID, c.TOTPID, c.At}, RecoveryCodesMade{s.UserID, c.SetID, c.At}}, nil
}

func addPasskey(s State, c AddPasskey) ([]Event, error) {
	name := strings.TrimSpace(c.Name)
	problems := domain.CheckLine("/passkey_id", c.PasskeyID, 255)
	problems = append(problems, domain.CheckLine("/name", name, MaxPasskeyName)...)
	if err := invalid(problems); err != nil {
		return nil, err
	}
	if s.Status != StatusActive {
		return nil, ErrNotActive
	}
	if _, again := s.Passkey(c.PasskeyID); again {
		return nil, nil
	}
	if len(s.Passkeys) >= MaxPasskeys {
		return nil, ErrTooManyPasskeys
	}
	return []Event{PasskeyAdded{s.UserID, c.PasskeyID, name, c.At}}, nil
}

func resetMFA(s State, c ResetMFA) ([]Event, error) {
	if err := invalid(domain.CheckReason(c.Reason, true)); err != nil {
		return nil, err
	}
	var events []Event
	reason := strings.TrimSpace(c.Reason)
	if s.TOTPID != "" {
		events = append(events, TOTPDisabled{s.UserID, reason, c.At})
	}
	for _, k := range s.Passkeys {
		events = append(events, PasskeyRemoved{s.UserID, k.ID, reason, c.At})
	}
	return events, nil
}

// applyFactors is Apply for the events that the commands above cause. It leaves
// the list that s came with as it is.
func applyFactors(s State, e Event) State {
	switch e := e.(type) {
	case IdentityLinked, IdentityUnlinked:
		return applyIdentity(s, e)
	case TOTPEnabled:
		s.TOTPID, s.UpdatedAt = e.TOTPID, e.At
	case TOTPDisabled:
		s.TOTPID, s.RecoverySetID, s.UpdatedAt = "", "", e.At
	case RecoveryCodesMade:
		s.RecoverySetID, s.UpdatedAt = e.SetID, e.At
	case PasskeyAdded:
		s.Passkeys, s.UpdatedAt = append(slices.Clone(s.Passkeys), Passkey{e.PasskeyID, e.Name, e.At}), e.At
	case PasskeyRenamed:
		s.Passkeys, s.UpdatedAt = slices.Clone(s.Passkeys), e.At
		for i := range s.Passkeys {
			if s.Passkeys[i].ID == e.PasskeyID {
				s.Passkeys[i].Name = e.Name
			}
		}
	case PasskeyRemoved:
		s.Passkeys, s.UpdatedAt = slices.DeleteFunc(slices.Clone(s.Passkeys), func(k Passkey) bool { return k.ID == e.PasskeyID }), e.At
	}
	return s
}
