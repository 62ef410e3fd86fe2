// Package permission says what can be permitted, to whom the built-in roles
// permit it, and what a list of permissions or roles must look like. It is data:
// who holds a role stands in package member, what a tenant's own roles permit in
// package role.
package permission

import "slices"

// Self lets somebody sign in, leave and look after their own account. The pages
// of the identity provider hold it while they serve the person whom they have
// recognised. It is in no role and cannot be granted.
const Self = "identity.self"

// Info is one permission.
type Info struct {
	Name  string
	Title string // what it allows, as a sentence without a full stop
	// Platform permissions have a meaning in the system tenant only.
	Platform bool
	// OwnerOnly permissions belong to the role owner and to nothing else: no
	// other role, API key or service account holds them.
	OwnerOnly bool
}

// infos is sorted by name: the place is the bit in a Set.
var infos = [...]Info{
	{Name: "activity.read", Title: "Read what happened in the tenant, as sentences"},
	{Name: "api_keys.manage", Title: "Create, rename and revoke API keys"},
	{Name: "api_keys.read", Title: "See which API keys there are"},
	{Name: "audit.read", Title: "Verify and export the log"},
	{Name: "channels.join", Title: "Join channels, see who is there and send to them"},
	{Name: "clients.manage", Title: "Register, change and delete OAuth clients", Platform: true},
	{Name: "clients.read", Title: "See which OAuth clients there are", Platform: true},
	{Name: "dead_letters.manage", Title: "Re-drive and discard dead letters", Platform: true},
	{Name: "dead_letters.read", Title: "Read dead letters", Platform: true},
	{Name: "events.read", Title: "Read and follow the tenant's events and the states of its streams"},
	{Name: "identity_providers.manage", Title: "Add, change and remove identity providers and their e-mail domains"},
	{Name: "identity_providers.read", Title: "See the identity providers and their e-mail domains"},
	{Name: "invites.manage", Title: "Invite people, and take invites back"},
	{Name: "jobs.manage", Title: "Run dead jobs again, or give them up"},
	{Name: "jobs.read", Title: "See the tenant's jobs"},
	{Name: "members.manage", Title: "Add and remove members and change their roles"},
	{Name: "members.read", Title: "See the members and the invites"},
	{Name: "metrics.read", Title: "Read the metrics of the installation", Platform: true},
	{Name: "origins.manage", Title: "Change from which pages the tenant may be used"},
	{Name: "origins.read", Title: "See from which pages the tenant may be used"},
	{Name: "owners.manage", Title: "Make members owners, and take that back", OwnerOnly: true},
	{Name: "projections.manage", Title: "Pause, resume and rebuild projections", Platform: true},
	{Name: "projections.read", Title: "See the projections and how far they are", Platform: true},
	{Name: "roles.manage", Title: "Create, change and delete the tenant's own roles"},
	{Name: "roles.read", Title: "See the roles and what they permit"},
	{Name: "service_accounts.manage", Title: "Create, change and delete service accounts and rotate their secrets"},
	{Name: "service_accounts.read", Title: "See which service accounts there are"},
	{Name: "subjects.erase", Title: "Erase a person's data from the tenant's events"},
	{Name: "tenants.create", Title: "Create tenants", Platform: true},
	{Name: "tenants.read", Title: "See all tenants", Platform: true},
	{Name: "tenants.write", Title: "Rename, configure, suspend, reactivate and archive tenants", Platform: true},
	{Name: "users.manage", Title: "Register, disable and erase users and end their sessions", Platform: true},
	{Name: "users.read", Title: "See all users and their sessions", Platform: true},
	{Name: "webhooks.manage", Title: "Register, change and delete webhooks"},
	{Name: "webhooks.read", Title: "See the webhooks and their deliveries"},
}

var places = func() map[string]int {
	m := make(map[string]int, len(infos))
	for i, info := range infos {
		m[info.Name] = i
	}
	return m
}()

// All lists every permission that a role can give, sorted by name.
func All() []Info { return slices.Clone(infos[:]) }

// Find returns the permission of a name.
func Find(name string) (Info, bool) {
	i, ok := places[name]
	if !ok {
		return Info{}, false
	}
	return infos[i], true
}

// Set is a set of permissions. It is a value: comparable, and never shared. Its
// bits mean something within this process only; store the names.
type Set [2]uint64

// Of returns the set of the names that are permissions. Others are left out:
// what a later release does not know any more permits nothing.
func Of(names ...string) Set {
	var s Set
	for _, name := range names {
		if i, ok := places[name]; ok {
			s[i/64] |= 1 << (i % 64)
		}
	}
	return s
}

// Has reports whether the set holds a permission.
func (s Set) Has(name string) bool {
	i, ok := places[name]
	return ok && s[i/64]&(1<<(i%64)) != 0
}

// Union returns what at least one of both sets holds.
func (s Set) Union(other Set) Set { return Set{s[0] | other[0], s[1] | other[1]} }

// Minus returns what the set holds and the other one does not.
func (s Set) Minus(other Set) Set { return Set{s[0] &^ other[0], s[1] &^ other[1]} }

// Names lists the set's permissions, sorted.
func (s Set) Names() []string {
	names := make([]string, 0, len(infos))
	for i, info := range infos {
		if s[i/64]&(1<<(i%64)) != 0 {
			names = append(names, info.Name)
		}
	}
	return names
}
