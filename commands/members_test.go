package commands_test

import (
	"context"
	"slices"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"tansu.cloud/commands"
	"tansu.cloud/domain"
	"tansu.cloud/domain/identity/member"
	"tansu.cloud/domain/identity/permission"
	"tansu.cloud/eventstore"
)

// in addresses a command to an aggregate of a tenant.
func in[C any](tenant uuid.UUID, stream string, c C) commands.Request[C] {
	r := request(stream, c)
	r.Tenant = tenant
	return r
}

// as sends a request with the permissions of built-in roles.
func as[C any](r commands.Request[C], roles ...string) commands.Request[C] {
	var set permission.Set
	for _, role := range roles {
		of, _ := permission.OfRoleIn(r.Tenant == eventstore.SystemTenant, role)
		set = set.Union(of)
	}
	r.Caller = commands.Caller{Actor: "user:caller", Permissions: set.Has}
	return r
}

// newMember adds a new user with roles.
func (f *fixture) newMember(t testing.TB, tenant uuid.UUID, roles ...string) string {
	t.Helper()
	id := f.newUser(t)
	_, err := f.AddMember(t.Context(), in(tenant, id, commands.AddMember{Roles: roles}))
	require.NoError(t, err)
	return id
}

// typesIn lists the events of a tenant's log.
func (f *fixture) typesIn(t testing.TB, tenant uuid.UUID) []string {
	t.Helper()
	page, err := f.memory.ReadLog(t.Context(), tenant, eventstore.LogQuery{})
	require.NoError(t, err)
	var types []string
	for _, e := range page.Events {
		types = append(types, e.Type)
	}
	return types
}

func TestLifeOfAMember(t *testing.T) {
	t.Parallel()
	f, tenant, ctx := newFixture(t), uuid.New(), t.Context()
	first := f.newMember(t, tenant, "owner")
	second := f.newUser(t)
	r, err := f.AddMember(ctx, as(in(tenant, second, commands.AddMember{Roles: []string{"viewer"}}), "admin"))
	require.NoError(t, err)
	require.Equal(t, []string{"viewer"}, r.State.Roles)
	_, err = f.AddMember(ctx, in(tenant, second, commands.AddMember{Roles: []string{"viewer"}}))
	requireRefused(t, err, domain.KindConflict, "member.already_member")

	r, err = f.ChangeMemberRoles(ctx, as(in(tenant, second, commands.ChangeMemberRoles{Roles: []string{"owner"}}), "owner"))
	require.NoError(t, err)
	require.EqualValues(t, 2, r.Version, "of the member's own stream")
	require.EqualValues(t, 5, r.Position, "of the last event of the append")
	_, err = f.RemoveMember(ctx, as(in(tenant, first, commands.RemoveMember{Reason: "left"}), "owner"))
	require.NoError(t, err)
	_, err = f.RemoveMember(ctx, in(tenant, second, commands.RemoveMember{}))
	requireRefused(t, err, domain.KindConflict, "member.last_owner")
	_, err = f.ChangeMemberRoles(ctx, in(tenant, second, commands.ChangeMemberRoles{Roles: []string{"admin"}}))
	requireRefused(t, err, domain.KindConflict, "member.last_owner")
	_, err = f.AddMember(ctx, in(tenant, first, commands.AddMember{Roles: []string{"viewer"}}))
	require.NoError(t, err, "who was removed can be added again")
	require.Equal(t, []string{
		"member.added", "ownership.granted", "member.added", "member.roles_changed", "ownership.granted",
		"member.removed", "ownership.released", "member.added",
	}, f.typesIn(t, tenant))

	owners, err := f.history.StateAt(ctx, tenant, eventstore.Stream{Type: "ownership", ID: "ownership"}, commands.Moment{})
	require.NoError(t, err)
	require.JSONEq(t, `{"owners":["`+second+`"]}`, string(owners.State))
}

func TestMembersAreActiveUsers(t *testing.T) {
	t.Parallel()
	f, tenant, ctx := newFixture(t), uuid.New(), t.Context()
	id := f.newUser(t)
	_, err := f.DisableUser(ctx, request(id, commands.DisableUser{Reason: "odd"}))
	require.NoError(t, err)
	for _, id := range []string{id, uuid.NewString(), "", "a\x00b"} {
		_, err := f.AddMember(ctx, in(tenant, id, commands.AddMember{Roles: []string{"viewer"}}))
		if id == "" || id == "a\x00b" {
			requireRefused(t, err, domain.KindInvalid, "member.command_invalid")
			continue
		}
		requireRefused(t, err, domain.KindInvalid, "member.user_unknown")
	}
}

