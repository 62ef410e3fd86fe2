package commands_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tansu.cloud/commands"
	"tansu.cloud/domain"
	"tansu.cloud/domain/identity/apikey"
	"tansu.cloud/domain/identity/client"
	"tansu.cloud/domain/identity/serviceaccount"
)

func TestLifeOfAnAPIKey(t *testing.T) {
	t.Parallel()
	f, tenant, ctx := newFixture(t), uuid.New(), t.Context()
	id := uuid.NewString()
	create := as(in(tenant, id, commands.CreateAPIKey{Name: "Import", Permissions: []string{"events.read"}, ExpiresAt: f.clock.Now().Add(time.Hour), Hint: "x7Qp"}), "admin")
	r, err := f.CreateAPIKey(ctx, create)
	require.NoError(t, err)
	require.Equal(t, apikey.State{
		ID: id, Slot: 1, Name: "Import", Permissions: []string{"events.read"}, ExpiresAt: f.clock.Now().Add(time.Hour), CreatedBy: "user:caller",
		Hint: "x7Qp", Status: apikey.StatusActive, CreatedAt: f.clock.Now(), UpdatedAt: f.clock.Now(),
	}, r.State)
	create.Stream = ""
	_, err = f.CreateAPIKey(ctx, create)
	requireRefused(t, err, domain.KindInvalid, "api_key.command_invalid")
	create.Stream, create.Command.Permissions = uuid.NewString(), []string{"tenants.create"}
	_, err = f.CreateAPIKey(ctx, create)
	requireRefused(t, err, domain.KindInvalid, "api_key.command_invalid")
	create.Command.Permissions = []string{"jobs.manage"}
	create.Caller.Permissions = func(p string) bool { return p == "api_keys.manage" }
	_, err = f.CreateAPIKey(ctx, create)
	requireRefused(t, err, domain.KindForbidden, "grant.exceeds_own")

	_, err = f.RenameAPIKey(ctx, in(tenant, id, commands.RenameAPIKey{Name: "Night import"}))
	require.NoError(t, err)
	_, err = f.RevokeAPIKey(ctx, in(tenant, id, commands.RevokeAPIKey{Reason: "leaked"}))
	require.NoError(t, err)
	require.Equal(t, []string{"api_key.created", "api_key.renamed", "api_key.revoked"}, f.typesIn(t, tenant))
	_, taken, err := f.memory.ClaimHolder(ctx, tenant, apikey.SlotScope, "1")
	require.NoError(t, err)
	require.False(t, taken)
}

func TestLifeOfAServiceAccount(t *testing.T) {
	t.Parallel()
	f, tenant, ctx := newFixture(t), uuid.New(), t.Context()
	r, err := f.CreateServiceAccount(ctx, as(in(tenant, "", commands.CreateServiceAccount{Name: "ERP", Roles: []string{"developer"}, SecretID: "s1"}), "admin"))
	require.NoError(t, err)
	id := r.State.ID
	require.NoError(t, uuid.Validate(id))
	_, err = f.ChangeServiceAccount(ctx, as(in(tenant, id, commands.ChangeServiceAccount{Name: "ERP", Roles: []string{"admin"}}), "admin"))
	require.NoError(t, err)

	// Whoever sees the secret is the account.
	lesser := in(tenant, id, commands.RotateServiceAccountSecret{SecretID: "s2", Overlap: time.Hour})
	lesser.Caller = commands.Caller{Actor: "user:2", Permissions: func(p string) bool { return p == "service_accounts.manage" }}
	_, err = f.RotateServiceAccountSecret(ctx, lesser)
	requireRefused(t, err, domain.KindForbidden, "grant.exceeds_own")
	rotated, err := f.RotateServiceAccountSecret(ctx, as(lesser, "admin"))
	require.NoError(t, err)
	require.Equal(t, "s1", rotated.State.PreviousSecretID)
	require.Equal(t, f.clock.Now().Add(time.Hour), rotated.State.PreviousUntil)

	create := in(tenant, "", commands.CreateServiceAccount{Name: "ERP", Roles: []string{"developer"}, SecretID: "s1"})
	create.Caller = lesser.Caller
	_, err = f.CreateServiceAccount(ctx, create)
	requireRefused(t, err, domain.KindForbidden, "grant.exceeds_own")
	change := in(tenant, id, commands.ChangeServiceAccount{Name: "N", Roles: []string{"admin", "viewer"}})
	change.Caller = lesser.Caller
	_, err = f.ChangeServiceAccount(ctx, change)
	requireRefused(t, err, domain.KindForbidden, "grant.exceeds_own")

	_, err = f.DisableServiceAccount(ctx, in(tenant, id, commands.DisableServiceAccount{Reason: "odd"}))
	require.NoError(t, err)
	_, err = f.EnableServiceAccount(ctx, in(tenant, id, commands.EnableServiceAccount{}))
	require.NoError(t, err)
	deleted, err := f.DeleteServiceAccount(ctx, in(tenant, id, commands.DeleteServiceAccount{}))
	require.NoError(t, err)
	require.Equal(t, serviceaccount.StatusDeleted, deleted.State.Status)
	require.Equal(t, []string{
		"service_account.created", "service_account.changed", "service_account.secret_rotated",
		"service_account.disabled", "service_account.enabled", "service_account.deleted",
	}, f.typesIn(t, tenant))
	_, taken, err := f.memory.ClaimHolder(ctx, tenant, serviceaccount.SlotScope, "1")
	require.NoError(t, err)
	require.False(t, taken)
}

