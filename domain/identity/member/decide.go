package member

import (
	"slices"
	"strings"
	"time"

	"tansu.cloud/domain"
	"tansu.cloud/domain/identity/permission"
)

// Command is something to do to a member.
type Command interface{ memberCommand() }

// The commands. At is the time of the decision.
type (
	// Add makes a user a member who is none.
	Add struct {
		UserID   string
		Roles    []string
		InviteID string // empty: added by hand
		At       time.Time
	}
	// ChangeRoles replaces the member's roles.
	ChangeRoles struct {
		Roles []string
		At    time.Time
	}
	// MapRoles gives the member the roles of their groups at an identity provider,
	// in place of those that groups gave before. What somebody else gave them stays.
	// With Join it makes a member of who was none, or was one by groups only.
	MapRoles struct {
		UserID     string
		ProviderID string
		Roles      []string
		Join       bool
		Reason     string // of a removal
		At         time.Time
	}
	// UnmapRoles takes away what groups at an identity provider gave. It takes nothing
	// that groups at another one gave since, or somebody else.
	UnmapRoles struct {
		ProviderID string
		Reason     string // of a removal
		At         time.Time
	}
	// Remove ends the membership.
	Remove struct {
		Reason string
		At     time.Time
	}
)

func (Add) memberCommand()         {}
func (ChangeRoles) memberCommand() {}
func (MapRoles) memberCommand()    {}
func (UnmapRoles) memberCommand()  {}
func (Remove) memberCommand()      {}

// Refusals that depend on the state alone.
var (
	ErrNotFound      = domain.NotFound("member.not_found", "the user is not a member of this tenant")
	ErrAlreadyMember = domain.Conflict("member.already_member", "the user is a member of this tenant already; change their roles instead")
	// ErrUserUnknown refuses to add somebody without an account.
	ErrUserUnknown = domain.Invalid("member.user_unknown", "there is no active user with this id",
		domain.FieldError{Field: "/user_id", Code: "unknown", Message: "must be the id of an active user; invite people who have no account yet"})
)

// Decide says which events a command causes. A command that changes nothing
// causes none; one that is refused returns a *domain.Error.
func Decide(s State, c Command) ([]Event, error) {
	if c, ok := c.(Add); ok {
		if s.Status == StatusActive {
			return nil, ErrAlreadyMember
		}
		problems := domain.CheckLine("/user_id", c.UserID, 255)
		if err := invalid(append(problems, permission.CheckRoles("/roles", c.Roles)...)); err != nil {
			return nil, err
		}
		return []Event{Added{c.UserID, permission.Sorted(c.Roles), c.InviteID, c.At}}, nil
	}
	if c, ok := c.(MapRoles); ok {
		return mapRoles(s, c)
	}
	if c, ok := c.(UnmapRoles); ok {
		if s.Status != StatusActive || s.MappedBy != c.ProviderID || len(s.Mapped) == 0 {
			return nil, nil
		}
		return s.remapped(MapRoles{ProviderID: c.ProviderID, Reason: c.Reason, At: c.At}), nil
	}
	if s.Status != StatusActive {
		return nil, ErrNotFound
	}
	switch c := c.(type) {
	case ChangeRoles:
		roles := permission.Sorted(c.Roles)
		if err := invalid(permission.CheckRoles("/roles", c.Roles)); err != nil || slices.Equal(roles, s.Roles) {
			return nil, err
		}
		return []Event{RolesChanged{s.UserID, roles, c.At}}, nil
	case Remove:
		if err := invalid(domain.CheckReason(c.Reason, false)); err != nil {
			return nil, err
		}
		return []Event{Removed{s.UserID, strings.TrimSpace(c.Reason), c.At}}, nil
	}
	return nil, domain.Invalid("member.command_unknown", "a member does not know this command")
}

func mapRoles(s State, c MapRoles) ([]Event, error) {
	problems := domain.CheckLine("/user_id", c.UserID, 255)
	problems = append(problems, domain.CheckLine("/provider_id", c.ProviderID, 255)...)
	if len(c.Roles) > 0 {
		problems = append(problems, permission.CheckRoles("/roles", c.Roles)...)
	}
	if slices.Contains(c.Roles, permission.Owner) {
		problems = append(problems, domain.FieldError{Field: "/roles", Code: "owner", Message: "must not hold owner, which no group gives"})
	}
	if err := invalid(problems); err != nil {
		return nil, err
	}
	if s.Status != StatusActive {
		if len(c.Roles) == 0 || !c.Join || s.Status == StatusRemoved && !s.Outgrown {
			return nil, ErrNotFound
		}
		added := Added{UserID: c.UserID, Roles: permission.Sorted(c.Roles), At: c.At}
		mapped := RolesMapped{c.UserID, c.ProviderID, added.Roles, added.Roles, c.At}
		return []Event{added, mapped}, nil
	}
	return s.remapped(c), nil
}

// remapped puts roles of groups in place of those that groups gave before.
func (s State) remapped(c MapRoles) []Event {
	others := without(s.Roles, s.Mapped)
	mapped := without(permission.Sorted(c.Roles), others)
	roles := permission.Sorted(append(slices.Clone(others), mapped...))
	if slices.Equal(mapped, s.Mapped) && slices.Equal(roles, s.Roles) && (s.MappedBy == c.ProviderID || len(mapped) == 0) {
		return nil
	}
	events := []Event{RolesMapped{s.UserID, c.ProviderID, mapped, roles, c.At}}
	if len(roles) == 0 {
		events = append(events, Removed{s.UserID, strings.TrimSpace(c.Reason), c.At})
	}
	return events
}

// those returns what of a list is in another one.
func those(list, in []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(name string) bool { return !slices.Contains(in, name) })
}

// without returns what is in the first list only.
func without(list, others []string) []string {
	left := []string{}
	for _, name := range list {
		if !slices.Contains(others, name) {
			left = append(left, name)
		}
	}
	return left
}

func invalid(fields []domain.FieldError) error {
	if len(fields) == 0 {
		return nil
	}
	return domain.Invalid("member.command_invalid", "the command has invalid fields", fields...)
}
