package permission

import (
	"fmt"
	"slices"
	"strconv"

	"tansu.cloud/domain"
)

// Limits of lists of roles and of their names.
const (
	MaxRoles    = 20
	MaxRoleName = 40
)

// CheckRoleName checks the name of a role, built-in or not: a letter from a to z,
// then 1 to 39 letters, digits or hyphens. It returns no or one field error.
func CheckRoleName(field, name string) []domain.FieldError {
	sound := len(name) >= 2 && len(name) <= MaxRoleName && name[0] >= 'a' && name[0] <= 'z'
	for _, c := range []byte(name) {
		sound = sound && ('a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-')
	}
	if sound {
		return nil
	}
	return []domain.FieldError{{Field: field, Code: "role_name",
		Message: "must be a role's name: 2 to 40 of a-z, 0-9 and -, with a letter first"}}
}

// CheckRoles checks the roles that somebody is to get: at least one, each once.
// That they exist is for the caller to find out.
func CheckRoles(field string, roles []string) []domain.FieldError {
	switch {
	case len(roles) == 0:
		return []domain.FieldError{{Field: field, Code: "required", Message: "must name at least one role"}}
	case len(roles) > MaxRoles:
		return []domain.FieldError{{Field: field, Code: "too_many",
			Message: fmt.Sprintf("names %d roles, at most %d are allowed", len(roles), MaxRoles)}}
	}
	var problems []domain.FieldError
	for i, name := range roles {
		at := field + "/" + strconv.Itoa(i)
		problems = append(problems, CheckRoleName(at, name)...)
		if slices.Contains(roles[:i], name) {
			problems = append(problems, repeated(at))
		}
	}
	return problems
}

// Check checks permissions that a role or key is to have: at least one, each
// once, known and grantable; platform permissions only if allowed.
func Check(field string, names []string, platform bool) []domain.FieldError {
	switch {
	case len(names) == 0:
		return []domain.FieldError{{Field: field, Code: "required", Message: "must name at least one permission"}}
	case len(names) > len(infos):
		return []domain.FieldError{{Field: field, Code: "too_many", Message: "names more permissions than there are"}}
	}
	var problems []domain.FieldError
	for i, name := range names {
		at := field + "/" + strconv.Itoa(i)
		info, known := Find(name)
		switch {
		case !known:
			problems = append(problems, domain.FieldError{Field: at, Code: "unknown", Message: "is no permission; GET /v1/permissions lists them"})
		case info.OwnerOnly:
			problems = append(problems, domain.FieldError{Field: at, Code: "owner_only", Message: "belongs to the role owner alone; give that role to a member instead"})
		case info.Platform && !platform:
			problems = append(problems, domain.FieldError{Field: at, Code: "platform_only", Message: "has a meaning in the system tenant only; leave it out"})
		case slices.Contains(names[:i], name):
			problems = append(problems, repeated(at))
		}
	}
	return problems
}

func repeated(field string) domain.FieldError {
	return domain.FieldError{Field: field, Code: "repeated", Message: "is named twice; name it once"}
}

// Sorted returns a sorted copy of names, so that the same set is always the
// same list.
func Sorted(names []string) []string {
	sorted := append([]string{}, names...)
	slices.Sort(sorted)
	return sorted
}