func TestASecretOfAnAccountWithALostRole(t *testing.T) {
	t.Parallel()
	f, tenant, ctx := newFixture(t), uuid.New(), t.Context()
	_, err := f.CreateRole(ctx, in(tenant, "auditor", auditor("audit.read")))
	require.NoError(t, err)
	r, err := f.CreateServiceAccount(ctx, in(tenant, "", commands.CreateServiceAccount{Name: "A", Roles: []string{"auditor"}, SecretID: "s1"}))
	require.NoError(t, err)
	_, err = f.DeleteRole(ctx, in(tenant, "auditor", commands.DeleteRole{}))
	require.NoError(t, err)
	rotate := in(tenant, r.State.ID, commands.RotateServiceAccountSecret{SecretID: "s2"})
	rotate.Caller.Permissions = func(p string) bool { return p == "service_accounts.manage" }
	_, err = f.RotateServiceAccountSecret(ctx, rotate)
	require.NoError(t, err, "a role that is gone permits nothing")
}

func TestLifeOfAClient(t *testing.T) {
	t.Parallel()
	f, ctx := newFixture(t), t.Context()
	profile := client.Profile{Name: "Shop", RedirectURIs: []string{"https://shop.example.com/cb"}, Grants: []string{"authorization_code"}, Scopes: []string{"openid"}}
	register := commands.RegisterClient{Type: client.Confidential, TokenEndpointAuth: client.AuthSecret, Profile: profile, SecretID: "s1"}
	r, err := f.RegisterClient(ctx, as(request("", register), "admin"))
	require.NoError(t, err)
	id := r.State.ID
	require.NoError(t, uuid.Validate(id))
	profile.FirstParty = true
	changed, err := f.ChangeClient(ctx, request(id, commands.ChangeClient{Profile: profile}))
	require.NoError(t, err)
	require.True(t, changed.State.FirstParty)
	_, err = f.RotateClientSecret(ctx, request(id, commands.RotateClientSecret{SecretID: "s2", Overlap: time.Hour}))
	require.NoError(t, err)
	_, err = f.DisableClient(ctx, request(id, commands.DisableClient{Reason: "abuse"}))
	require.NoError(t, err)
	_, err = f.EnableClient(ctx, request(id, commands.EnableClient{}))
	require.NoError(t, err)
	_, err = f.DeleteClient(ctx, request(id, commands.DeleteClient{}))
	require.NoError(t, err)
	require.Equal(t, []string{
		"client.registered", "client.changed", "client.secret_rotated", "client.disabled", "client.enabled", "client.deleted",
	}, f.types(t))
	_, err = f.RegisterClient(ctx, in(uuid.New(), "", register))
	requireRefused(t, err, domain.KindForbidden, "system_tenant_only")
}

// A first-party client acts for whoever visits it, unasked. Whoever could make one,
// or say where it sends people, could act as an owner.
func TestOnlyOwnersMakeFirstPartyClients(t *testing.T) {
	t.Parallel()
	f, ctx := newFixture(t), t.Context()
	profile := client.Profile{Name: "Shop", RedirectURIs: []string{"https://shop.example.com/cb"}, Grants: []string{"authorization_code"}, Scopes: []string{"api"}}
	plain := commands.RegisterClient{Type: client.Public, TokenEndpointAuth: client.AuthNone, Profile: profile}
	first := plain
	first.Profile.FirstParty = true
	_, err := f.RegisterClient(ctx, as(request("", first), "admin"))
	requireRefused(t, err, domain.KindForbidden, "grant.owners_only")
	third, err := f.RegisterClient(ctx, as(request("", plain), "admin"))
	require.NoError(t, err)
	_, err = f.ChangeClient(ctx, as(request(third.State.ID, commands.ChangeClient{Profile: first.Profile}), "admin"))
	requireRefused(t, err, domain.KindForbidden, "grant.owners_only")

	ours, err := f.RegisterClient(ctx, as(request("", first), "owner"))
	require.NoError(t, err)
	for _, change := range []func(*client.Profile){
		func(p *client.Profile) { p.RedirectURIs = []string{"https://evil.example/cb"} },
		func(p *client.Profile) { p.FirstParty = false },
	} {
		changed := first.Profile
		change(&changed)
		_, err = f.ChangeClient(ctx, as(request(ours.State.ID, commands.ChangeClient{Profile: changed}), "admin"))
		requireRefused(t, err, domain.KindForbidden, "grant.owners_only")
	}
	_, err = f.DisableClient(ctx, as(request(ours.State.ID, commands.DisableClient{Reason: "abuse"}), "admin"))
	require.NoError(t, err, "whoever manages clients can stop it")
}
