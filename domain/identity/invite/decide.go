package invite

import (
	"strings"
	"time"

	"tansu.cloud/domain"
	"tansu.cloud/domain/identity/permission"
	"tansu.cloud/domain/identity/user"
)

// Command is something to do to an invite.
type Command interface{ inviteCommand() }

// The commands. Ids, the keyed hash of the address and times are inputs; At is
// the time of the decision.
type (
	// Create invites whoever reads mail at an address.
	Create struct {
		ID         string
		Email      string // as typed
		EmailIndex string // of the normalised address; not looked at if it has none
		Roles      []string
		TokenID    string
		At         time.Time
	}
	// Resend replaces the token and begins the invite's time anew.
	Resend struct {
		TokenID string
		At      time.Time
	}
	// Revoke takes the invite back.
	Revoke struct {
		Reason string
		At     time.Time
	}
	// Accept uses the invite, for the user whose address has this hash.
	Accept struct {
		UserID     string
		EmailIndex string
		At         time.Time
	}
)

func (Create) inviteCommand() {}
func (Resend) inviteCommand() {}
func (Revoke) inviteCommand() {}
func (Accept) inviteCommand() {}

// Refusals that depend on the state alone.
var (
	ErrNotFound      = domain.NotFound("invite.not_found", "there is no such invite")
	ErrAlreadyExists = domain.Conflict("invite.already_exists", "an invite with this id exists or existed")
	ErrAccepted      = domain.Conflict("invite.accepted", "the invite has been accepted")
	ErrRevoked       = domain.Conflict("invite.revoked", "the invite has been taken back; ask for another one")
	ErrExpired       = domain.Conflict("invite.expired", "the invite has expired; ask for it to be sent again")
	ErrOtherAddress  = domain.Forbidden("invite.other_address", "the invite is for another e-mail address; sign in with the account that it was sent to")
)

// Decide says which events a command causes. A command that changes nothing
// causes none; one that is refused returns a *domain.Error.
func Decide(s State, c Command) ([]Event, error) {
	if c, ok := c.(Create); ok {
		return create(s, c)
	}
	if s.Status == "" {
		return nil, ErrNotFound
	}
	switch c := c.(type) {
	case Resend:
		if err := invalid(domain.CheckLine("/token_id", c.TokenID, 255)); err != nil {
			return nil, err
		}
		if err := s.settled(); err != nil {
			return nil, err
		}
		return []Event{Resent{s.ID, c.TokenID, c.At.Add(Lifetime), c.At}}, nil
	case Revoke:
		if err := invalid(domain.CheckReason(c.Reason, false)); err != nil || s.Status == StatusRevoked {
			return nil, err
		}
		if err := s.settled(); err != nil {
			return nil, err
		}
		return []Event{Revoked{s.ID, strings.TrimSpace(c.Reason), c.At}}, nil
	case Accept:
		return accept(s, c)
	}
	return nil, domain.Invalid("invite.command_unknown", "an invite does not know this command")
}

// settled refuses what is possible with an open invite only.
func (s State) settled() error {
	switch s.Status {
	case StatusAccepted:
		return ErrAccepted
	case StatusRevoked:
		return ErrRevoked
	}
	return nil
}

func create(s State, c Create) ([]Event, error) {
	if s.Status != "" {
		return nil, ErrAlreadyExists
	}
	email, problems := user.NormaliseEmail(c.Email)
	problems = append(problems, domain.CheckLine("/id", c.ID, 255)...)
	if email != "" {
		problems = append(problems, domain.CheckLine("/email_index", c.EmailIndex, 255)...)
	}
	problems = append(problems, permission.CheckRoles("/roles", c.Roles)...)
	problems = append(problems, domain.CheckLine("/token_id", c.TokenID, 255)...)
	if err := invalid(problems); err != nil {
		return nil, err
	}
	return []Event{Created{c.ID, email, c.EmailIndex, permission.Sorted(c.Roles), c.TokenID, c.At.Add(Lifetime), c.At}}, nil
}

func accept(s State, c Accept) ([]Event, error) {
	if s.Status == StatusAccepted && s.AcceptedBy == c.UserID {
		return nil, nil
	}
	if err := s.settled(); err != nil {
		return nil, err
	}
	switch {
	case c.UserID == "" || c.EmailIndex == "" || c.EmailIndex != s.EmailIndex:
		return nil, ErrOtherAddress
	case !c.At.Before(s.ExpiresAt):
		return nil, ErrExpired
	}
	return []Event{Accepted{s.ID, c.UserID, c.At}}, nil
}

func invalid(fields []domain.FieldError) error {
	if len(fields) == 0 {
		return nil
	}
	return domain.Invalid("invite.command_invalid", "the command has invalid fields", fields...)
}
