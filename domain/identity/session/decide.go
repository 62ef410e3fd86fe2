package session

import (
	"strings"
	"time"
	"unicode"

	"tansu.cloud/domain"
)

// Command is something to do to a session.
type Command interface{ sessionCommand() }

// The commands. At is the time of the decision.
type (
	// Start signs a user in. ConfinedTo and ProviderID are given together or not at
	// all.
	Start struct {
		SessionID  string
		UserID     string
		Method     string
		ConfinedTo string
		ProviderID string
		Address    string
		UserAgent  string
		At         time.Time
	}
	// End signs the user out.
	End struct {
		Reason string
		At     time.Time
	}
)

func (Start) sessionCommand() {}
func (End) sessionCommand()   {}

// Refusals that depend on the state alone.
var (
	ErrNotFound      = domain.NotFound("session.not_found", "there is no such session")
	ErrAlreadyExists = domain.Conflict("session.already_exists", "a session with this id exists or existed")
)

// Most characters of what a browser tells about itself and where it is.
const (
	maxAddress   = 64
	maxUserAgent = 300
	maxMethod    = 32
)

// Decide says which events a command causes. Ending an ended session causes
// none; a command that is refused returns a *domain.Error.
func Decide(s State, c Command) ([]Event, error) {
	switch c := c.(type) {
	case Start:
		if s.SessionID != "" {
			return nil, ErrAlreadyExists
		}
		problems := domain.CheckLine("/id", c.SessionID, 255)
		problems = append(problems, domain.CheckLine("/user_id", c.UserID, 255)...)
		problems = append(problems, domain.CheckLine("/method", c.Method, maxMethod)...)
		if c.ConfinedTo != "" || c.ProviderID != "" {
			problems = append(problems, domain.CheckLine("/confined_to", c.ConfinedTo, 255)...)
			problems = append(problems, domain.CheckLine("/provider_id", c.ProviderID, 255)...)
		}
		if err := invalid(problems); err != nil {
			return nil, err
		}
		return []Event{Started{
			SessionID: c.SessionID, UserID: c.UserID, Method: c.Method, Address: clean(c.Address, maxAddress),
			UserAgent: clean(c.UserAgent, maxUserAgent), At: c.At, ConfinedTo: c.ConfinedTo, ProviderID: c.ProviderID,
		}}, nil
	case End:
		if s.SessionID == "" {
			return nil, ErrNotFound
		}
		if err := invalid(domain.CheckReason(c.Reason, false)); err != nil || !s.EndedAt.IsZero() {
			return nil, err
		}
		return []Event{Ended{s.SessionID, s.UserID, strings.TrimSpace(c.Reason), c.At}}, nil
	}
	return nil, domain.Invalid("session.command_unknown", "a session does not know this command")
}

// clean makes a line of what came from outside. Nobody is kept from signing in
// because their browser has an odd name.
func clean(s string, max int) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
	if runes := []rune(s); len(runes) > max {
		s = string(runes[:max])
	}
	return strings.TrimSpace(s)
}

func invalid(fields []domain.FieldError) error {
	if len(fields) == 0 {
		return nil
	}
	return domain.Invalid("session.command_invalid", "the command has invalid fields", fields...)
}
