package commands_test

import (
	"context"
	"reflect"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"tansu.cloud/commands"
	"tansu.cloud/domain"
	"tansu.cloud/domain/projection"
	"tansu.cloud/domain/tenant"
	"tansu.cloud/eventstore"
)

// TestLifeCycles runs every use case of tenants and projections once, where it
// succeeds, and once more in the wrong hands.
func TestLifeCycles(t *testing.T) {
	t.Parallel()
	for id, steps := range map[string][]step{uuid.NewString(): tenantSteps, "tenant_directory": projectionSteps} {
		f := newFixture(t)
		var want []string
		for i, s := range steps {
			version, err := s.run(t.Context(), f, id)
			require.NoError(t, err, s.name)
			require.EqualValues(t, i+1, version, s.name)
			want = append(want, s.event)
			require.Equal(t, want, f.types(t))
		}
	}
}

func TestCreateTenant(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	r, err := f.CreateTenant(t.Context(), request("", commands.CreateTenant{
		Slug: "acme", Name: "Acme", Settings: map[string]any{"seats": 3},
	}))
	require.NoError(t, err)
	require.NoError(t, uuid.Validate(r.State.ID))
	require.Equal(t, commands.Result[tenant.State]{
		State: tenant.State{
			ID: r.State.ID, Slug: "acme", Name: "Acme", Status: tenant.StatusActive,
			Settings: map[string]any{"seats": 3.0}, CreatedAt: f.clock.Now(), UpdatedAt: f.clock.Now(),
		},
		Version: 1, Position: 1,
	}, r)

	stream := eventstore.Stream{Type: "tenant", ID: r.State.ID}
	require.Equal(t, stream, f.events(t)[0].Stream)
	holder, taken, err := f.memory.ClaimHolder(t.Context(), eventstore.SystemTenant, tenant.SlugScope, "acme")
	require.NoError(t, err)
	require.True(t, taken)
	require.Equal(t, stream, holder)
}

func TestCreateTenantUnderAGivenID(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	id := uuid.NewString()
	r, err := f.CreateTenant(t.Context(), request(id, commands.CreateTenant{Slug: "acme", Name: "Acme"}))
	require.NoError(t, err)
	require.Equal(t, id, r.State.ID)

	_, err = f.CreateTenant(t.Context(), request(id, commands.CreateTenant{Slug: "beta", Name: "Beta"}))
	requireRefused(t, err, domain.KindConflict, "tenant.already_exists")
}

func TestSlugsAreUnique(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	id := f.newTenant(t, "acme")
	_, err := f.ArchiveTenant(t.Context(), request(id, commands.ArchiveTenant{Reason: "closed"}))
	require.NoError(t, err)

	_, err = f.CreateTenant(t.Context(), request("", commands.CreateTenant{Slug: "acme", Name: "Other"}))
	refusal := requireRefused(t, err, domain.KindConflict, "tenant.slug_taken")
	require.Equal(t, "/slug", refusal.Fields[0].Field)
	require.Len(t, f.events(t), 2)
}

func TestCommandsOnNothing(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for _, id := range []string{uuid.NewString(), "", "a\x00b", "\xff", strings.Repeat("x", 256), "../../x"} {
		_, err := f.RenameTenant(t.Context(), request(id, commands.RenameTenant{Name: "B"}))
		requireRefused(t, err, domain.KindNotFound, "tenant.not_found")
		_, err = f.PauseProjection(t.Context(), request(id, commands.PauseProjection{}))
		requireRefused(t, err, domain.KindNotFound, "projection.not_found")
	}
	require.Empty(t, f.events(t))
}

func TestCommandWithoutChangeAppendsNothing(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	id := f.newTenant(t, "acme")
	f.newTenant(t, "beta")
	r, err := f.RenameTenant(t.Context(), request(id, commands.RenameTenant{Name: " Acme "}))
	require.NoError(t, err)
	require.EqualValues(t, 1, r.Version)
	require.EqualValues(t, 2, r.Position, "what was found unchanged is in the log up to its head")
	require.Equal(t, "Acme", r.State.Name)
	require.Len(t, f.events(t), 2)
}

func TestReportsOfTheRunnerMayRepeat(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.newProjection(t, "tenant_directory")
	for range 2 {
		f.newProjection(t, "tenant_directory")
		r, err := f.ParkStream(t.Context(), request("tenant_directory", parkX))
		require.NoError(t, err)
		require.Equal(t, projection.StatusParked, r.State.DeadLetters["x"].Status)
	}
	for range 2 {
		_, err := f.ResolveStream(t.Context(), request("tenant_directory", commands.ResolveStream{DeadLetterID: "x"}))
		require.NoError(t, err)
	}
	require.Equal(t, []string{"projection.switched", "projection.stream_parked", "projection.stream_resolved"}, f.types(t))
}

