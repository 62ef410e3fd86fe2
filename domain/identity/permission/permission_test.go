package permission_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"tansu.cloud/domain/identity/permission"
)

func names() []string {
	var names []string
	for _, info := range permission.All() {
		names = append(names, info.Name)
	}
	return names
}

func TestPermissions(t *testing.T) {
	t.Parallel()
	all := permission.All()
	require.True(t, slices.IsSorted(names()), "the place in the list is the bit in a set")
	require.LessOrEqual(t, len(all), 128)
	for i, info := range all {
		require.Regexp(t, regexp.MustCompile(`^[a-z_]+\.(read|manage|create|write|join|erase)$`), info.Name)
		require.NotEmpty(t, info.Title)
		require.False(t, strings.HasSuffix(info.Title, "."), info.Title)
		require.False(t, i > 0 && all[i-1].Name == info.Name)
		found, ok := permission.Find(info.Name)
		require.True(t, ok)
		require.Equal(t, info, found)
	}
	_, ok := permission.Find(permission.Self)
	require.False(t, ok, "nobody can be granted it")
	all[0].Name = "changed"
	require.NotEqual(t, "changed", permission.All()[0].Name)
}

// TestSets compares sets with sets of strings.
func TestSets(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		some := rapid.SliceOfDistinct(rapid.SampledFrom(append(names(), "unknown", permission.Self)), rapid.ID[string])
		a, b := some.Draw(t, "a"), some.Draw(t, "b")
		in := func(list []string) func(string) bool {
			return func(name string) bool { return slices.Contains(list, name) }
		}
		var both, left, known []string
		for _, name := range names() {
			if in(a)(name) {
				known = append(known, name)
			}
			if in(a)(name) || in(b)(name) {
				both = append(both, name)
			}
			if in(a)(name) && !in(b)(name) {
				left = append(left, name)
			}
			require.Equal(t, in(a)(name), permission.Of(a...).Has(name))
		}
		require.ElementsMatch(t, known, permission.Of(a...).Names())
		require.ElementsMatch(t, both, permission.Of(a...).Union(permission.Of(b...)).Names())
		require.ElementsMatch(t, left, permission.Of(a...).Minus(permission.Of(b...)).Names())
		require.False(t, permission.Of(a...).Has("unknown"))
		require.Equal(t, permission.Of(a...), permission.Of(permission.Of(a...).Names()...))
	})
}

func TestBuiltInRoles(t *testing.T) {
	t.Parallel()
	for _, system := range []bool{false, true} {
		roles := permission.BuiltInIn(system)
		require.Len(t, roles, 4)
		for i, r := range roles {
			set, ok := permission.OfRoleIn(system, r.Name)
			require.True(t, ok)
			require.Equal(t, r.Permissions, set)
			if i > 0 {
				require.Zero(t, r.Permissions.Minus(roles[i-1].Permissions), "%s may do more than %s", r.Name, roles[i-1].Name)
			}
			for _, name := range r.Permissions.Names() {
				info, _ := permission.Find(name)
				require.True(t, system || !info.Platform, "%s in %s", name, r.Name)
				require.True(t, r.Name == permission.Owner || !info.OwnerOnly, "%s in %s", name, r.Name)
			}
		}
	}
	viewer, _ := permission.OfRoleIn(false, permission.Viewer)
	require.Equal(t, []string{
		"activity.read", "api_keys.read", "audit.read", "events.read", "identity_providers.read", "jobs.read", "members.read", "origins.read", "roles.read",
		"service_accounts.read", "webhooks.read",
	}, viewer.Names())
	developer, _ := permission.OfRoleIn(false, permission.Developer)
	require.Equal(t, []string{"channels.join", "jobs.manage", "webhooks.manage"}, developer.Minus(viewer).Names())
	admin, _ := permission.OfRoleIn(false, permission.Admin)
	require.Equal(t, []string{
		"api_keys.manage", "identity_providers.manage", "invites.manage", "members.manage", "origins.manage", "roles.manage", "service_accounts.manage", "subjects.erase",
	}, admin.Minus(developer).Names())
	owner, _ := permission.OfRoleIn(false, permission.Owner)
	require.Equal(t, []string{"owners.manage"}, owner.Minus(admin).Names())
	staff, _ := permission.OfRoleIn(true, permission.Owner)
	require.Equal(t, names(), staff.Names())
	_, ok := permission.OfRoleIn(false, "auditor")
	require.False(t, ok)
	require.True(t, permission.IsBuiltIn("viewer"))
}
