package severance_test

import (
	"context"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tansu.cloud/commands"
	"tansu.cloud/domain/identity/provider"
	identity "tansu.cloud/domain/identity/user"
	"tansu.cloud/eventstore"
	"tansu.cloud/platform/postgrestest"
	"tansu.cloud/projections/readmodels/access"
	"tansu.cloud/projections/readmodels/users"
	"tansu.cloud/projections/sagas/sagastest"
	"tansu.cloud/projections/sagas/severance"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

// env is the rig with the read models that the tests ask.
type env struct {
	*sagastest.Rig
	t      *testing.T
	access *access.Directory
}

func newEnv(t *testing.T) *env {
	t.Helper()
	e := &env{Rig: sagastest.New(t, users.New(), access.New(), severance.New(func() {})), t: t}
	e.access = access.NewDirectory(e.Pool)
	severer, err := severance.NewSeverer(severance.Config{
		Log: e.Store, Decoder: e.Codec, Commands: sender{e}, Waiter: e.Runner, Users: users.NewDirectory(e.Pool), Access: e.access,
	})
	require.NoError(t, err)
	e.Work(severer.Kinds())
	return e
}

// sender sends the commands and dies after each effect.
type sender struct{ *env }

func (s sender) EndSession(ctx context.Context, cause, session uuid.UUID) error {
	_, err := s.Commands.EndSession(ctx, sagastest.By(cause, eventstore.SystemTenant, session.String(), commands.EndSession{}))
	return s.DieAfter(session.String(), err)
}

func (s sender) UnmapRoles(ctx context.Context, cause, tenant, user, provider uuid.UUID) error {
	_, err := s.Commands.UnmapMemberRoles(ctx, sagastest.By(cause, tenant, user.String(), commands.UnmapMemberRoles{ProviderID: provider.String()}))
	return s.DieAfter(user.String(), err)
}

func (s sender) ReleaseMailDomain(ctx context.Context, cause uuid.UUID, d access.MailDomain) error {
	_, err := s.Commands.ReleaseMailDomain(ctx, sagastest.By(cause, eventstore.SystemTenant, d.Domain, commands.ReleaseMailDomain{
		TenantID: d.Tenant.String(), ProviderID: d.Provider.String(),
	}))
	return s.DieAfter(d.Domain, err)
}

func (e *env) provider(tenant uuid.UUID, issuer string) uuid.UUID {
	e.t.Helper()
	return uuid.MustParse(sagastest.Send(e.Rig, e.Commands.AddIdentityProvider, tenant, "", commands.AddIdentityProvider{
		Issuer: issuer, SecretID: uuid.NewString(), Profile: provider.Profile{
			Name: "Login", ClientID: "tansu", JustInTime: true,
			Mapping: []provider.GroupRoles{{Group: "engineering", Roles: []string{"developer"}}},
		},
	}).State.ID)
}

func (e *env) mapped(tenant, user, provider uuid.UUID) {
	e.t.Helper()
	sagastest.Send(e.Rig, e.Commands.MapMemberRoles, tenant, user.String(), commands.MapMemberRoles{ProviderID: provider.String(), Groups: []string{"engineering"}})
}

func (e *env) holds(domain string, tenant, provider uuid.UUID) {
	e.t.Helper()
	sagastest.Send(e.Rig, e.Commands.HoldMailDomain, system, domain, commands.HoldMailDomain{TenantID: tenant.String(), ProviderID: provider.String()})
}

func (e *env) linked(user, tenant, idp uuid.UUID, subject string) {
	e.t.Helper()
	sagastest.Send(e.Rig, e.Commands.LinkIdentity, system, user.String(), commands.LinkIdentity{Identity: identity.Identity{
		TenantID: tenant.String(), ProviderID: idp.String(), Issuer: "https://login.example.com", Subject: subject, Index: tenant.String() + subject,
	}})
}

// signIn starts a session that is confined to a tenant, or is not.
func (e *env) signIn(user, tenant, provider uuid.UUID) string {
	e.t.Helper()
	start := commands.StartSession{UserID: user.String(), Method: "password"}
	if tenant != uuid.Nil {
		start.Method, start.ConfinedTo, start.ProviderID = "identity_provider", tenant.String(), provider.String()
	}
	return sagastest.Send(e.Rig, e.Commands.StartSession, system, uuid.NewString(), start).State.SessionID
}

var system = eventstore.SystemTenant
