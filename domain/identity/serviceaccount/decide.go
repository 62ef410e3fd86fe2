package serviceaccount

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"tansu.cloud/domain"
	"tansu.cloud/domain/identity/permission"
)

// Command is something to do to a service account.
type Command interface{ serviceAccountCommand() }

// The commands. Secrets have been stored before; At is the time of the decision.
type (
	// Create makes a service account, in one of its tenant's slots; 0 says that
	// none is free.
	Create struct {
		ID       string
		Slot     int
		Name     string
		Roles    []string
		SecretID string
		At       time.Time
	}
	// Change replaces its name and roles.
	Change struct {
		Name  string
		Roles []string
		At    time.Time
	}
	// RotateSecret gives it another secret; the one before counts for Overlap.
	RotateSecret struct {
		SecretID string
		Overlap  time.Duration
		At       time.Time
	}
	// Disable keeps it from working; it needs a reason.
	Disable struct {
		Reason string
		At     time.Time
	}
	// Enable lets it work again.
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

func (Create) serviceAccountCommand()       {}
func (Change) serviceAccountCommand()       {}
func (RotateSecret) serviceAccountCommand() {}
func (Disable) serviceAccountCommand()      {}
func (Enable) serviceAccountCommand()       {}
func (Delete) serviceAccountCommand()       {}

// Refusals that depend on the state alone.
var (
	ErrNotFound      = domain.NotFound("service_account.not_found", "there is no such service account")
	ErrAlreadyExists = domain.Conflict("service_account.already_exists", "a service account with this id exists or existed")
	ErrTooMany       = domain.Conflict("service_account.too_many", "a tenant has at most 200 service accounts; delete one that is not used any more")
	ErrSlotTaken     = domain.Conflict("service_account.slot_taken", "another service account was created at the same moment; repeat the request")
)

// Decide says which events a command causes. A command that changes nothing
// causes none; one that is refused returns a *domain.Error.
func Decide(s State, c Command) ([]Event, error) {
	if c, ok := c.(Create); ok {
		return create(s, c)
	}
	if s.Status == "" || s.Status == StatusDeleted {
		return nil, ErrNotFound
	}
	switch c := c.(type) {
	case Change:
		name, roles := strings.TrimSpace(c.Name), permission.Sorted(c.Roles)
		if err := invalid(check(name, c.Roles)); err != nil {
			return nil, err
		}
		if name == s.Name && slices.Equal(roles, s.Roles) {
			return nil, nil
		}
		return []Event{Changed{s.ID, name, roles, c.At}}, nil
	case RotateSecret:
		problems := domain.CheckLine("/secret_id", c.SecretID, 255)
		if c.Overlap < 0 || c.Overlap > MaxOverlap {
			problems = append(problems, domain.FieldError{Field: "/overlap_seconds", Code: "out_of_range", Message: "must be from 0 to 604800 (7 days)"})
		}
		if err := invalid(problems); err != nil || c.SecretID == s.SecretID {
			return nil, err
		}
		return []Event{SecretRotated{s.ID, c.SecretID, c.At.Add(c.Overlap), c.At}}, nil
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
		return []Event{Deleted{s.ID, s.Slot, strings.TrimSpace(c.Reason), c.At}}, nil
	}
	return nil, domain.Invalid("service_account.command_unknown", "a service account does not know this command")
}

func create(s State, c Create) ([]Event, error) {
	if s.Status != "" {
		return nil, ErrAlreadyExists
	}
	name := strings.TrimSpace(c.Name)
	problems := domain.CheckLine("/id", c.ID, 255)
	problems = append(problems, check(name, c.Roles)...)
	problems = append(problems, domain.CheckLine("/secret_id", c.SecretID, 255)...)
	if err := invalid(problems); err != nil {
		return nil, err
	}
	if c.Slot < 1 || c.Slot > MaxPerTenant {
		return nil, ErrTooMany
	}
	return []Event{Created{c.ID, c.Slot, name, permission.Sorted(c.Roles), c.SecretID, c.At}}, nil
}

// check refuses the role owner too: somebody must answer for a tenant, and a
// program cannot.
func check(name string, roles []string) []domain.FieldError {
	problems := domain.CheckLine("/name", name, MaxName)
	problems = append(problems, permission.CheckRoles("/roles", roles)...)
	if i := slices.Index(roles, permission.Owner); i >= 0 {
		problems = append(problems, domain.FieldError{Field: "/roles/" + strconv.Itoa(i), Code: "owner",
			Message: "must not be owner, which only people can be; use admin"})
	}
	return problems
}

func invalid(fields []domain.FieldError) error {
	if len(fields) == 0 {
		return nil
	}
	return domain.Invalid("service_account.command_invalid", "the command has invalid fields", fields...)
}
