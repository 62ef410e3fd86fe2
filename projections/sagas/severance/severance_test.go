package severance_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tansu.cloud/commands"
	"tansu.cloud/domain/identity/maildomain"
	"tansu.cloud/domain/identity/member"
	"tansu.cloud/domain/tenant"
	"tansu.cloud/eventstore"
	"tansu.cloud/projections/sagas/sagastest"
	"tansu.cloud/projections/sagas/severance"
)

var (
	held     = "mail_domain.held"
	released = "mail_domain.released"
)

// With a provider goes what its groups gave, and nothing else. Everybody who carries
// it out dies after each effect.
func TestAProviderIsRemoved(t *testing.T) {
	t.Parallel()
	e, acme, beta := newEnv(t), uuid.New(), uuid.New()
	ann, bob, eve, kim := e.User("ann@example.com"), e.User("bob@example.com"), e.User("eve@example.com"), e.User("kim@example.com")
	idp, other, theirs := e.provider(acme, "https://login.example.com"), e.provider(acme, "https://other.example.com"), e.provider(beta, "https://login.example.com")
	e.Member(acme, ann, "owner", "viewer")
	for _, who := range []uuid.UUID{ann, bob, eve} {
		e.mapped(acme, who, idp)
	}
	e.mapped(acme, eve, other) // the same role, at last by another one
	e.mapped(acme, kim, other)
	e.mapped(beta, bob, theirs)
	e.holds("acme.example", acme, idp)
	e.holds("other.example", acme, other)
	e.holds("beta.example", beta, theirs)
	gone := sagastest.Send(e.Rig, e.Commands.RemoveIdentityProvider, acme, idp.String(), commands.RemoveIdentityProvider{})
	require.Equal(t, 1, e.Settled(severance.Name, acme, gone.Position), "it is looked at again")

	require.Equal(t, []string{"member.added", "member.roles_mapped", "member.roles_mapped"}, e.Types(acme, member.StreamType, ann.String()))
	left, err := e.access.Member(t.Context(), acme, ann)
	require.NoError(t, err)
	require.Equal(t, []string{"owner", "viewer"}, left.Roles, "what somebody gave stays")
	require.Equal(t, []string{"member.added", "member.roles_mapped", "member.roles_mapped", "member.removed"}, e.Types(acme, member.StreamType, bob.String()))
	require.Equal(t, []string{"member.added", "member.roles_mapped", "member.roles_mapped"}, e.Types(acme, member.StreamType, eve.String()), "of the other provider")
	require.Equal(t, []string{"member.added", "member.roles_mapped"}, e.Types(acme, member.StreamType, kim.String()))
	require.Equal(t, []string{"member.added", "member.roles_mapped"}, e.Types(beta, member.StreamType, bob.String()))
	require.Equal(t, []string{held, released}, e.Types(system, maildomain.StreamType, "acme.example"))
	require.Equal(t, []string{held}, e.Types(system, maildomain.StreamType, "other.example"))
	require.Equal(t, []string{held}, e.Types(system, maildomain.StreamType, "beta.example"))
	require.Equal(t, 3, e.Crashes())

	// Who was at the door when it was removed, and a domain that was being verified,
	// are found the next time.
	e.append(acme, member.StreamType, bob.String(), 4,
		member.Added{UserID: bob.String(), Roles: []string{"developer"}, At: time.Now()},
		member.RolesMapped{UserID: bob.String(), ProviderID: idp.String(), Mapped: []string{"developer"}, Roles: []string{"developer"}, At: time.Now()})
	e.holds("late.example", acme, idp)
	e.Again()
	require.Zero(t, e.Settled(severance.Name, acme, gone.Position))
	_, err = e.access.Member(t.Context(), acme, bob)
	require.Error(t, err)
	require.Equal(t, []string{held, released}, e.Types(system, maildomain.StreamType, "late.example"))
}

