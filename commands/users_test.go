package commands_test

import (
	"fmt"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tansu.cloud/commands"
	"tansu.cloud/domain"
	"tansu.cloud/domain/identity/permission"
	"tansu.cloud/domain/identity/user"
	"tansu.cloud/eventstore"
)

func ada() commands.RegisterUser {
	return commands.RegisterUser{Email: " Ada@Example.com", Name: "Ada", PasswordID: "p1"}
}

// newUser registers an active user with an address of their own.
func (f *fixture) newUser(t testing.TB) string {
	t.Helper()
	r, err := f.RegisterUser(t.Context(), request("", commands.RegisterUser{Email: uuid.NewString() + "@example.com", Name: "Somebody"}))
	require.NoError(t, err)
	return r.State.UserID
}

func TestLifeOfAUser(t *testing.T) {
	t.Parallel()
	f, ctx := newFixture(t), t.Context()
	r, err := f.RegisterUser(ctx, request("", ada()))
	require.NoError(t, err)
	id := r.State.UserID
	require.NoError(t, uuid.Validate(id))
	require.Equal(t, user.State{
		UserID: id, Email: "ada@example.com", EmailIndex: emailIndex("ada@example.com"), Name: "Ada", Status: user.StatusActive, PasswordID: "p1",
		CreatedAt: f.clock.Now(), UpdatedAt: f.clock.Now(),
	}, r.State)

	_, err = f.VerifyEmail(ctx, request(id, commands.VerifyEmail{}))
	require.NoError(t, err)
	_, err = f.RenameUser(ctx, request(id, commands.RenameUser{Name: "Ada King"}))
	require.NoError(t, err)
	_, err = f.SetPassword(ctx, request(id, commands.SetPassword{PasswordID: "p2"}))
	require.NoError(t, err)
	started, err := f.StartSession(ctx, request("", commands.StartSession{UserID: id, Method: "password", Address: "192.0.2.7", UserAgent: "Mozilla"}))
	require.NoError(t, err)
	_, err = f.DisableUser(ctx, request(id, commands.DisableUser{Reason: "odd"}))
	require.NoError(t, err)
	_, err = f.StartSession(ctx, request("", commands.StartSession{UserID: id, Method: "password"}))
	requireRefused(t, err, domain.KindConflict, "user.not_active")
	_, err = f.EndSession(ctx, request(started.State.SessionID, commands.EndSession{Reason: "odd"}))
	require.NoError(t, err)
	_, err = f.EnableUser(ctx, request(id, commands.EnableUser{}))
	require.NoError(t, err)
	erased, err := f.EraseUser(ctx, request(id, commands.EraseUser{Reason: "asked to"}))
	require.NoError(t, err)
	require.Equal(t, user.StatusErased, erased.State.Status)
	require.Equal(t, []string{
		"user.registered", "user.password_set", "user.email_verified", "user.renamed", "user.password_set", "session.started",
		"user.disabled", "session.ended", "user.enabled", "user.erased",
	}, f.types(t))

	for _, e := range f.events(t) {
		for _, secret := range []string{"ada@", "Ada", "192.0.2.7", "Mozilla"} {
			require.NotContains(t, string(e.Data), secret, "event %s", e.Type)
		}
	}
	_, err = f.RenameUser(ctx, request(id, commands.RenameUser{Name: "Ada"}))
	requireRefused(t, err, domain.KindConflict, "user.erased")
	past, err := f.history.StateAt(ctx, eventstore.SystemTenant, eventstore.Stream{Type: "user", ID: id}, commands.Moment{Version: 1})
	require.NoError(t, err)
	require.Contains(t, string(past.State), `"email":""`, "what was is told without the person")
}

func TestAddressesAreUnique(t *testing.T) {
	t.Parallel()
	f, ctx := newFixture(t), t.Context()
	r, err := f.RegisterUser(ctx, request("", ada()))
	require.NoError(t, err)
	again := ada()
	again.Email = "ADA@example.COM "
	_, err = f.RegisterUser(ctx, request("", again))
	refusal := requireRefused(t, err, domain.KindConflict, "user.email_taken")
	require.Equal(t, "/email", refusal.Fields[0].Field)

	_, err = f.EraseUser(ctx, request(r.State.UserID, commands.EraseUser{Reason: "asked to"}))
	require.NoError(t, err)
	_, err = f.RegisterUser(ctx, request("", again))
	require.NoError(t, err, "an erased user's address is free")
}

// What a person tells stands in sealed events only: neither snapshots nor the
// answers under idempotency keys repeat it.
func TestPersonalStatesAreStoredNowhere(t *testing.T) {
	t.Parallel()
	f, ctx := newFixture(t), t.Context()
	register := keyed(request("", ada()), "key", "body")
	first, err := f.RegisterUser(ctx, register)
	require.NoError(t, err)
	id := first.State.UserID

	record, err := f.memory.IdempotencyRecord(ctx, eventstore.SystemTenant, "key")
	require.NoError(t, err)
	require.NotContains(t, string(record.Response), "da@example.com")
	for i := range 101 {
		_, err := f.RenameUser(ctx, request(id, commands.RenameUser{Name: fmt.Sprint("Ada ", i)}))
		require.NoError(t, err)
	}
	snapshot, err := f.memory.LoadSnapshot(ctx, eventstore.SystemTenant, eventstore.Stream{Type: "user", ID: id}, user.StateVersion)
	require.NoError(t, err)
	require.Nil(t, snapshot)

	again, err := f.RegisterUser(ctx, register)
	require.NoError(t, err)
	require.True(t, again.Replayed)
	require.Equal(t, first.State, again.State, "the state of then, not of now")
	require.Equal(t, first.Version, again.Version)
	require.Equal(t, first.Position, again.Position)

	_, err = f.EraseUser(ctx, request(id, commands.EraseUser{Reason: "asked to"}))
	require.NoError(t, err)
	again, err = f.RegisterUser(ctx, register)
	require.NoError(t, err)
	require.Empty(t, again.State.Email)
}

