package member_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tansu.cloud/domain/domaintest"
	"tansu.cloud/domain/identity/member"
)

var (
	t0 = time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)
	t1 = t0.Add(time.Hour)
	t2 = t1.Add(time.Hour)

	added   = member.Added{UserID: "u1", Roles: []string{"admin", "auditor"}, At: t0}
	removed = member.Removed{UserID: "u1", Reason: "left", At: t1}
)

func TestDecide(t *testing.T) {
	t.Parallel()
	type events = []member.Event
	many := make([]string, 21)
	for i := range many {
		many[i] = "role-" + string(rune('a'+i))
	}
	add := func(roles ...string) member.Add { return member.Add{UserID: "u1", Roles: roles, At: t0} }
	requireDecisions(t, []decision{
		{"add", nil, add("auditor", "admin"), events{added}, ""},
		{"add by an invite", nil, member.Add{UserID: "u1", Roles: []string{"viewer"}, InviteID: "i1", At: t0},
			events{member.Added{UserID: "u1", Roles: []string{"viewer"}, InviteID: "i1", At: t0}}, ""},
		{"add twice", events{added}, add("admin"), nil, "member.already_member"},
		{"add again after removal", events{added, removed}, member.Add{UserID: "u1", Roles: []string{"viewer"}, At: t2},
			events{member.Added{UserID: "u1", Roles: []string{"viewer"}, At: t2}}, ""},
		{"add nobody", nil, member.Add{Roles: []string{"viewer"}, At: t0}, nil, "member.command_invalid /user_id required"},
		{"add without roles", nil, add(), nil, "member.command_invalid /roles required"},
		{"add with too many", nil, add(many...), nil, "member.command_invalid /roles too_many"},
		{"add with one twice", nil, add("viewer", "viewer"), nil, "member.command_invalid /roles/1 repeated"},
		{"add with no role's name", nil, add("viewer", "Not A Role"), nil, "member.command_invalid /roles/1 role_name"},

		{"change", events{added}, member.ChangeRoles{Roles: []string{"viewer"}, At: t1}, events{member.RolesChanged{UserID: "u1", Roles: []string{"viewer"}, At: t1}}, ""},
		{"change the order", events{added}, member.ChangeRoles{Roles: []string{"auditor", "admin"}, At: t1}, nil, ""},
		{"change to nothing", events{added}, member.ChangeRoles{At: t1}, nil, "member.command_invalid /roles required"},
		{"change who is none", nil, member.ChangeRoles{Roles: []string{"viewer"}, At: t1}, nil, "member.not_found"},
		{"change who was removed", events{added, removed}, member.ChangeRoles{Roles: []string{"viewer"}, At: t1}, nil, "member.not_found"},

		{"remove", events{added}, member.Remove{Reason: " left ", At: t1}, events{removed}, ""},
		{"remove twice", events{added, removed}, member.Remove{At: t2}, nil, "member.not_found"},
	})
	require.Equal(t, member.State{
		UserID: "u1", Roles: []string{}, Status: member.StatusRemoved, RemovedReason: "left", AddedAt: t0, UpdatedAt: t1,
	}, given(added, removed))
	require.Equal(t, member.State{
		UserID: "u1", Roles: []string{"viewer"}, Status: member.StatusActive, AddedAt: t0, UpdatedAt: t2,
	}, given(added, member.RolesChanged{UserID: "u1", Roles: []string{"viewer"}, At: t2}))
}

type decision struct {
	name  string
	given []member.Event
	when  member.Command
	then  []member.Event
	code  string // of the refusal, then the field and code of its first field
}

func requireDecisions(t *testing.T, decisions []decision) {
	t.Helper()
	for _, d := range decisions {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			events, err := member.Decide(given(d.given...), d.when)
			if d.code == "" {
				require.NoError(t, err)
				require.Equal(t, d.then, events)
				return
			}
			code, field, _ := strings.Cut(d.code, " ")
			refusal := domaintest.RequireRefused(t, err, code)
			require.Empty(t, events)
			if field != "" {
				require.NotEmpty(t, refusal.Fields)
				require.Equal(t, field, refusal.Fields[0].Field+" "+refusal.Fields[0].Code)
			}
		})
	}
}

func given(history ...member.Event) member.State {
	var s member.State
	for _, e := range history {
		s = member.Apply(s, e)
	}
	return s
}
