package departures_test

import (
	"context"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tansu.cloud/commands"
	"tansu.cloud/eventstore"
	"tansu.cloud/platform/postgrestest"
	"tansu.cloud/projections/readmodels/access"
	"tansu.cloud/projections/readmodels/users"
	"tansu.cloud/projections/sagas/departures"
	"tansu.cloud/projections/sagas/sagastest"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

type env struct {
	*sagastest.Rig
	t *testing.T
}

func newEnv(t *testing.T) *env {
	t.Helper()
	e := &env{sagastest.New(t, users.New(), access.New(), departures.New(func() {})), t}
	usher, err := departures.NewUsher(departures.Config{
		Log: e.Store, Decoder: e.Codec, Commands: sender{e}, Waiter: e.Runner, Users: users.NewDirectory(e.Pool), Access: access.NewDirectory(e.Pool),
	})
	require.NoError(t, err)
	e.Work(usher.Kinds())
	return e
}

// sender sends the commands and dies after each effect.
type sender struct{ *env }

func (s sender) EndSession(ctx context.Context, cause, session uuid.UUID) (int64, error) {
	done, err := s.Commands.EndSession(ctx, by(cause, eventstore.SystemTenant, session, commands.EndSession{}))
	return done.Position, s.DieAfter(session.String(), err)
}

func (s sender) RemoveMember(ctx context.Context, cause, tenant, user uuid.UUID) (int64, error) {
	done, err := s.Commands.RemoveErasedMember(ctx, by(cause, tenant, user, commands.RemoveErasedMember{}))
	return done.Position, s.DieAfter(tenant.String(), err)
}

func (s sender) RevokeInvite(ctx context.Context, cause, tenant, invite uuid.UUID) (int64, error) {
	done, err := s.Commands.RevokeInvite(ctx, by(cause, tenant, invite, commands.RevokeInvite{}))
	return done.Position, s.DieAfter(invite.String(), err)
}

func by[C any](cause, tenant, stream uuid.UUID, c C) commands.Request[C] {
	r := sagastest.By(cause, tenant, stream.String(), c)
	r.IdempotencyKey = cause.String() + "/" + stream.String()
	return r
}

func (e *env) invite(tenant uuid.UUID, email string) string {
	e.t.Helper()
	return sagastest.Send(e.Rig, e.Commands.CreateInvite, tenant, "", commands.CreateInvite{Email: email, Roles: []string{"viewer"}, TokenID: uuid.NewString()}).State.ID
}

func (e *env) signIn(user uuid.UUID) string {
	e.t.Helper()
	return sagastest.Send(e.Rig, e.Commands.StartSession, eventstore.SystemTenant, uuid.NewString(), commands.StartSession{UserID: user.String(), Method: "password"}).State.SessionID
}
