package departures_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tansu.cloud/commands"
	"tansu.cloud/eventstore"
	"tansu.cloud/platform/bus/jobs"
	"tansu.cloud/platform/postgrestest"
	"tansu.cloud/projections"
	"tansu.cloud/projections/projectionstest"
	"tansu.cloud/projections/readmodels/access"
	"tansu.cloud/projections/readmodels/users"
	"tansu.cloud/projections/sagas/departures"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

// env is an installation with its log, the read models, the saga and its workers.
type env struct {
	*projectionstest.Installation
	t        *testing.T
	commands *commands.Commands
	runner   *projections.Runner
	workers  *jobs.Workers
	users    *users.Directory
	access   *access.Directory

	mu      sync.Mutex
	crashes map[string]bool // effects after which somebody has died
}

func newEnv(t *testing.T) *env {
	t.Helper()
	e := &env{Installation: projectionstest.NewInstallation(t, commands.Registry()), t: t, crashes: map[string]bool{}}
	e.commands = commands.New(commands.Deps{
		Store: e.Store, Snapshots: e.Store, Codec: e.Codec, Logger: slog.New(slog.DiscardHandler),
		EmailIndex: func(email string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(email))) },
	})
	e.users, e.access = users.NewDirectory(e.Pool), access.NewDirectory(e.Pool)
	e.runner, _ = e.Follow(users.New(), access.New(), departures.New(func() {}))
	usher, err := departures.NewUsher(departures.Config{
		Log: e.Store, Decoder: e.Codec, Commands: sender{e}, Waiter: e.runner, Users: e.users, Access: e.access,
	})
	require.NoError(t, err)
	kinds := usher.Kinds()
	for name, kind := range kinds {
		kind.Delays = make([]time.Duration, 40)
		kinds[name] = kind
	}
	e.workers, err = jobs.New(jobs.Config{Pool: e.Pool, NodeID: "test", Kinds: kinds, PollInterval: 10 * time.Millisecond})
	require.NoError(t, err)
	e.Run(e.workers)
	return e
}

// sender sends the commands. After the first one on each stream it is as if the
// process had died: the effect is there, and whoever asked for it does not know.
type sender struct{ *env }

var errCrash = errors.New("crashed")

func (s sender) after(stream uuid.UUID, position int64, err error) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil && !s.crashes[stream.String()] {
		s.crashes[stream.String()] = true
		return 0, errCrash
	}
	return position, err
}

func (s sender) EndSession(ctx context.Context, cause, session uuid.UUID) (int64, error) {
	done, err := s.commands.EndSession(ctx, by(cause, eventstore.SystemTenant, session, commands.EndSession{}))
	return s.after(session, done.Position, err)
}

func (s sender) RemoveMember(ctx context.Context, cause, tenant, user uuid.UUID) (int64, error) {
	done, err := s.commands.RemoveErasedMember(ctx, by(cause, tenant, user, commands.RemoveErasedMember{}))
	return s.after(tenant, done.Position, err)
}

func (s sender) RevokeInvite(ctx context.Context, cause, tenant, invite uuid.UUID) (int64, error) {
	done, err := s.commands.RevokeInvite(ctx, by(cause, tenant, invite, commands.RevokeInvite{}))
	return s.after(invite, done.Position, err)
}

func by[C any](cause, tenant, stream uuid.UUID, c C) commands.Request[C] {
	r := on(tenant, stream.String(), c)
	r.IdempotencyKey, r.Caller.CausationID = cause.String()+"/"+stream.String(), cause.String()
	return r
}

func on[C any](log uuid.UUID, stream string, c C) commands.Request[C] {
	return commands.Request[C]{
		Tenant: log, Stream: stream, Command: c, Expected: eventstore.AnyVersion,
		Caller: commands.Caller{Actor: "test", Permissions: func(string) bool { return true }},
	}
}

func send[C, S any](e *env, handler commands.Handler[C, S], log uuid.UUID, stream string, c C) commands.Result[S] {
	e.t.Helper()
	done, err := handler(e.t.Context(), on(log, stream, c))
	require.NoError(e.t, err)
	return done
}

func (e *env) user(email string) uuid.UUID {
	e.t.Helper()
	id := uuid.New()
	send(e, e.commands.RegisterUser, eventstore.SystemTenant, id.String(), commands.RegisterUser{Email: email, Name: "N"})
	return id
}

func (e *env) member(tenant, user uuid.UUID, roles ...string) {
	e.t.Helper()
	send(e, e.commands.AddMember, tenant, user.String(), commands.AddMember{Roles: roles})
}

func (e *env) invite(tenant uuid.UUID, email string) string {
	e.t.Helper()
	return send(e, e.commands.CreateInvite, tenant, "", commands.CreateInvite{Email: email, Roles: []string{"viewer"}, TokenID: uuid.NewString()}).State.ID
}

func (e *env) signIn(user uuid.UUID) string {
	e.t.Helper()
	return send(e, e.commands.StartSession, eventstore.SystemTenant, uuid.NewString(), commands.StartSession{UserID: user.String(), Method: "password"}).State.SessionID
}

// settled waits until all jobs that are due are done, and returns how many are not
// due yet.
func (e *env) settled(upTo int64) (waiting int) {
	e.t.Helper()
	require.NoError(e.t, e.runner.Wait(e.t.Context(), departures.Name, eventstore.SystemTenant, upTo))
	require.Eventually(e.t, func() bool {
		var due, dead int
		require.NoError(e.t, e.Pool.QueryRow(e.t.Context(), `SELECT count(*) FILTER (WHERE state NOT IN ('done', 'dead') AND run_at <= now() + interval '1 minute'),
			count(*) FILTER (WHERE state NOT IN ('done', 'dead') AND run_at > now() + interval '1 minute'), count(*) FILTER (WHERE state = 'dead') FROM jobs`).Scan(&due, &waiting, &dead))
		require.Zero(e.t, dead)
		return due == 0
	}, time.Minute, 10*time.Millisecond)
	return waiting
}

// types counts the events of a stream.
func (e *env) types(log uuid.UUID, streamType, id string) (types []string) {
	e.t.Helper()
	events, err := e.Store.ReadStream(e.t.Context(), log, eventstore.Stream{Type: streamType, ID: id}, eventstore.StreamQuery{})
	require.NoError(e.t, err)
	for _, event := range events {
		types = append(types, event.Type)
	}
	return types
}