func TestASubjectErasedByItselfTakesNoNewData(t *testing.T) {
	t.Parallel()
	f, ctx := newFixture(t), t.Context()
	id := f.newUser(t)
	_, err := f.EraseSubject(ctx, request(id, commands.EraseSubject{}))
	require.NoError(t, err)
	_, err = f.RenameUser(ctx, request(id, commands.RenameUser{Name: "Ada"}))
	requireRefused(t, err, domain.KindConflict, "subject.erased")
}

func TestPeopleLookAfterThemselves(t *testing.T) {
	t.Parallel()
	f, ctx := newFixture(t), t.Context()
	self := commands.Caller{Actor: "user:1", Permissions: func(p string) bool { return p == "identity.self" }}
	register := request("", ada())
	register.Caller = self
	r, err := f.RegisterUser(ctx, register)
	require.NoError(t, err)
	rename := request(r.State.UserID, commands.RenameUser{Name: "Ada King"})
	rename.Caller = self
	_, err = f.RenameUser(ctx, rename)
	require.NoError(t, err)
	disable := request(r.State.UserID, commands.DisableUser{Reason: "x"})
	disable.Caller = self
	_, err = f.DisableUser(ctx, disable)
	requireRefused(t, err, domain.KindForbidden, "forbidden")

	manager := commands.Caller{Actor: "user:2", Permissions: func(p string) bool { return p == "users.manage" }}
	password := request(r.State.UserID, commands.SetPassword{PasswordID: "p"})
	password.Caller = manager
	_, err = f.SetPassword(ctx, password)
	refusal := requireRefused(t, err, domain.KindForbidden, "forbidden")
	require.Contains(t, refusal.Message, "identity.self", "whoever manages users does not know their passwords")
}

func TestPeopleLiveInTheSystemTenantsLog(t *testing.T) {
	t.Parallel()
	f, ctx := newFixture(t), t.Context()
	register := request("", ada())
	register.Tenant = uuid.New()
	_, err := f.RegisterUser(ctx, register)
	requireRefused(t, err, domain.KindForbidden, "system_tenant_only")
}

// Whoever manages users has no hold on those of the platform's staff who may do more.
func TestStaffWhoMayDoMoreAreOutOfReach(t *testing.T) {
	t.Parallel()
	f, ctx := newFixture(t), t.Context()
	owner, admin := f.newMember(t, eventstore.SystemTenant, "owner"), f.newMember(t, eventstore.SystemTenant, "admin")
	_, err := f.CreateRole(ctx, request("support", commands.CreateRole{Title: "S", Permissions: []string{"users.manage", "users.read"}}))
	require.NoError(t, err)
	colleague, elsewhere := f.newMember(t, eventstore.SystemTenant, "support"), f.newMember(t, uuid.New(), "owner")
	_, err = f.EnableTOTP(ctx, request(owner, commands.EnableTOTP{TOTPID: "t", SetID: "s"}))
	require.NoError(t, err)
	support := func(p string) bool { return p == "users.manage" || p == "users.read" }
	byAdmin := func(p string) bool { set, _ := permission.OfRoleIn(true, "admin"); return set.Has(p) }
	try := func(who string, by func(string) bool, refused bool) {
		t.Helper()
		caller := commands.Caller{Actor: "user:caller", Permissions: by}
		reset, disable := request(who, commands.ResetMFA{Reason: "x"}), request(who, commands.DisableUser{Reason: "x"})
		enable, erase := request(who, commands.EnableUser{}), request(who, commands.EraseUser{Reason: "x"})
		reset.Caller, disable.Caller, enable.Caller, erase.Caller = caller, caller, caller, caller
		var errs [4]error
		_, errs[0] = f.ResetMFA(ctx, reset)
		_, errs[1] = f.DisableUser(ctx, disable)
		if refused {
			_, err := f.DisableUser(ctx, request(who, commands.DisableUser{Reason: "by an owner"}))
			require.NoError(t, err)
		}
		_, errs[2] = f.EnableUser(ctx, enable)
		if refused {
			_, err := f.EnableUser(ctx, request(who, commands.EnableUser{}))
			require.NoError(t, err)
		}
		_, errs[3] = f.EraseUser(ctx, erase)
		for i, err := range errs {
			if !refused {
				require.NoError(t, err)
			} else if i > 0 || who == owner { // others have nothing to reset
				requireRefused(t, err, domain.KindForbidden, "grant.exceeds_own")
			}
		}
	}
	try(owner, byAdmin, true)
	try(owner, support, true)
	try(admin, support, true)
	try(admin, byAdmin, false)
	try(colleague, support, false)
	try(elsewhere, support, false)
	try(owner, func(string) bool { return true }, false)
}
