package user

import (
	"strings"
	"time"

	"tansu.cloud/domain"
)

// MaxName is the most characters of a user's name.
const MaxName = 200

// Command is something to do to a user.
type Command interface{ userCommand() }

// The commands. Ids, the keyed hash of the address and times are inputs; At is
// the time of the decision.
type (
	// Register makes a user that does not exist yet. PasswordID may be empty:
	// they sign in otherwise. With an Identity the address may be empty too.
	Register struct {
		UserID     string
		Email      string // as typed
		EmailIndex string // of the normalised address; not looked at if it has none
		Name       string
		Verified   bool
		PasswordID string
		Identity   *Identity // its LinkedAt is not looked at
		At         time.Time
	}
	// VerifyEmail notes that the address is the user's.
	VerifyEmail struct{ At time.Time }
	// Rename gives another name.
	Rename struct {
		Name string
		At   time.Time
	}
	// SetPassword replaces the password, which has been stored before.
	SetPassword struct {
		PasswordID string
		At         time.Time
	}
	// Disable keeps the user out; it needs a reason.
	Disable struct {
		Reason string
		At     time.Time
	}
	// Enable lets a disabled user in again.
	Enable struct {
		Reason string
		At     time.Time
	}
	// Erase makes the user's personal data unreadable and the address free; it
	// needs a reason.
	Erase struct {
		Reason string
		At     time.Time
	}
)

func (Register) userCommand()    {}
func (VerifyEmail) userCommand() {}
func (Rename) userCommand()      {}
func (SetPassword) userCommand() {}
func (Disable) userCommand()     {}
func (Enable) userCommand()      {}
func (Erase) userCommand()       {}

// Decide says which events a command causes. A command that changes nothing
// causes none; one that is refused returns a *domain.Error.
func Decide(s State, c Command) ([]Event, error) {
	if c, ok := c.(Register); ok {
		return register(s, c)
	}
	switch s.Status {
	case "":
		return nil, ErrNotFound
	case StatusErased:
		if _, again := c.(Erase); again {
			return nil, nil
		}
		return nil, ErrErased
	}
	switch c := c.(type) {
	case VerifyEmail:
		if s.Verified {
			return nil, nil
		}
		return []Event{EmailVerified{s.UserID, c.At}}, nil
	case Rename:
		name := strings.TrimSpace(c.Name)
		if err := invalid(domain.CheckLine("/name", name, MaxName)); err != nil || name == s.Name {
			return nil, err
		}
		return []Event{Renamed{s.UserID, name, c.At}}, nil
	case SetPassword:
		if err := invalid(domain.CheckLine("/password_id", c.PasswordID, 255)); err != nil || c.PasswordID == s.PasswordID {
			return nil, err
		}
		if s.Status != StatusActive {
			return nil, ErrNotActive
		}
		return []Event{PasswordSet{s.UserID, c.PasswordID, c.At}}, nil
	case Disable:
		if err := invalid(domain.CheckReason(c.Reason, true)); err != nil || s.Status == StatusDisabled {
			return nil, err
		}
		return []Event{Disabled{s.UserID, strings.TrimSpace(c.Reason), c.At}}, nil
	case Enable:
		if err := invalid(domain.CheckReason(c.Reason, false)); err != nil || s.Status == StatusActive {
			return nil, err
		}
		return []Event{Enabled{s.UserID, strings.TrimSpace(c.Reason), c.At}}, nil
	case Erase:
		if err := invalid(domain.CheckReason(c.Reason, true)); err != nil {
			return nil, err
		}
		var events []Event
		for _, i := range s.Identities {
			events = append(events, IdentityUnlinked{s.UserID, i.TenantID, i.ProviderID, i.Index, c.At})
		}
		return append(events, Erased{s.UserID, s.EmailIndex, strings.TrimSpace(c.Reason), c.At}), nil
	case LinkIdentity, UnlinkIdentity:
		return decideIdentity(s, c)
	}
	return decideFactors(s, c)
}

func register(s State, c Register) ([]Event, error) {
	if s.Status != "" {
		return nil, ErrAlreadyExists
	}
	email, problems := NormaliseEmail(c.Email)
	if c.Identity != nil {
		if c.Email == "" {
			problems, c.EmailIndex, c.Verified = nil, "", false
		}
		problems = append(problems, c.Identity.check()...)
	}
	name := strings.TrimSpace(c.Name)
	problems = append(problems, domain.CheckLine("/id", c.UserID, 255)...)
	problems = append(problems, domain.CheckLine("/name", name, MaxName)...)
	if email != "" {
		problems = append(problems, domain.CheckLine("/email_index", c.EmailIndex, 255)...)
	}
	if c.PasswordID != "" {
		problems = append(problems, domain.CheckLine("/password_id", c.PasswordID, 255)...)
	}
	if err := invalid(problems); err != nil {
		return nil, err
	}
	events := []Event{Registered{c.UserID, email, c.EmailIndex, name, c.Verified, c.At}}
	if c.PasswordID != "" {
		events = append(events, PasswordSet{c.UserID, c.PasswordID, c.At})
	}
	if c.Identity != nil {
		events = append(events, c.Identity.linked(c.UserID, c.At))
	}
	return events, nil
}