func TestEraseSubject(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	owner := uuid.New()
	_, err := f.memory.SubjectKey(t.Context(), owner, "user-1", true)
	require.NoError(t, err)

	erase := request("user-1", commands.EraseSubject{Reason: "asked to"})
	erase.Tenant = owner
	for range 2 {
		r, err := f.EraseSubject(t.Context(), erase)
		require.NoError(t, err)
		require.True(t, r.State.Erased)
		require.EqualValues(t, 1, r.Version)
	}
	_, err = f.memory.SubjectKey(t.Context(), owner, "user-1", true)
	require.ErrorIs(t, err, eventstore.ErrSubjectErased)
	head, err := f.memory.Head(t.Context(), owner)
	require.NoError(t, err)
	require.EqualValues(t, 1, head.Position)
}

func TestTenantsLiveInTheSystemTenantsLog(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	r := request("", commands.CreateTenant{Slug: "acme", Name: "Acme"})
	r.Tenant = uuid.New()
	_, err := f.CreateTenant(t.Context(), r)
	requireRefused(t, err, domain.KindForbidden, "system_tenant_only")
	require.Zero(t, f.store.appends.Load())
}

func TestAuthorization(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	id := f.newTenant(t, "acme")

	var asked []string
	only := func(granted string) commands.Caller {
		return commands.Caller{Actor: "user:1", Permissions: func(p string) bool {
			asked = append(asked, p)
			return p == granted
		}}
	}
	rename := keyed(request(id, commands.RenameTenant{Name: "B"}), "key", "body")
	for _, caller := range []commands.Caller{{Actor: "user:1"}, only(commands.PermissionCreateTenants)} {
		rename.Caller = caller
		_, err := f.RenameTenant(t.Context(), rename)
		refusal := requireRefused(t, err, domain.KindForbidden, "forbidden")
		require.Contains(t, refusal.Message, "tenants.write")
	}
	require.Len(t, f.events(t), 1)

	rename.Caller = only(commands.PermissionWriteTenants)
	_, err := f.RenameTenant(t.Context(), rename)
	require.NoError(t, err)

	rename.Caller = only("")
	_, err = f.RenameTenant(t.Context(), rename)
	requireRefused(t, err, domain.KindForbidden, "forbidden")
	require.Equal(t, []string{"tenants.write", "tenants.write", "tenants.write"}, asked)
}

