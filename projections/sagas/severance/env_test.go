package severance_test

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
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"tansu.cloud/commands"
	"tansu.cloud/domain/identity/provider"
	identity "tansu.cloud/domain/identity/user"
	"tansu.cloud/domain/projection"
	"tansu.cloud/eventstore"
	"tansu.cloud/eventstore/postgres"
	"tansu.cloud/platform/bus"
	"tansu.cloud/platform/bus/jobs"
	"tansu.cloud/platform/postgrestest"
	"tansu.cloud/projections"
	"tansu.cloud/projections/readmodels/access"
	"tansu.cloud/projections/readmodels/users"
	"tansu.cloud/projections/sagas/severance"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

// env is an installation with its log, the read models, the saga and its workers.
type env struct {
	t        *testing.T
	pool     *pgxpool.Pool
	store    *postgres.Store
	codec    *eventstore.Codec
	commands *commands.Commands
	runner   *projections.Runner
	workers  *jobs.Workers
	users    *users.Directory
	access   *access.Directory

	mu      sync.Mutex
	crashes map[string]bool // effects after which somebody has died
}

type service interface {
	Start(context.Context) error
	Stop(context.Context) error
}

func (e *env) run(s service) {
	e.t.Helper()
	require.NoError(e.t, s.Start(context.Background()))
	e.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		require.NoError(e.t, s.Stop(ctx))
	})
}

func newEnv(t *testing.T) *env {
	t.Helper()
	e := &env{t: t, pool: postgrestest.New(t), crashes: map[string]bool{}}
	carrier := bus.NewInProcess(slog.New(slog.DiscardHandler))
	t.Cleanup(func() { require.NoError(t, carrier.Close()) })
	relay, err := projections.NewRelay(projections.RelayConfig{Publisher: carrier})
	require.NoError(t, err)
	e.store = postgres.New(e.pool, postgres.Options{OnCommit: relay.Committed, Lanes: 2})
	e.codec = eventstore.NewCodec(commands.Registry(), postgres.NewSubjectKeys(e.pool, [32]byte{1}))
	e.commands = commands.New(commands.Deps{
		Store: e.store, Snapshots: e.store, Codec: e.codec, Logger: slog.New(slog.DiscardHandler),
		EmailIndex: func(email string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(email))) },
	})
	e.users, e.access = users.NewDirectory(e.pool), access.NewDirectory(e.pool)
	e.run(relay)
	e.run(e.store)
	e.runner, err = projections.NewRunner(projections.Config{
		NodeID: "test", Pool: e.pool, Log: e.store, Decoder: e.codec, Control: control{e.commands}, Bus: carrier, PollInterval: 50 * time.Millisecond,
		Projections: []projections.Projection{users.New(), access.New(), severance.New(func() {})},
	})
	require.NoError(t, err)
	severer, err := severance.NewSeverer(severance.Config{
		Log: e.store, Decoder: e.codec, Commands: sender{e}, Waiter: e.runner, Users: e.users, Access: e.access,
	})
	require.NoError(t, err)
	kinds := severer.Kinds()
	for name, kind := range kinds {
		kind.Delays = make([]time.Duration, 40)
		kinds[name] = kind
	}
	e.workers, err = jobs.New(jobs.Config{Pool: e.pool, NodeID: "test", Kinds: kinds, PollInterval: 10 * time.Millisecond})
	require.NoError(t, err)
	e.run(e.runner)
	<-e.runner.Ready()
	e.run(e.workers)
	return e
}

// sender sends the commands. After the first one on each stream it is as if the
// process had died: the effect is there, and whoever asked for it does not know.
type sender struct{ *env }

var errCrash = errors.New("crashed")

func (s sender) after(effect string, err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil && !s.crashes[effect] {
		s.crashes[effect] = true
		return errCrash
	}
	return err
}

func (s sender) EndSession(ctx context.Context, cause, session uuid.UUID) error {
	_, err := s.commands.EndSession(ctx, by(cause, eventstore.SystemTenant, session.String(), commands.EndSession{}))
	return s.after(session.String(), err)
}

func (s sender) UnmapRoles(ctx context.Context, cause, tenant, user, provider uuid.UUID) error {
	_, err := s.commands.UnmapMemberRoles(ctx, by(cause, tenant, user.String(), commands.UnmapMemberRoles{ProviderID: provider.String()}))
	return s.after(user.String(), err)
}

