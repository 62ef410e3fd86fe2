package member_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tansu.cloud/domain/identity/member"
)

func TestRolesOfGroups(t *testing.T) {
	t.Parallel()
	type events = []member.Event
	joined := member.Added{UserID: "u1", Roles: []string{"developer", "viewer"}, At: t0}
	mapped := func(mapped, roles []string) member.RolesMapped {
		return member.RolesMapped{UserID: "u1", ProviderID: "p1", Mapped: mapped, Roles: roles, At: t1}
	}
	first := member.RolesMapped{UserID: "u1", ProviderID: "p1", Mapped: joined.Roles, Roles: joined.Roles, At: t0}
	by := func(join bool, roles ...string) member.MapRoles {
		return member.MapRoles{UserID: "u1", ProviderID: "p1", Roles: roles, Join: join, Reason: "groups of Login", At: t1}
	}
	owner := member.Added{UserID: "u1", Roles: []string{"owner", "viewer"}, At: t0}
	gone := member.Removed{UserID: "u1", Reason: "groups of Login", At: t1}
	requireDecisions(t, []decision{
		{"join", nil, member.MapRoles{UserID: "u1", ProviderID: "p1", Roles: []string{"viewer", "developer"}, Join: true, At: t0}, events{joined, first}, ""},
		{"join uninvited", nil, by(false, "viewer"), nil, "member.not_found"},
		{"join without a role", nil, by(true), nil, "member.not_found"},
		{"the same groups", events{joined, first}, by(true, "viewer", "developer"), nil, ""},
		{"other groups", events{joined, first}, by(true, "admin"), events{mapped([]string{"admin"}, []string{"admin"})}, ""},
		{"no group", events{joined, first}, by(true), events{mapped([]string{}, []string{}), gone}, ""},
		{"back again", events{joined, first, mapped([]string{}, []string{}), gone}, by(true, "viewer"),
			events{member.Added{UserID: "u1", Roles: []string{"viewer"}, At: t1}, mapped([]string{"viewer"}, []string{"viewer"})}, ""},
		{"removed by hand", events{joined, first, removed}, by(true, "viewer"), nil, "member.not_found"},
		{"an owner", events{owner}, by(true, "developer"), events{mapped([]string{"developer"}, []string{"developer", "owner", "viewer"})}, ""},
		{"an owner without a group", events{owner, mapped([]string{"developer"}, []string{"developer", "owner", "viewer"})}, by(true),
			events{mapped([]string{}, []string{"owner", "viewer"})}, ""},
		{"a role that somebody gave", events{owner}, by(true, "viewer"), nil, ""},
		{"a role that somebody gave as well", events{joined, first, member.RolesChanged{UserID: "u1", Roles: []string{"admin", "viewer"}, At: t1}}, by(true),
			events{mapped([]string{}, []string{"admin"})}, ""},
		{"owner by a group", events{joined}, by(true, "owner"), nil, "member.command_invalid /roles owner"},
		{"no provider", events{joined}, member.MapRoles{UserID: "u1", At: t1}, nil, "member.command_invalid /provider_id required"},
	})
	another := member.RolesMapped{UserID: "u1", ProviderID: "p2", Mapped: joined.Roles, Roles: joined.Roles, At: t1}
	unmap := member.UnmapRoles{ProviderID: "p1", Reason: "groups of Login", At: t1}
	requireDecisions(t, []decision{
		{"the same roles by another provider", events{joined, first},
			member.MapRoles{UserID: "u1", ProviderID: "p2", Roles: joined.Roles, At: t1}, events{another}, ""},
		{"unmap", events{owner, mapped([]string{"developer"}, []string{"developer", "owner", "viewer"})}, unmap,
			events{mapped([]string{}, []string{"owner", "viewer"})}, ""},
		{"unmap all roles", events{joined, first}, unmap, events{mapped([]string{}, []string{}), gone}, ""},
		{"unmap what another provider gave", events{joined, first, another}, unmap, nil, ""},
		{"unmap what nobody mapped", events{owner}, unmap, nil, ""},
		{"unmap again", events{owner, mapped([]string{"developer"}, []string{"developer", "owner", "viewer"}), mapped([]string{}, []string{"owner", "viewer"})}, unmap, nil, ""},
		{"unmap who was removed", events{joined, first, removed}, unmap, nil, ""},
		{"unmap who never was a member", nil, unmap, nil, ""},
	})
	s := given(joined, first, member.RolesChanged{UserID: "u1", Roles: []string{"viewer"}, At: t1})
	require.Equal(t, []string{"viewer"}, s.Mapped, "what was taken by hand is the groups' no more")
}
