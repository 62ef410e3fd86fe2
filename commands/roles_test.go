package commands_test

import (
	"context"
	"fmt"
	"strconv"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tansu.cloud/commands"
	"tansu.cloud/domain"
	"tansu.cloud/domain/identity/role"
	"tansu.cloud/eventstore"
)

func auditor(permissions ...string) commands.CreateRole {
	return commands.CreateRole{Title: "Auditor", Permissions: permissions}
}

func TestLifeOfARole(t *testing.T) {
	t.Parallel()
	f, tenant, ctx := newFixture(t), uuid.New(), t.Context()
	r, err := f.CreateRole(ctx, as(in(tenant, "auditor", auditor("events.read", "audit.read")), "admin"))
	require.NoError(t, err)
	require.Equal(t, role.State{
		Name: "auditor", Slot: 1, Title: "Auditor", Permissions: []string{"audit.read", "events.read"}, Status: role.StatusActive,
		CreatedAt: f.clock.Now(), UpdatedAt: f.clock.Now(),
	}, r.State)
	_, err = f.CreateRole(ctx, in(tenant, "auditor", auditor("audit.read")))
	requireRefused(t, err, domain.KindConflict, "role.already_exists")
	_, err = f.CreateRole(ctx, in(tenant, "viewer", auditor("audit.read")))
	requireRefused(t, err, domain.KindConflict, "role.built_in")
	_, err = f.CreateRole(ctx, in(tenant, "staff", auditor("tenants.create")))
	requireRefused(t, err, domain.KindInvalid, "role.command_invalid")
	_, err = f.CreateRole(ctx, in(eventstore.SystemTenant, "staff", auditor("tenants.create")))
	require.NoError(t, err, "the platform's permissions can be given in the system tenant")

	id := f.newUser(t)
	_, err = f.AddMember(ctx, as(in(tenant, id, commands.AddMember{Roles: []string{"auditor"}}), "admin"))
	require.NoError(t, err)
	_, err = f.ChangeRole(ctx, as(in(tenant, "auditor", commands.ChangeRole{Title: "Auditors", Permissions: []string{"audit.read"}}), "admin"))
	require.NoError(t, err)
	_, err = f.DeleteRole(ctx, as(in(tenant, "auditor", commands.DeleteRole{}), "admin"))
	require.NoError(t, err)
	_, err = f.ChangeMemberRoles(ctx, in(tenant, id, commands.ChangeMemberRoles{Roles: []string{"viewer", "auditor"}}))
	require.NoError(t, err, "what somebody has already is not given again")
	_, err = f.AddMember(ctx, in(tenant, f.newUser(t), commands.AddMember{Roles: []string{"auditor"}}))
	refusal := requireRefused(t, err, domain.KindInvalid, "role.unknown")
	require.Equal(t, "/roles", refusal.Fields[0].Field)
	_, err = f.CreateRole(ctx, in(tenant, "auditor", auditor("audit.read")))
	requireRefused(t, err, domain.KindConflict, "role.already_exists")
	require.Equal(t, []string{
		"role.created", "member.added", "role.changed", "role.deleted", "member.roles_changed",
	}, f.typesIn(t, tenant))
}

func TestRolesPermitNoMoreThanTheirMaker(t *testing.T) {
	t.Parallel()
	f, tenant, ctx := newFixture(t), uuid.New(), t.Context()
	maker := commands.Caller{Actor: "user:1", Permissions: func(p string) bool { return p == "roles.manage" || p == "jobs.read" }}
	create := in(tenant, "own", auditor("jobs.read", "events.read"))
	create.Caller = maker
	_, err := f.CreateRole(ctx, create)
	refusal := requireRefused(t, err, domain.KindForbidden, "grant.exceeds_own")
	require.Contains(t, refusal.Message, "events.read")

	_, err = f.CreateRole(ctx, in(tenant, "own", auditor("jobs.read", "events.read")))
	require.NoError(t, err)
	change := in(tenant, "own", commands.ChangeRole{Title: "Renamed", Permissions: []string{"events.read", "jobs.read"}})
	change.Caller = maker
	_, err = f.ChangeRole(ctx, change)
	require.NoError(t, err, "nothing is added")
	change.Command.Permissions = []string{"events.read", "jobs.read", "audit.read"}
	_, err = f.ChangeRole(ctx, change)
	requireRefused(t, err, domain.KindForbidden, "grant.exceeds_own")
	change.Command.Permissions = []string{"jobs.read"}
	_, err = f.ChangeRole(ctx, change)
	require.NoError(t, err)
}

func TestATenantHasAHundredRoles(t *testing.T) {
	t.Parallel()
	f, tenant, ctx := newFixture(t), uuid.New(), t.Context()
	for i := range role.MaxPerTenant {
		r, err := f.CreateRole(ctx, in(tenant, fmt.Sprint("role-", i), auditor("jobs.read")))
		require.NoError(t, err)
		require.Equal(t, i+1, r.State.Slot)
	}
	_, err := f.CreateRole(ctx, in(tenant, "one-more", auditor("jobs.read")))
	requireRefused(t, err, domain.KindConflict, "role.too_many")
	for _, i := range []int{70, 3} {
		_, err = f.DeleteRole(ctx, in(tenant, fmt.Sprint("role-", i), commands.DeleteRole{}))
		require.NoError(t, err)
		r, err := f.CreateRole(ctx, in(tenant, fmt.Sprint("again-", i), auditor("jobs.read")))
		require.NoError(t, err)
		require.Equal(t, i+1, r.State.Slot, "the only free one")
	}
}

// Looking for a slot costs a few look-ups, not one for each that is held.
func TestFreeSlotsAreFoundQuickly(t *testing.T) {
	t.Parallel()
	f, tenant, ctx := newFixture(t), uuid.New(), t.Context()
	for i := range 90 {
		_, err := f.CreateRole(ctx, in(tenant, "role-"+strconv.Itoa(i), auditor("jobs.read")))
		require.NoError(t, err)
	}
	before := f.store.claims.Load()
	_, err := f.CreateRole(ctx, in(tenant, "one-more", auditor("jobs.read")))
	require.NoError(t, err)
	require.LessOrEqual(t, f.store.claims.Load()-before, int64(14))
}

func TestTwoRolesAtOnce(t *testing.T) {
	t.Parallel()
	f, tenant := newFixture(t), uuid.New()
	elsewhere := commands.New(f.deps())
	f.store.beforeAppend = func(ctx context.Context, _ eventstore.Append) error {
		f.store.beforeAppend = nil
		_, err := elsewhere.CreateRole(ctx, in(tenant, "first", auditor("jobs.read")))
		return err
	}
	r, err := f.CreateRole(t.Context(), in(tenant, "second", auditor("jobs.read")))
	require.NoError(t, err)
	require.Equal(t, 2, r.State.Slot)
}
