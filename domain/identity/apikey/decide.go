package apikey

import (
	"strings"
	"time"

	"tansu.cloud/domain"
	"tansu.cloud/domain/identity/permission"
)

// Command is something to do to an API key.
type Command interface{ apiKeyCommand() }

// The commands. At is the time of the decision.
type (
	// Create makes a key, whose hash has been stored before, in one of its
	// tenant's slots; 0 says that none is free. Platform permissions are allowed
	// if Platform is set, as it is in the system tenant.
	Create struct {
		ID          string
		Slot        int
		Name        string
		Permissions []string
		ExpiresAt   time.Time // zero: never
		CreatedBy   string
		Hint        string
		Platform    bool
		At          time.Time
	}
	// Rename gives another name.
	Rename struct {
		Name string
		At   time.Time
	}
	// Revoke ends the key for ever.
	Revoke struct {
		Reason string
		At     time.Time
	}
)

func (Create) apiKeyCommand() {}
func (Rename) apiKeyCommand() {}
func (Revoke) apiKeyCommand() {}

// Refusals that depend on the state alone.
var (
	ErrNotFound      = domain.NotFound("api_key.not_found", "there is no such API key")
	ErrAlreadyExists = domain.Conflict("api_key.already_exists", "an API key with this id exists or existed")
	ErrTooMany       = domain.Conflict("api_key.too_many", "a tenant has at most 200 API keys; revoke one that is not used any more")
	ErrSlotTaken     = domain.Conflict("api_key.slot_taken", "another API key was created at the same moment; repeat the request")
)

// maxHint is the most characters of a key that may be shown.
const maxHint = 8

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
	case Rename:
		name := strings.TrimSpace(c.Name)
		if err := invalid(domain.CheckLine("/name", name, MaxName)); err != nil {
			return nil, err
		}
		switch {
		case s.Status == StatusRevoked:
			return nil, ErrNotFound
		case name == s.Name:
			return nil, nil
		}
		return []Event{Renamed{s.ID, name, c.At}}, nil
	case Revoke:
		if err := invalid(domain.CheckReason(c.Reason, false)); err != nil || s.Status == StatusRevoked {
			return nil, err
		}
		return []Event{Revoked{s.ID, s.Slot, strings.TrimSpace(c.Reason), c.At}}, nil
	}
	return nil, domain.Invalid("api_key.command_unknown", "an API key does not know this command")
}

func create(s State, c Create) ([]Event, error) {
	if s.Status != "" {
		return nil, ErrAlreadyExists
	}
	name := strings.TrimSpace(c.Name)
	problems := domain.CheckLine("/id", c.ID, 255)
	problems = append(problems, domain.CheckLine("/name", name, MaxName)...)
	problems = append(problems, permission.Check("/permissions", c.Permissions, c.Platform)...)
	problems = append(problems, domain.CheckLine("/hint", c.Hint, maxHint)...)
	if !c.ExpiresAt.IsZero() && !c.ExpiresAt.After(c.At) {
		problems = append(problems, domain.FieldError{Field: "/expires_at", Code: "past", Message: "must lie in the future; leave it out for a key that does not expire"})
	}
	if err := invalid(problems); err != nil {
		return nil, err
	}
	if c.Slot < 1 || c.Slot > MaxPerTenant {
		return nil, ErrTooMany
	}
	expires := c.ExpiresAt
	if !expires.IsZero() {
		expires = expires.UTC().Truncate(time.Microsecond)
	}
	return []Event{Created{c.ID, c.Slot, name, permission.Sorted(c.Permissions), expires, c.CreatedBy, c.Hint, c.At}}, nil
}

func invalid(fields []domain.FieldError) error {
	if len(fields) == 0 {
		return nil
	}
	return domain.Invalid("api_key.command_invalid", "the command has invalid fields", fields...)
}
