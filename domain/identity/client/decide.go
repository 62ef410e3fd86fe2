package client

import (
	"strings"
	"time"

	"tansu.cloud/domain"
)

// MaxOverlap is the longest that two secrets count side by side.
const MaxOverlap = 7 * 24 * time.Hour

// Command is something to do to a client.
type Command interface{ clientCommand() }

// The commands. Secrets have been stored before; At is the time of the decision.
type (
	// Register makes a client that does not exist yet. Its type and the way in
	// which it proves itself are for life.
	Register struct {
		ID                string
		Type              Type
		TokenEndpointAuth Auth
		Profile           Profile
		SecretID          string // with AuthSecret only
		At                time.Time
	}
	// Change replaces the profile.
	Change struct {
		Profile Profile
		At      time.Time
	}
	// RotateSecret gives it another secret; the one before counts for Overlap.
	RotateSecret struct {
		SecretID string
		Overlap  time.Duration
		At       time.Time
	}
	// Disable keeps people from signing in to it; it needs a reason.
	Disable struct {
		Reason string
		At     time.Time
	}
	// Enable lets them again.
	Enable struct {
		Reason string
		At     time.Time
	}
	// Delete ends it for ever.
	Delete struct {
		Reason string
		At     time.Time
	}
)

func (Register) clientCommand()     {}
func (Change) clientCommand()       {}
func (RotateSecret) clientCommand() {}
func (Disable) clientCommand()      {}
func (Enable) clientCommand()       {}
func (Delete) clientCommand()       {}

// Refusals that depend on the state alone.
var (
	ErrNotFound      = domain.NotFound("client.not_found", "there is no such client")
	ErrAlreadyExists = domain.Conflict("client.already_exists", "a client with this id exists or existed")
	ErrNoSecret      = domain.Conflict("client.no_secret", "the client does not prove itself with a secret; register one with token_endpoint_auth secret")
)

// Decide says which events a command causes. A command that changes nothing
// causes none; one that is refused returns a *domain.Error.
func Decide(s State, c Command) ([]Event, error) {
	if c, ok := c.(Register); ok {
		return register(s, c)
	}
	if s.Status == "" || s.Status == StatusDeleted {
		return nil, ErrNotFound
	}
	switch c := c.(type) {
	case Change:
		p := c.Profile.normal()
		if err := invalid(p.check(s.TokenEndpointAuth)); err != nil || p.equal(s.Profile) {
			return nil, err
		}
		return []Event{Changed{s.ID, p, c.At}}, nil
	case RotateSecret:
		return rotate(s, c)
	case Disable:
		if err := invalid(domain.CheckReason(c.Reason, true)); err != nil || s.Status == StatusDisabled {
			return nil, err
		}
		return []Event{Disabled{s.ID, strings.TrimSpace(c.Reason), c.At}}, nil
	case Enable:
		if err := invalid(domain.CheckReason(c.Reason, false)); err != nil || s.Status == StatusEnabled {
			return nil, err
		}
		return []Event{Enabled{s.ID, strings.TrimSpace(c.Reason), c.At}}, nil
	case Delete:
		if err := invalid(domain.CheckReason(c.Reason, false)); err != nil {
			return nil, err
		}
		return []Event{Deleted{s.ID, strings.TrimSpace(c.Reason), c.At}}, nil
	}
	return nil, domain.Invalid("client.command_unknown", "a client does not know this command")
}

func register(s State, c Register) ([]Event, error) {
	if s.Status != "" {
		return nil, ErrAlreadyExists
	}
	p := c.Profile.normal()
	problems := domain.CheckLine("/id", c.ID, 255)
	problems = append(problems, checkAuth(c.Type, c.TokenEndpointAuth)...)
	problems = append(problems, p.check(c.TokenEndpointAuth)...)
	switch {
	case c.TokenEndpointAuth == AuthSecret:
		problems = append(problems, domain.CheckLine("/secret_id", c.SecretID, 255)...)
	case c.SecretID != "":
		problems = append(problems, domain.FieldError{Field: "/secret_id", Code: "not_allowed", Message: "must be left out, because the client does not prove itself with a secret"})
	}
	if err := invalid(problems); err != nil {
		return nil, err
	}
	return []Event{Registered{c.ID, c.Type, c.TokenEndpointAuth, p, c.SecretID, c.At}}, nil
}

func checkAuth(typ Type, auth Auth) []domain.FieldError {
	switch {
	case typ != Public && typ != Confidential:
		return []domain.FieldError{{Field: "/type", Code: "unknown", Message: "must be public or confidential"}}
	case typ == Public && auth != AuthNone:
		return []domain.FieldError{{Field: "/token_endpoint_auth", Code: "public", Message: "must be none, because a public client can keep nothing secret"}}
	case typ == Confidential && auth != AuthSecret && auth != AuthPrivateKeyJWT:
		return []domain.FieldError{{Field: "/token_endpoint_auth", Code: "confidential", Message: "must be secret or private_key_jwt for a confidential client"}}
	}
	return nil
}

func rotate(s State, c RotateSecret) ([]Event, error) {
	if s.TokenEndpointAuth != AuthSecret {
		return nil, ErrNoSecret
	}
	problems := domain.CheckLine("/secret_id", c.SecretID, 255)
	if c.Overlap < 0 || c.Overlap > MaxOverlap {
		problems = append(problems, domain.FieldError{Field: "/overlap_seconds", Code: "out_of_range", Message: "must be from 0 to 604800 (7 days)"})
	}
	if err := invalid(problems); err != nil || c.SecretID == s.SecretID {
		return nil, err
	}
	return []Event{SecretRotated{s.ID, c.SecretID, c.At.Add(c.Overlap), c.At}}, nil
}

func invalid(fields []domain.FieldError) error {
	if len(fields) == 0 {
		return nil
	}
	return domain.Invalid("client.command_invalid", "the command has invalid fields", fields...)
}
