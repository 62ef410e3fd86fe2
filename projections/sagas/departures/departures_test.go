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
)

var system = eventstore.SystemTenant

// Everybody who carries it out dies after each effect, and each happens once.
func TestWhoIsErasedLeaves(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	owned, shared, inviting, late := uuid.New(), uuid.New(), uuid.New(), uuid.New()
	ann, bob := e.user("ann@example.com"), e.user("bob@example.com")
	e.member(owned, ann, "owner", "admin")
	e.member(shared, ann, "owner")
	e.member(shared, bob, "owner")
	e.member(system, ann, "viewer")
	session := e.signIn(ann)
	open, again := e.invite(inviting, "ann@example.com"), e.invite(owned, "Ann@Example.com")
	other, revoked := e.invite(inviting, "bob@example.com"), e.invite(inviting, "ann@example.com")
	send(e, e.commands.RevokeInvite, inviting, revoked, commands.RevokeInvite{})
	erased := send(e, e.commands.EraseUser, system, ann.String(), commands.EraseUser{Reason: "asked"})
	require.Equal(t, 1, e.settled(erased.Position), "it is looked at again")

	for _, tenant := range []uuid.UUID{owned, shared, system} {
		require.Equal(t, []string{"member.added", "member.removed"}, e.types(tenant, member.StreamType, ann.String()))
	}
	require.Equal(t, []string{"ownership.granted", "ownership.released"}, e.types(owned, "ownership", "ownership"))
	require.Equal(t, []string{"ownership.granted", "ownership.granted", "ownership.released"}, e.types(shared, "ownership", "ownership"))
	require.Equal(t, []string{"member.added"}, e.types(shared, member.StreamType, bob.String()))
	require.Equal(t, []string{"invite.created", "invite.revoked"}, e.types(inviting, "invite", open))
	require.Equal(t, []string{"invite.created", "invite.revoked"}, e.types(owned, "invite", again))
	require.Equal(t, []string{"invite.created", "invite.revoked"}, e.types(inviting, "invite", revoked))
	require.Equal(t, []string{"invite.created"}, e.types(inviting, "invite", other))
	require.Equal(t, []string{"session.started", "session.ended"}, e.types(system, "session", session))
	require.GreaterOrEqual(t, len(e.crashes), 6)

	// What was decided before the erasure and committed after it is found the next
	// time. Whoever invites the address anew means it.
	added, err := e.Codec.Encode(t.Context(), late, member.Added{UserID: ann.String(), Roles: []string{"viewer"}, At: erased.State.UpdatedAt})
	require.NoError(t, err)
	_, err = e.Store.Append(t.Context(), eventstore.Append{TenantID: late, Metadata: eventstore.Metadata{Actor: "test", CommandID: uuid.NewString()}, Writes: []eventstore.StreamWrite{{
		Stream: eventstore.Stream{Type: member.StreamType, ID: ann.String()}, Events: []eventstore.NewEvent{added},
	}}})
	require.NoError(t, err)
	anew := e.invite(inviting, "ann@example.com")
	_, err = e.Pool.Exec(t.Context(), "UPDATE jobs SET run_at = now() WHERE key LIKE '%/again'")
	require.NoError(t, err)
	require.Zero(t, e.settled(erased.Position))
	require.Equal(t, []string{"member.added", "member.removed"}, e.types(late, member.StreamType, ann.String()))
	require.Equal(t, []string{"invite.created"}, e.types(inviting, "invite", anew))
}

func TestWhoIsSignedOut(t *testing.T) {
	t.Parallel()
	e, tenant := newEnv(t), uuid.New()
	ann, bob := e.user("ann@example.com"), e.user("bob@example.com")
	e.member(tenant, ann, "owner")
	before, others := e.signIn(ann), e.signIn(bob)
	disabled := send(e, e.commands.DisableUser, system, ann.String(), commands.DisableUser{Reason: "odd"})
	require.Zero(t, e.settled(disabled.Position))
	require.Equal(t, []string{"session.started", "session.ended"}, e.types(system, "session", before))
	require.Equal(t, []string{"session.started"}, e.types(system, "session", others))
	require.Equal(t, []string{"member.added"}, e.types(tenant, member.StreamType, ann.String()), "who is disabled may come back")

	send(e, e.commands.EnableUser, system, ann.String(), commands.EnableUser{})
	anew := e.signIn(ann)
	reset := send(e, e.commands.SetPassword, system, ann.String(), commands.SetPassword{PasswordID: uuid.NewString()})
	later := e.signIn(ann)
	require.Zero(t, e.settled(reset.Position))
	require.Equal(t, []string{"session.started", "session.ended"}, e.types(system, "session", anew))
	require.Equal(t, []string{"session.started"}, e.types(system, "session", later))
}

// Who has signed in very often since then is signed out of what was before.
func TestSessionsSinceThenHideNone(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	ann := e.user("ann@example.com")
	before := e.signIn(ann)
	require.NoError(t, e.runner.WaitForAll(t.Context(), access.Name, time.Now()))
	_, err := e.Pool.Exec(t.Context(), `INSERT INTO sessions (tenant_id, id, user_id, method, confined_to, provider_id, address, user_agent, started_at, live, ended_at, ended_reason)
		SELECT tenant_id, gen_random_uuid(), $1, 'password', $2, $2, '', '', now() + interval '1 hour', true, '0001-01-01', '' FROM heads, generate_series(1, $3) WHERE tenant_id = $2`,
		ann, system, users.MaxSessions)
	require.NoError(t, err)
	reset := send(e, e.commands.SetPassword, system, ann.String(), commands.SetPassword{PasswordID: uuid.NewString()})
	require.Zero(t, e.settled(reset.Position))
	require.Equal(t, []string{"session.started", "session.ended"}, e.types(system, "session", before))
}
