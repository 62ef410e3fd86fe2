package role_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tansu.cloud/domain/domaintest"
	"tansu.cloud/domain/identity/role"
)

var (
	t0 = time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)
	t1 = t0.Add(time.Hour)
	t2 = t1.Add(time.Hour)

	created = role.Created{Name: "auditor", Slot: 2, Title: "Auditor", Permissions: []string{"audit.read", "events.read"}, At: t0}
	deleted = role.Deleted{Name: "auditor", Slot: 2, At: t1}
	create  = role.Create{Name: "auditor", Slot: 2, Title: " Auditor ", Permissions: []string{"events.read", "audit.read"}, At: t0}
)

func TestDecide(t *testing.T) {
	t.Parallel()
	type events = []role.Event
	with := func(change func(*role.Create)) role.Create {
		c := create
		change(&c)
		return c
	}
	named := func(name string) role.Create { return with(func(c *role.Create) { c.Name = name }) }
	permitting := func(names ...string) role.Create {
		return with(func(c *role.Create) { c.Permissions = names })
	}
	requireDecisions(t, []decision{
		{"create", nil, create, events{created}, ""},
		{"create twice", events{created}, create, nil, "role.already_exists /name taken"},
		{"create under a deleted name", events{created, deleted}, create, nil, "role.already_exists /name taken"},
		{"create a built-in one", nil, named("owner"), nil, "role.built_in /name built_in"},
		{"create without a slot", nil, with(func(c *role.Create) { c.Slot = 0 }), nil, "role.too_many"},
		{"create without a title", nil, with(func(c *role.Create) { c.Title = "" }), nil, "role.command_invalid /title required"},
		{"create a short name", nil, named("a"), nil, "role.command_invalid /name role_name"},
		{"create a long name", nil, named(strings.Repeat("a", 41)), nil, "role.command_invalid /name role_name"},
		{"create a name in capitals", nil, named("Auditor"), nil, "role.command_invalid /name role_name"},
		{"create a name of digits", nil, named("1st"), nil, "role.command_invalid /name role_name"},
		{"permit nothing", nil, permitting(), nil, "role.command_invalid /permissions required"},
		{"permit the unknown", nil, permitting("events.read", "x"), nil, "role.command_invalid /permissions/1 unknown"},
		{"permit what is no role's", nil, permitting("identity.self"), nil, "role.command_invalid /permissions/0 unknown"},
		{"permit twice", nil, permitting("events.read", "events.read"), nil, "role.command_invalid /permissions/1 repeated"},
		{"permit making owners", nil, permitting("owners.manage"), nil, "role.command_invalid /permissions/0 owner_only"},
		{"permit what is the platform's", nil, permitting("tenants.create"), nil, "role.command_invalid /permissions/0 platform_only"},
		{"permit it in the system tenant", nil, with(func(c *role.Create) { c.Permissions, c.Platform = []string{"tenants.create"}, true }),
			events{role.Created{Name: "auditor", Slot: 2, Title: "Auditor", Permissions: []string{"tenants.create"}, At: t0}}, ""},

		{"change", events{created}, role.Change{Title: "A", Permissions: []string{"jobs.read"}, At: t1},
			events{role.Changed{Name: "auditor", Title: "A", Permissions: []string{"jobs.read"}, At: t1}}, ""},
		{"change nothing", events{created}, role.Change{Title: "Auditor", Permissions: create.Permissions, At: t1}, nil, ""},
		{"change to nothing", events{created}, role.Change{Title: "Auditor", At: t1}, nil, "role.command_invalid /permissions required"},
		{"change a deleted one", events{created, deleted}, role.Change{Title: "A", Permissions: []string{"jobs.read"}, At: t1}, nil, "role.not_found"},
		{"delete", events{created}, role.Delete{At: t1}, events{deleted}, ""},
		{"delete twice", events{created, deleted}, role.Delete{At: t2}, nil, "role.not_found"},
	})
	require.Equal(t, role.State{
		Name: "auditor", Slot: 2, Title: "A", Permissions: []string{}, Status: role.StatusDeleted, CreatedAt: t0, UpdatedAt: t1,
	}, given(created, role.Changed{Name: "auditor", Title: "A", Permissions: []string{"jobs.read"}, At: t2}, deleted))
}

type decision struct {
	name  string
	given []role.Event
	when  role.Command
	then  []role.Event
	code  string // of the refusal, then the field and code of its first field
}

func requireDecisions(t *testing.T, decisions []decision) {
	t.Helper()
	for _, d := range decisions {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			events, err := role.Decide(given(d.given...), d.when)
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

func given(history ...role.Event) role.State {
	var s role.State
	for _, e := range history {
		s = role.Apply(s, e)
	}
	return s
}