func TestOnlyOwnersMakeAndUnmakeOwners(t *testing.T) {
	t.Parallel()
	f, tenant, ctx := newFixture(t), uuid.New(), t.Context()
	owner, other := f.newMember(t, tenant, "owner"), f.newMember(t, tenant, "owner")
	viewer, stranger := f.newMember(t, tenant, "viewer"), f.newUser(t)
	_, err := f.AddMember(ctx, as(in(tenant, stranger, commands.AddMember{Roles: []string{"owner"}}), "admin"))
	requireRefused(t, err, domain.KindForbidden, "grant.owners_only")
	_, err = f.ChangeMemberRoles(ctx, as(in(tenant, viewer, commands.ChangeMemberRoles{Roles: []string{"owner", "viewer"}}), "admin"))
	requireRefused(t, err, domain.KindForbidden, "grant.owners_only")
	_, err = f.ChangeMemberRoles(ctx, as(in(tenant, owner, commands.ChangeMemberRoles{Roles: []string{"viewer"}}), "admin"))
	requireRefused(t, err, domain.KindForbidden, "grant.owners_only")
	_, err = f.RemoveMember(ctx, as(in(tenant, owner, commands.RemoveMember{}), "admin"))
	requireRefused(t, err, domain.KindForbidden, "grant.owners_only")
	_, err = f.ChangeMemberRoles(ctx, as(in(tenant, other, commands.ChangeMemberRoles{Roles: []string{"owner", "viewer"}}), "admin"))
	require.NoError(t, err, "an owner's other roles are not theirs alone to change")
	_, err = f.RemoveMember(ctx, as(in(tenant, other, commands.RemoveMember{}), "owner"))
	require.NoError(t, err)
}

// Whoever is erased leaves even as the last owner; nobody else does in this way.
func TestAnErasedOwnerLeaves(t *testing.T) {
	t.Parallel()
	f, tenant, ctx := newFixture(t), uuid.New(), t.Context()
	owner := f.newMember(t, tenant, "owner")
	viewer := f.newMember(t, tenant, "viewer")
	remove := func(id string) error {
		_, err := f.RemoveErasedMember(ctx, in(tenant, id, commands.RemoveErasedMember{}))
		return err
	}
	requireRefused(t, remove(owner), domain.KindConflict, "user.not_erased")
	for _, id := range []string{owner, viewer} {
		_, err := f.EraseUser(ctx, request(id, commands.EraseUser{Reason: "asked to"}))
		require.NoError(t, err)
	}
	_, err := f.RemoveErasedMember(ctx, as(in(tenant, owner, commands.RemoveErasedMember{}), "owner"))
	requireRefused(t, err, domain.KindForbidden, "forbidden")
	require.NoError(t, remove(owner))
	require.NoError(t, remove(viewer))
	requireRefused(t, remove(owner), domain.KindNotFound, "member.not_found")
	require.Equal(t, []string{
		"member.added", "ownership.granted", "member.added", "member.removed", "ownership.released", "member.removed",
	}, f.typesIn(t, tenant))
	next := f.newUser(t)
	_, err = f.AddMember(ctx, in(tenant, next, commands.AddMember{Roles: []string{"owner"}}))
	require.NoError(t, err, "the operator gives the tenant another owner")
}

// Two owners remove each other at the same moment, in two processes: one stays,
// whether the callers expect a version or not.
func TestTwoOwnersRemoveEachOther(t *testing.T) {
	t.Parallel()
	for _, expected := range []int64{eventstore.AnyVersion, 1} {
		f, tenant := newFixture(t), uuid.New()
		first, second := f.newMember(t, tenant, "owner"), f.newMember(t, tenant, "owner")
		elsewhere := commands.New(f.deps())
		f.store.beforeAppend = func(ctx context.Context, _ eventstore.Append) error {
			f.store.beforeAppend = nil
			_, err := elsewhere.RemoveMember(ctx, in(tenant, first, commands.RemoveMember{}))
			return err
		}
		remove := in(tenant, second, commands.RemoveMember{})
		remove.Expected = expected
		_, err := f.RemoveMember(t.Context(), remove)
		requireRefused(t, err, domain.KindConflict, "member.last_owner")
	}
}

