package departures_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tansu.cloud/commands"
	"tansu.cloud/domain/identity/member"
	"tansu.cloud/eventstore"
	"tansu.cloud/projections/readmodels/access"
	"tansu.cloud/projections/readmodels/users"
	"tansu.cloud/projections/sagas/departures"
	"tansu.cloud/projections/sagas/sagastest"
)

var system = eventstore.SystemTenant

// Everybody who carries it out dies after each effect, and each happens once.
func TestWhoIsErasedLeaves(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	owned, shared, inviting, late := uuid.New(), uuid.New(), uuid.New(), uuid.New()
	ann, bob := e.User("ann@example.com"), e.User("bob@example.com")
	e.Member(owned, ann, "owner", "admin")
	e.Member(shared, ann, "owner")
	e.Member(shared, bob, "owner")
	e.Member(system, ann, "viewer")
	session := e.signIn(ann)
	open, again := e.invite(inviting, "ann@example.com"), e.invite(owned, "Ann@Example.com")
	other, revoked := e.invite(inviting, "bob@example.com"), e.invite(inviting, "ann@example.com")
	sagastest.Send(e.Rig, e.Commands.RevokeInvite, inviting, revoked, commands.RevokeInvite{})
	erased := sagastest.Send(e.Rig, e.Commands.EraseUser, system, ann.String(), commands.EraseUser{Reason: "asked"})
	require.Equal(t, 1, e.Settled(departures.Name, system, erased.Position), "it is looked at again")

	for _, tenant := range []uuid.UUID{owned, shared, system} {
		require.Equal(t, []string{"member.added", "member.removed"}, e.Types(tenant, member.StreamType, ann.String()))
	}
	require.Equal(t, []string{"ownership.granted", "ownership.released"}, e.Types(owned, "ownership", "ownership"))
	require.Equal(t, []string{"ownership.granted", "ownership.granted", "ownership.released"}, e.Types(shared, "ownership", "ownership"))
	require.Equal(t, []string{"member.added"}, e.Types(shared, member.StreamType, bob.String()))
	require.Equal(t, []string{"invite.created", "invite.revoked"}, e.Types(inviting, "invite", open))
	require.Equal(t, []string{"invite.created", "invite.revoked"}, e.Types(owned, "invite", again))
	require.Equal(t, []string{"invite.created", "invite.revoked"}, e.Types(inviting, "invite", revoked))
	require.Equal(t, []string{"invite.created"}, e.Types(inviting, "invite", other))
	require.Equal(t, []string{"session.started", "session.ended"}, e.Types(system, "session", session))
	require.GreaterOrEqual(t, e.Crashes(), 6)

	// What was decided before the erasure and committed after it is found the next
	// time. Whoever invites the address anew means it.
	added, err := e.Codec.Encode(t.Context(), late, member.Added{UserID: ann.String(), Roles: []string{"viewer"}, At: erased.State.UpdatedAt})
	require.NoError(t, err)
	_, err = e.Store.Append(t.Context(), eventstore.Append{TenantID: late, Metadata: eventstore.Metadata{Actor: "test", CommandID: uuid.NewString()}, Writes: []eventstore.StreamWrite{{
		Stream: eventstore.Stream{Type: member.StreamType, ID: ann.String()}, Events: []eventstore.NewEvent{added},
	}}})
	require.NoError(t, err)
	anew := e.invite(inviting, "ann@example.com")
	e.Again()
	require.Zero(t, e.Settled(departures.Name, system, erased.Position))
	require.Equal(t, []string{"member.added", "member.removed"}, e.Types(late, member.StreamType, ann.String()))
	require.Equal(t, []string{"invite.created"}, e.Types(inviting, "invite", anew))
}

func TestWhoIsSignedOut(t *testing.T) {
	t.Parallel()
	e, tenant := newEnv(t), uuid.New()
	ann, bob := e.User("ann@example.com"), e.User("bob@example.com")
	e.Member(tenant, ann, "owner")
	before, others := e.signIn(ann), e.signIn(bob)
	disabled := sagastest.Send(e.Rig, e.Commands.DisableUser, system, ann.String(), commands.DisableUser{Reason: "odd"})
	require.Zero(t, e.Settled(departures.Name, system, disabled.Position))
	require.Equal(t, []string{"session.started", "session.ended"}, e.Types(system, "session", before))
	require.Equal(t, []string{"session.started"}, e.Types(system, "session", others))
	require.Equal(t, []string{"member.added"}, e.Types(tenant, member.StreamType, ann.String()), "who is disabled may come back")

	sagastest.Send(e.Rig, e.Commands.EnableUser, system, ann.String(), commands.EnableUser{})
	anew := e.signIn(ann)
	reset := sagastest.Send(e.Rig, e.Commands.SetPassword, system, ann.String(), commands.SetPassword{PasswordID: uuid.NewString()})
	later := e.signIn(ann)
	require.Zero(t, e.Settled(departures.Name, system, reset.Position))
	require.Equal(t, []string{"session.started", "session.ended"}, e.Types(system, "session", anew))
	require.Equal(t, []string{"session.started"}, e.Types(system, "session", later))
}

// Who has signed in very often since then is signed out of what was before.
func TestSessionsSinceThenHideNone(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	ann := e.User("ann@example.com")
	before := e.signIn(ann)
	require.NoError(t, e.Runner.WaitForAll(t.Context(), access.Name, time.Now()))
	_, err := e.Pool.Exec(t.Context(), `INSERT INTO sessions (tenant_id, id, user_id, method, confined_to, provider_id, address, user_agent, started_at, live, ended_at, ended_reason)
		SELECT tenant_id, gen_random_uuid(), $1, 'password', $2, $2, '', '', now() + interval '1 hour', true, '0001-01-01', '' FROM heads, generate_series(1, $3) WHERE tenant_id = $2`,
		ann, system, users.MaxSessions)
	require.NoError(t, err)
	reset := sagastest.Send(e.Rig, e.Commands.SetPassword, system, ann.String(), commands.SetPassword{PasswordID: uuid.NewString()})
	require.Zero(t, e.Settled(departures.Name, system, reset.Position))
	require.Equal(t, []string{"session.started", "session.ended"}, e.Types(system, "session", before))
}
