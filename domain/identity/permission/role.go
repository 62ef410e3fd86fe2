package permission

import "strings"

// The built-in roles.
const (
	Owner     = "owner"
	Admin     = "admin"
	Developer = "developer"
	Viewer    = "viewer"
)

// Role is a built-in role and what it permits in a tenant.
type Role struct {
	Name        string
	Title       string
	Permissions Set
}

// builtIn roles, outside the system tenant and in it.
var builtIn, ofStaff = rolesFor(false), rolesFor(true)

// rolesFor builds the roles from the permissions: each role holds what the one
// after it holds, and more.
func rolesFor(system bool) []Role {
	those := func(granted func(Info) bool) Set {
		var s Set
		for _, info := range infos {
			if (system || !info.Platform) && granted(info) {
				s = s.Union(Of(info.Name))
			}
		}
		return s
	}
	reads := func(info Info) bool { return strings.HasSuffix(info.Name, ".read") }
	develops := Of("webhooks.manage", "jobs.manage", "channels.join")
	return []Role{
		{Owner, "Owner", those(func(Info) bool { return true })},
		{Admin, "Administrator", those(func(info Info) bool { return !info.OwnerOnly })},
		{Developer, "Developer", those(func(info Info) bool { return reads(info) || develops.Has(info.Name) })},
		{Viewer, "Viewer", those(reads)},
	}
}

// BuiltInIn lists the built-in roles, the most powerful first, as they are in the
// system tenant, where they hold platform permissions too, or in all others.
func BuiltInIn(tenantIsSystem bool) []Role {
	if tenantIsSystem {
		return append([]Role(nil), ofStaff...)
	}
	return append([]Role(nil), builtIn...)
}

// OfRoleIn returns what a built-in role permits in the system tenant or in
// others.
func OfRoleIn(tenantIsSystem bool, name string) (Set, bool) {
	roles := builtIn
	if tenantIsSystem {
		roles = ofStaff
	}
	for _, r := range roles {
		if r.Name == name {
			return r.Permissions, true
		}
	}
	return Set{}, false
}

// IsBuiltIn reports whether a role exists in every tenant.
func IsBuiltIn(name string) bool {
	_, ok := OfRoleIn(false, name)
	return ok
}
