package commands_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tansu.cloud/commands"
	"tansu.cloud/domain"
	"tansu.cloud/domain/identity/invite"
	"tansu.cloud/eventstore"
)

// newInvite invites somebody and returns the invite's id.
func (f *fixture) newInvite(t *testing.T, tenant uuid.UUID, email string, roles ...string) string {
	t.Helper()
	r, err := f.CreateInvite(t.Context(), in(tenant, "", commands.CreateInvite{Email: email, Roles: roles, TokenID: "k1"}))
	require.NoError(t, err)
	return r.State.ID
}

func (f *fixture) newAda(t *testing.T) string {
	t.Helper()
	r, err := f.RegisterUser(t.Context(), request("", ada()))
	require.NoError(t, err)
	return r.State.UserID
}

func TestAcceptingAnInvite(t *testing.T) {
	t.Parallel()
	f, tenant, ctx := newFixture(t), uuid.New(), t.Context()
	id, user := f.newInvite(t, tenant, "ADA@example.com", "owner", "viewer"), f.newAda(t)
	appends := f.store.appends.Load()
	accept := keyed(in(tenant, id, commands.AcceptInvite{UserID: user}), "key", "body")
	accept.Caller = commands.Caller{Actor: "user:" + user, Permissions: func(p string) bool { return p == "identity.self" }}
	r, err := f.AcceptInvite(ctx, accept)
	require.NoError(t, err)
	require.Equal(t, invite.StatusAccepted, r.State.Status)
	require.Equal(t, user, r.State.AcceptedBy)
	require.EqualValues(t, 1, f.store.appends.Load()-appends, "all in one append")
	require.Equal(t, []string{"invite.created", "invite.accepted", "member.added", "ownership.granted"}, f.typesIn(t, tenant))
	past, err := f.history.StateAt(ctx, tenant, eventstore.Stream{Type: "member", ID: user}, commands.Moment{})
	require.NoError(t, err)
	require.Contains(t, string(past.State), `"roles":["owner","viewer"],"invite_id":"`+id+`"`)

	again, err := f.AcceptInvite(ctx, accept)
	require.NoError(t, err)
	require.True(t, again.Replayed)
	require.Empty(t, again.State.Email, "it was destroyed")
	r.State.Email = ""
	require.Equal(t, r.State, again.State)
	_, err = f.AcceptInvite(ctx, in(tenant, id, commands.AcceptInvite{UserID: user}))
	require.NoError(t, err, "it is theirs already")
	require.Len(t, f.typesIn(t, tenant), 4)
}

func TestInvitesThatCannotBeAccepted(t *testing.T) {
	t.Parallel()
	f, tenant, ctx := newFixture(t), uuid.New(), t.Context()
	user := f.newAda(t)
	accept := func(id, user string) error {
		_, err := f.AcceptInvite(ctx, in(tenant, id, commands.AcceptInvite{UserID: user}))
		return err
	}
	mine := f.newInvite(t, tenant, "ada@example.com", "viewer")
	requireRefused(t, accept(mine, f.newUser(t)), domain.KindForbidden, "invite.other_address")
	requireRefused(t, accept(mine, uuid.NewString()), domain.KindConflict, "user.not_active")
	requireRefused(t, accept(uuid.NewString(), user), domain.KindNotFound, "invite.not_found")

	_, err := f.RevokeInvite(ctx, in(tenant, mine, commands.RevokeInvite{Reason: "wrong"}))
	require.NoError(t, err)
	requireRefused(t, accept(mine, user), domain.KindConflict, "invite.revoked")

	late := f.newInvite(t, tenant, "ada@example.com", "viewer")
	f.clock.advance(7 * 24 * time.Hour)
	requireRefused(t, accept(late, user), domain.KindConflict, "invite.expired")
	_, err = f.ResendInvite(ctx, in(tenant, late, commands.ResendInvite{TokenID: "k2"}))
	require.NoError(t, err)
	require.NoError(t, accept(late, user))

	second := f.newInvite(t, tenant, "ada@example.com", "admin")
	requireRefused(t, accept(second, user), domain.KindConflict, "member.already_member")
	_, err = f.RemoveMember(ctx, in(tenant, user, commands.RemoveMember{}))
	require.NoError(t, err)
	require.NoError(t, accept(second, user), "the invite was not used up by the refusal")
}

func TestInvitesGiveNoMoreThanTheirSenderHas(t *testing.T) {
	t.Parallel()
	f, tenant, ctx := newFixture(t), uuid.New(), t.Context()
	send := func(roles ...string) commands.CreateInvite {
		return commands.CreateInvite{Email: "ada@example.com", Roles: roles, TokenID: "k1"}
	}
	_, err := f.CreateInvite(ctx, as(in(tenant, "", send("owner")), "admin"))
	requireRefused(t, err, domain.KindForbidden, "grant.owners_only")
	_, err = f.CreateInvite(ctx, as(in(tenant, "", send("nobody")), "admin"))
	requireRefused(t, err, domain.KindInvalid, "role.unknown")
	_, err = f.CreateInvite(ctx, as(in(tenant, "", send("admin")), "admin"))
	require.NoError(t, err)
	ofOwner, err := f.CreateInvite(ctx, as(in(tenant, "", send("owner")), "owner"))
	require.NoError(t, err)
	resend := as(in(tenant, ofOwner.State.ID, commands.ResendInvite{TokenID: "k2"}), "admin")
	_, err = f.ResendInvite(ctx, resend)
	requireRefused(t, err, domain.KindForbidden, "grant.exceeds_own")
	_, err = f.CreateInvite(ctx, in(tenant, "", commands.CreateInvite{Email: "ada", Roles: []string{"viewer"}, TokenID: "k1"}))
	refusal := requireRefused(t, err, domain.KindInvalid, "invite.command_invalid")
	require.Equal(t, "/email", refusal.Fields[0].Field)
}