func TestEveryCommandNeedsAPermission(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	refuse := commands.Caller{Actor: "user:1", Permissions: func(string) bool { return false }}
	answers := map[string]error{
		"CreateTenant":                 refused(f.CreateTenant, refuse),
		"RenameTenant":                 refused(f.RenameTenant, refuse),
		"ChangeTenantSettings":         refused(f.ChangeTenantSettings, refuse),
		"SuspendTenant":                refused(f.SuspendTenant, refuse),
		"ReactivateTenant":             refused(f.ReactivateTenant, refuse),
		"ArchiveTenant":                refused(f.ArchiveTenant, refuse),
		"ChangeTenantQuotas":           refused(f.ChangeTenantQuotas, refuse),
		"ResumeProvisioning":           refused(f.ResumeProvisioning, refuse),
		"CompleteProvisioningStep":     refused(f.CompleteProvisioningStep, refuse),
		"FailProvisioning":             refused(f.FailProvisioning, refuse),
		"OpenSpace":                    refused(f.OpenSpace, refuse),
		"StartRebuild":                 refused(f.StartRebuild, refuse),
		"CancelRebuild":                refused(f.CancelRebuild, refuse),
		"PauseProjection":              refused(f.PauseProjection, refuse),
		"ResumeProjection":             refused(f.ResumeProjection, refuse),
		"RedriveDeadLetter":            refused(f.RedriveDeadLetter, refuse),
		"DiscardDeadLetter":            refused(f.DiscardDeadLetter, refuse),
		"SwitchProjection":             refused(f.SwitchProjection, refuse),
		"ParkStream":                   refused(f.ParkStream, refuse),
		"ResolveStream":                refused(f.ResolveStream, refuse),
		"EraseSubject":                 refused(f.EraseSubject, refuse),
		"RedriveJob":                   refused(f.RedriveJob, refuse),
		"DiscardJob":                   refused(f.DiscardJob, refuse),
		"RegisterWebhook":              refused(f.RegisterWebhook, refuse),
		"ChangeWebhook":                refused(f.ChangeWebhook, refuse),
		"EnableWebhook":                refused(f.EnableWebhook, refuse),
		"DisableWebhook":               refused(f.DisableWebhook, refuse),
		"RotateWebhookSecret":          refused(f.RotateWebhookSecret, refuse),
		"DeleteWebhook":                refused(f.DeleteWebhook, refuse),
		"RedriveWebhook":               refused(f.RedriveWebhook, refuse),
		"ReplayWebhook":                refused(f.ReplayWebhook, refuse),
		"RegisterUser":                 refused(f.RegisterUser, refuse),
		"VerifyEmail":                  refused(f.VerifyEmail, refuse),
		"RenameUser":                   refused(f.RenameUser, refuse),
		"SetPassword":                  refused(f.SetPassword, refuse),
		"EnableTOTP":                   refused(f.EnableTOTP, refuse),
		"DisableTOTP":                  refused(f.DisableTOTP, refuse),
		"MakeRecoveryCodes":            refused(f.MakeRecoveryCodes, refuse),
		"AddPasskey":                   refused(f.AddPasskey, refuse),
		"RenamePasskey":                refused(f.RenamePasskey, refuse),
		"RemovePasskey":                refused(f.RemovePasskey, refuse),
		"ResetMFA":                     refused(f.ResetMFA, refuse),
		"DisableUser":                  refused(f.DisableUser, refuse),
		"EnableUser":                   refused(f.EnableUser, refuse),
		"EraseUser":                    refused(f.EraseUser, refuse),
		"StartSession":                 refused(f.StartSession, refuse),
		"EndSession":                   refused(f.EndSession, refuse),
		"AddMember":                    refused(f.AddMember, refuse),
		"ChangeMemberRoles":            refused(f.ChangeMemberRoles, refuse),
		"ChangeOrigins":                refused(f.ChangeOrigins, refuse),
		"RemoveMember":                 refused(f.RemoveMember, refuse),
		"RemoveErasedMember":           refused(f.RemoveErasedMember, refuse),
		"CreateRole":                   refused(f.CreateRole, refuse),
		"ChangeRole":                   refused(f.ChangeRole, refuse),
		"DeleteRole":                   refused(f.DeleteRole, refuse),
		"CreateInvite":                 refused(f.CreateInvite, refuse),
		"ResendInvite":                 refused(f.ResendInvite, refuse),
		"RevokeInvite":                 refused(f.RevokeInvite, refuse),
		"AcceptInvite":                 refused(f.AcceptInvite, refuse),
		"CreateAPIKey":                 refused(f.CreateAPIKey, refuse),
		"RenameAPIKey":                 refused(f.RenameAPIKey, refuse),
		"RevokeAPIKey":                 refused(f.RevokeAPIKey, refuse),
		"CreateServiceAccount":         refused(f.CreateServiceAccount, refuse),
		"ChangeServiceAccount":         refused(f.ChangeServiceAccount, refuse),
		"RotateServiceAccountSecret":   refused(f.RotateServiceAccountSecret, refuse),
		"DisableServiceAccount":        refused(f.DisableServiceAccount, refuse),
		"EnableServiceAccount":         refused(f.EnableServiceAccount, refuse),
		"DeleteServiceAccount":         refused(f.DeleteServiceAccount, refuse),
		"LinkIdentity":                 refused(f.LinkIdentity, refuse),
		"UnlinkIdentity":               refused(f.UnlinkIdentity, refuse),
		"MapMemberRoles":               refused(f.MapMemberRoles, refuse),
		"UnmapMemberRoles":             refused(f.UnmapMemberRoles, refuse),
		"AddIdentityProvider":          refused(f.AddIdentityProvider, refuse),
		"ChangeIdentityProvider":       refused(f.ChangeIdentityProvider, refuse),
		"ChangeIdentityProviderSecret": refused(f.ChangeIdentityProviderSecret, refuse),
		"EnableIdentityProvider":       refused(f.EnableIdentityProvider, refuse),
		"DisableIdentityProvider":      refused(f.DisableIdentityProvider, refuse),
		"RemoveIdentityProvider":       refused(f.RemoveIdentityProvider, refuse),
		"AddProviderDomain":            refused(f.AddProviderDomain, refuse),
		"VerifyProviderDomain":         refused(f.VerifyProviderDomain, refuse),
		"RemoveProviderDomain":         refused(f.RemoveProviderDomain, refuse),
		"HoldMailDomain":               refused(f.HoldMailDomain, refuse),
		"ReleaseMailDomain":            refused(f.ReleaseMailDomain, refuse),
		"RegisterClient":               refused(f.RegisterClient, refuse),
		"ChangeClient":                 refused(f.ChangeClient, refuse),
		"RotateClientSecret":           refused(f.RotateClientSecret, refuse),
		"DisableClient":                refused(f.DisableClient, refuse),
		"EnableClient":                 refused(f.EnableClient, refuse),
		"DeleteClient":                 refused(f.DeleteClient, refuse),
	}
	require.Len(t, answers, reflect.TypeFor[commands.Commands]().NumField())
	for name, err := range answers {
		require.Error(t, err, name)
		requireRefused(t, err, domain.KindForbidden, "forbidden")
	}
}

func refused[C, S any](h commands.Handler[C, S], caller commands.Caller) error {
	var zero C
	r := request("id", zero)
	r.Caller = caller
	_, err := h(context.Background(), r)
	return err
}

func TestSagasAreNotRebuilt(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	deps := f.deps()
	deps.Sagas = []string{"mailer"}
	all := commands.New(deps)
	for _, name := range []string{"mailer", "counters"} {
		f.newProjection(t, name)
	}
	_, err := all.StartRebuild(t.Context(), request("mailer", commands.StartRebuild{}))
	requireRefused(t, err, domain.KindConflict, "projection.saga")
	_, err = all.StartRebuild(t.Context(), request("counters", commands.StartRebuild{}))
	require.NoError(t, err)
}
