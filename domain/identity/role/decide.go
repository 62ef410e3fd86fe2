package role

import (
	"slices"
	"strings"
	"time"

	"tansu.cloud/domain"
	"tansu.cloud/domain/identity/permission"
)

// Command is something to do to a role.
type Command interface{ roleCommand() }

// The commands. At is the time of the decision. Platform permissions are allowed
// if Platform is set, as it is in the system tenant.
type (
	// Create makes a role that never was, in one of its tenant's slots; 0 says
	// that none is free.
	Create struct {
		Name        string
		Slot        int
		Title       string
		Permissions []string
		Platform    bool
		At          time.Time
	}
	// Change replaces what the role is called and permits.
	Change struct {
		Title       string
		Permissions []string
		Platform    bool
		At          time.Time
	}
	// Delete ends the role for ever.
	Delete struct{ At time.Time }
)

func (Create) roleCommand() {}
func (Change) roleCommand() {}
func (Delete) roleCommand() {}

// Refusals that depend on the state alone.
var (
	ErrNotFound = domain.NotFound("role.not_found", "there is no such role of this tenant's own")
	ErrTaken    = domain.Conflict("role.already_exists", "a role of this name exists or existed; choose another name",
		domain.FieldError{Field: "/name", Code: "taken", Message: "is or was another role's; whoever had that one would get this one"})
	ErrBuiltIn = domain.Conflict("role.built_in", "this role is built in and stays as it is; make one of your own",
		domain.FieldError{Field: "/name", Code: "built_in", Message: "is the name of a built-in role; choose another one"})
	ErrTooMany   = domain.Conflict("role.too_many", "a tenant has at most 100 roles of its own; delete one first")
	ErrSlotTaken = domain.Conflict("role.slot_taken", "another role was created at the same moment; repeat the request")
)

// Decide says which events a command causes. A command that changes nothing
// causes none; one that is refused returns a *domain.Error.
func Decide(s State, c Command) ([]Event, error) {
	if c, ok := c.(Create); ok {
		return create(s, c)
	}
	if s.Status != StatusActive {
		return nil, ErrNotFound
	}
	switch c := c.(type) {
	case Change:
		title, permissions := strings.TrimSpace(c.Title), permission.Sorted(c.Permissions)
		if err := invalid(check(title, c.Permissions, c.Platform)); err != nil {
			return nil, err
		}
		if title == s.Title && slices.Equal(permissions, s.Permissions) {
			return nil, nil
		}
		return []Event{Changed{s.Name, title, permissions, c.At}}, nil
	case Delete:
		return []Event{Deleted{s.Name, s.Slot, c.At}}, nil
	}
	return nil, domain.Invalid("role.command_unknown", "a role does not know this command")
}

func create(s State, c Create) ([]Event, error) {
	switch {
	case permission.IsBuiltIn(c.Name):
		return nil, ErrBuiltIn
	case s.Status != "":
		return nil, ErrTaken
	}
	title := strings.TrimSpace(c.Title)
	if err := invalid(append(permission.CheckRoleName("/name", c.Name), check(title, c.Permissions, c.Platform)...)); err != nil {
		return nil, err
	}
	if c.Slot < 1 || c.Slot > MaxPerTenant {
		return nil, ErrTooMany
	}
	return []Event{Created{c.Name, c.Slot, title, permission.Sorted(c.Permissions), c.At}}, nil
}

func check(title string, permissions []string, platform bool) []domain.FieldError {
	return append(domain.CheckLine("/title", title, MaxTitle), permission.Check("/permissions", permissions, platform)...)
}

func invalid(fields []domain.FieldError) error {
	if len(fields) == 0 {
		return nil
	}
	return domain.Invalid("role.command_invalid", "the command has invalid fields", fields...)
}