// TestNobodyGivesMoreThanTheyHave sends arbitrary changes by arbitrary callers.
// Whatever succeeds gave only what the caller was allowed, and a tenant that has
// an owner keeps one.
func TestNobodyGivesMoreThanTheyHave(t *testing.T) {
	t.Parallel()
	users := newFixture(t)
	people := []string{users.newUser(t), users.newUser(t), users.newUser(t)}
	custom := []string{"alpha", "beta"}
	names := []string{"owner", "admin", "developer", "viewer", "alpha", "beta", "gamma"}
	var known []string
	for _, info := range permission.All() {
		known = append(known, info.Name)
	}
	rapid.Check(t, func(rt *rapid.T) {
		tenant, ctx := uuid.New(), context.Background()
		f := users
		permits := map[string]permission.Set{}
		for _, r := range permission.BuiltInIn(false) {
			permits[r.Name] = r.Permissions
		}
		roles := map[string][]string{}
		for range rapid.IntRange(1, 25).Draw(rt, "steps") {
			held := permission.Of(rapid.SliceOfDistinct(rapid.SampledFrom(known), rapid.ID[string]).Draw(rt, "extra")...)
			if role := rapid.SampledFrom(append(names, "nobody")).Draw(rt, "caller"); permits[role] != (permission.Set{}) {
				held = held.Union(permits[role])
			}
			caller := commands.Caller{Actor: "user:x", Permissions: held.Has}
			who := rapid.SampledFrom(people).Draw(rt, "who")
			given := rapid.SliceOfNDistinct(rapid.SampledFrom(names), 1, 2, rapid.ID[string]).Draw(rt, "roles")
			name := rapid.SampledFrom(custom).Draw(rt, "role")
			granted := rapid.SliceOfNDistinct(rapid.SampledFrom(known), 1, 5, rapid.ID[string]).Draw(rt, "permissions")
			before := permission.Set{}
			var after permission.Set
			var err error
			sum := func(names []string) (s permission.Set) {
				for _, n := range names {
					s = s.Union(permits[n])
				}
				return s
			}
			var result commands.Result[member.State]
			switch rapid.IntRange(0, 4).Draw(rt, "what") {
			case 0:
				r := in(tenant, who, commands.AddMember{Roles: given})
				r.Caller = caller
				result, err = f.AddMember(ctx, r)
			case 1:
				before = sum(roles[who])
				r := in(tenant, who, commands.ChangeMemberRoles{Roles: given})
				r.Caller = caller
				result, err = f.ChangeMemberRoles(ctx, r)
			case 2:
				r := in(tenant, who, commands.RemoveMember{})
				r.Caller = caller
				result, err = f.RemoveMember(ctx, r)
			case 3:
				r := in(tenant, name, commands.CreateRole{Title: "x", Permissions: granted})
				r.Caller = caller
				if _, err = f.CreateRole(ctx, r); err == nil {
					permits[name] = permission.Of(granted...)
					after = permits[name]
				}
			case 4:
				before = permits[name]
				r := in(tenant, name, commands.ChangeRole{Title: "x", Permissions: granted})
				r.Caller = caller
				if _, err = f.ChangeRole(ctx, r); err == nil {
					permits[name] = permission.Of(granted...)
					after = permits[name]
				}
			}
			if err != nil {
				continue
			}
			if result.Version > 0 {
				owned := slices.Contains(roles[who], "owner")
				roles[who] = result.State.Roles
				after = sum(roles[who])
				if owned != slices.Contains(roles[who], "owner") {
					require.True(rt, held.Has("owners.manage"))
				}
				if owned {
					require.True(rt, slices.ContainsFunc(people, func(p string) bool { return slices.Contains(roles[p], "owner") }), "the last owner stays")
				}
			}
			require.Zero(rt, after.Minus(before).Minus(held), "more was given than the caller holds")
			require.False(rt, permits["alpha"].Union(permits["beta"]).Has("owners.manage"))
		}
	})
}