func (s sender) ReleaseMailDomain(ctx context.Context, cause uuid.UUID, d access.MailDomain) error {
	_, err := s.commands.ReleaseMailDomain(ctx, by(cause, eventstore.SystemTenant, d.Domain, commands.ReleaseMailDomain{
		TenantID: d.Tenant.String(), ProviderID: d.Provider.String(),
	}))
	return s.after(d.Domain, err)
}

func by[C any](cause, tenant uuid.UUID, stream string, c C) commands.Request[C] {
	r := on(tenant, stream, c)
	r.Caller.CausationID = cause.String()
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

func (e *env) provider(tenant uuid.UUID, issuer string) uuid.UUID {
	e.t.Helper()
	return uuid.MustParse(send(e, e.commands.AddIdentityProvider, tenant, "", commands.AddIdentityProvider{
		Issuer: issuer, SecretID: uuid.NewString(), Profile: provider.Profile{
			Name: "Login", ClientID: "tansu", JustInTime: true,
			Mapping: []provider.GroupRoles{{Group: "engineering", Roles: []string{"developer"}}},
		},
	}).State.ID)
}

func (e *env) mapped(tenant, user, provider uuid.UUID) {
	e.t.Helper()
	send(e, e.commands.MapMemberRoles, tenant, user.String(), commands.MapMemberRoles{ProviderID: provider.String(), Groups: []string{"engineering"}})
}

func (e *env) holds(domain string, tenant, provider uuid.UUID) {
	e.t.Helper()
	send(e, e.commands.HoldMailDomain, system, domain, commands.HoldMailDomain{TenantID: tenant.String(), ProviderID: provider.String()})
}

func (e *env) linked(user, tenant, idp uuid.UUID, subject string) {
	e.t.Helper()
	send(e, e.commands.LinkIdentity, system, user.String(), commands.LinkIdentity{Identity: identity.Identity{
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
	return send(e, e.commands.StartSession, system, uuid.NewString(), start).State.SessionID
}

// again has everything looked at for the second time.
func (e *env) again() {
	e.t.Helper()
	_, err := e.pool.Exec(e.t.Context(), "UPDATE jobs SET run_at = now() WHERE key LIKE '%/again'")
	require.NoError(e.t, err)
}

var system = eventstore.SystemTenant

// settled waits until all jobs that are due are done, and returns how many are not
// due yet.
func (e *env) settled(tenant uuid.UUID, upTo int64) (waiting int) {
	e.t.Helper()
	require.NoError(e.t, e.runner.Wait(e.t.Context(), severance.Name, tenant, upTo))
	require.Eventually(e.t, func() bool {
		var due, dead int
		require.NoError(e.t, e.pool.QueryRow(e.t.Context(), `SELECT count(*) FILTER (WHERE state NOT IN ('done', 'dead') AND run_at <= now() + interval '1 minute'),
			count(*) FILTER (WHERE state NOT IN ('done', 'dead') AND run_at > now() + interval '1 minute'), count(*) FILTER (WHERE state = 'dead') FROM jobs`).Scan(&due, &waiting, &dead))
		require.Zero(e.t, dead)
		return due == 0
	}, time.Minute, 10*time.Millisecond)
	return waiting
}

// types counts the events of a stream.
func (e *env) types(log uuid.UUID, streamType, id string) (types []string) {
	e.t.Helper()
	events, err := e.store.ReadStream(e.t.Context(), log, eventstore.Stream{Type: streamType, ID: id}, eventstore.StreamQuery{})
	require.NoError(e.t, err)
	for _, event := range events {
		types = append(types, event.Type)
	}
	return types
}

type control struct {
	*commands.Commands
}

func (c control) StartRebuild(context.Context, string, projection.StartRebuild) error { return nil }

func (c control) CancelRebuild(context.Context, string, projection.CancelRebuild) error { return nil }

func (c control) SwitchProjection(ctx context.Context, name string, cmd projection.Switch) error {
	_, err := c.Commands.SwitchProjection(ctx, on(eventstore.SystemTenant, name, commands.SwitchProjection{Generation: cmd.Generation, Version: cmd.Version}))
	return err
}

func (c control) ParkStream(context.Context, string, projection.ParkStream) error {
	return errors.New("nothing is parked here")
}

func (c control) ResolveStream(context.Context, string, projection.ResolveStream) error { return nil }