func TestATenantIsArchived(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	acme := sagastest.Send(e.Rig, e.Commands.CreateTenant, system, "", commands.CreateTenant{Slug: "acme", Name: "Acme"})
	id, beta := uuid.MustParse(acme.State.ID), uuid.New()
	first, second := e.provider(id, "https://login.example.com"), e.provider(id, "https://other.example.com")
	e.holds("acme.example", id, first)
	e.holds("acme.test", id, second)
	e.holds("beta.example", beta, uuid.New())
	archived := sagastest.Send(e.Rig, e.Commands.ArchiveTenant, system, id.String(), commands.ArchiveTenant{Reason: "left"})
	require.Equal(t, tenant.StatusArchived, archived.State.Status)
	require.Equal(t, 1, e.Settled(severance.Name, system, archived.Position))
	require.Equal(t, []string{held, released}, e.Types(system, maildomain.StreamType, "acme.example"))
	require.Equal(t, []string{held, released}, e.Types(system, maildomain.StreamType, "acme.test"))
	require.Equal(t, []string{held}, e.Types(system, maildomain.StreamType, "beta.example"))
	e.holds("acme.example", beta, uuid.New()) // it is free
}

func TestAnIdentityIsUnlinked(t *testing.T) {
	t.Parallel()
	e, acme, beta := newEnv(t), uuid.New(), uuid.New()
	ann, bob := e.User("ann@example.com"), e.User("bob@example.com")
	idp, theirs := e.provider(acme, "https://login.example.com"), e.provider(beta, "https://login.example.com")
	e.linked(ann, acme, idp, "ann")
	e.linked(ann, acme, idp, "ann-too")
	own, confined, elsewhere, others := e.signIn(ann, uuid.Nil, uuid.Nil), e.signIn(ann, acme, idp), e.signIn(ann, beta, theirs), e.signIn(bob, acme, idp)
	types := func(session string) []string { return e.Types(system, "session", session) }
	live, over := []string{"session.started"}, []string{"session.started", "session.ended"}

	gone := sagastest.Send(e.Rig, e.Commands.UnlinkIdentity, system, ann.String(), commands.UnlinkIdentity{Index: acme.String() + "ann-too"})
	later := e.signIn(ann, acme, idp)
	require.Equal(t, 1, e.Settled(severance.Name, system, gone.Position))
	require.Equal(t, over, types(confined))
	for name, session := range map[string]string{"by oneself": own, "of another tenant": elsewhere, "of somebody else": others, "by what is linked still": later} {
		require.Equal(t, live, types(session), name)
	}

	// Without any link no session holds, not even one that began meanwhile.
	gone = sagastest.Send(e.Rig, e.Commands.UnlinkIdentity, system, ann.String(), commands.UnlinkIdentity{Index: acme.String() + "ann"})
	require.Equal(t, 2, e.Settled(severance.Name, system, gone.Position))
	require.Equal(t, over, types(later))
	late := e.signIn(ann, acme, idp)
	e.Again()
	require.Zero(t, e.Settled(severance.Name, system, gone.Position))
	require.Equal(t, over, types(late))
	require.Equal(t, live, types(elsewhere))
}

// append writes what a command decided before.
func (e *env) append(log uuid.UUID, streamType, id string, version int64, events ...eventstore.Payload) {
	e.t.Helper()
	write := eventstore.StreamWrite{Stream: eventstore.Stream{Type: streamType, ID: id}, Expected: version}
	for _, event := range events {
		encoded, err := e.Codec.Encode(e.t.Context(), log, event)
		require.NoError(e.t, err)
		write.Events = append(write.Events, encoded)
	}
	_, err := e.Store.Append(e.t.Context(), eventstore.Append{
		TenantID: log, Metadata: eventstore.Metadata{Actor: "test", CommandID: uuid.NewString()}, Writes: []eventstore.StreamWrite{write},
	})
	require.NoError(e.t, err)
}
