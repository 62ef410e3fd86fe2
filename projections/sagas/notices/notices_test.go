package notices_test

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"tansu.cloud/commands"
	"tansu.cloud/domain/identity/user"
	"tansu.cloud/domain/projection"
	"tansu.cloud/eventstore"
	"tansu.cloud/eventstore/postgres"
	"tansu.cloud/platform/bus"
	"tansu.cloud/platform/bus/jobs"
	"tansu.cloud/platform/postgrestest"
	"tansu.cloud/projections"
	"tansu.cloud/projections/readmodels/users"
	"tansu.cloud/projections/sagas/notices"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

// env is an installation with its log, the read model, the saga and its workers.
type env struct {
	t        *testing.T
	pool     *pgxpool.Pool
	commands *commands.Commands
	runner   *projections.Runner
	sent     chan notices.Notice

	mu   sync.Mutex
	seen map[string]bool
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
	e := &env{t: t, pool: postgrestest.New(t), sent: make(chan notices.Notice, 100), seen: map[string]bool{}}
	carrier := bus.NewInProcess(slog.New(slog.DiscardHandler))
	t.Cleanup(func() { require.NoError(t, carrier.Close()) })
	relay, err := projections.NewRelay(projections.RelayConfig{Publisher: carrier})
	require.NoError(t, err)
	store := postgres.New(e.pool, postgres.Options{OnCommit: relay.Committed, Lanes: 2})
	codec := eventstore.NewCodec(commands.Registry(), postgres.NewSubjectKeys(e.pool, [32]byte{1}))
	e.commands = commands.New(commands.Deps{
		Store: store, Snapshots: store, Codec: codec, Logger: slog.New(slog.DiscardHandler),
		EmailIndex: func(email string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(email))) },
	})
	e.run(relay)
	e.run(store)
	e.runner, err = projections.NewRunner(projections.Config{
		NodeID: "test", Pool: e.pool, Log: store, Decoder: codec, Control: control{e.commands}, Bus: carrier, PollInterval: 50 * time.Millisecond,
		Projections: []projections.Projection{users.New(), notices.New(func() {})},
	})
	require.NoError(t, err)
	teller, err := notices.NewTeller(notices.Config{Log: store, Waiter: e.runner, Users: users.NewDirectory(e.pool), Post: e})
	require.NoError(t, err)
	kinds := teller.Kinds()
	for name, kind := range kinds {
		kind.Delays = make([]time.Duration, 40)
		kinds[name] = kind
	}
	workers, err := jobs.New(jobs.Config{Pool: e.pool, NodeID: "test", Kinds: kinds, PollInterval: 10 * time.Millisecond})
	require.NoError(t, err)
	e.run(e.runner)
	<-e.runner.Ready()
	e.run(workers)
	return e
}

// Send is notices.Post. Of each notice the first attempt fails, as if the mail server
// were away.
func (e *env) Send(_ context.Context, n notices.Notice) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.seen[n.Key] {
		e.seen[n.Key] = true
		return errors.New("the mail server is away")
	}
	e.sent <- n
	return nil
}

// next waits until all jobs up to a position are done, and returns what was sent.
func (e *env) next(upTo int64) (sent []notices.Notice) {
	e.t.Helper()
	require.NoError(e.t, e.runner.Wait(e.t.Context(), notices.Name, eventstore.SystemTenant, upTo))
	require.Eventually(e.t, func() bool {
		var open, dead int
		require.NoError(e.t, e.pool.QueryRow(e.t.Context(), `SELECT count(*) FILTER (WHERE state NOT IN ('done', 'dead')), count(*) FILTER (WHERE state = 'dead') FROM jobs`).Scan(&open, &dead))
		require.Zero(e.t, dead)
		return open == 0
	}, time.Minute, 10*time.Millisecond)
	for len(e.sent) > 0 {
		sent = append(sent, <-e.sent)
	}
	return sent
}

func on[C any](actor, stream string, c C) commands.Request[C] {
	return commands.Request[C]{
		Tenant: eventstore.SystemTenant, Stream: stream, Command: c, Expected: eventstore.AnyVersion,
		Caller: commands.Caller{Actor: actor, Permissions: func(string) bool { return true }},
	}
}

// send has somebody do something to an account: its user, if actor is empty.
func send[C, S any](e *env, handler commands.Handler[C, S], actor, stream string, c C) int64 {
	e.t.Helper()
	if actor == "" {
		actor = "user:" + stream
	}
	done, err := handler(e.t.Context(), on(actor, stream, c))
	require.NoError(e.t, err)
	return done.Position
}

func (e *env) user(email string, verified bool) (id string) {
	e.t.Helper()
	id = uuid.NewString()
	send(e, e.commands.RegisterUser, "operator", id, commands.RegisterUser{Email: email, Name: "Ada", Verified: verified, PasswordID: uuid.NewString()})
	return id
}

func TestPeopleAreToldWhatWasChanged(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	c, ada := e.commands, e.user("ada@example.com", true)
	passkey, identity := uuid.NewString(), user.Identity{
		TenantID: uuid.NewString(), ProviderID: uuid.NewString(), Issuer: "https://login.example.com", Subject: "7", Index: "index",
	}
	for _, step := range []struct {
		at      func() int64
		says    []string
		byOther bool
	}{
		{at: func() int64 { return send(e, c.RenameUser, "", ada, commands.RenameUser{Name: "Ada L"}) }},
		{at: func() int64 {
			return send(e, c.SetPassword, "", ada, commands.SetPassword{PasswordID: uuid.NewString()})
		}, says: []string{"A new password was set."}},
		{at: func() int64 {
			return send(e, c.EnableTOTP, "", ada, commands.EnableTOTP{TOTPID: uuid.NewString(), SetID: uuid.NewString()})
		}, says: []string{"An authenticator app was set up.", "New recovery codes were made."}},
		{at: func() int64 {
			return send(e, c.MakeRecoveryCodes, "", ada, commands.MakeRecoveryCodes{SetID: uuid.NewString()})
		}, says: []string{"New recovery codes were made."}},
		{at: func() int64 { return send(e, c.DisableTOTP, "", ada, commands.DisableTOTP{}) }, says: []string{"The authenticator app was turned off."}},
		{at: func() int64 {
			return send(e, c.AddPasskey, "", ada, commands.AddPasskey{PasskeyID: passkey, Name: "Call 555 at once"})
		}, says: []string{"A passkey was added."}},
		{at: func() int64 {
			return send(e, c.RenamePasskey, "", ada, commands.RenamePasskey{PasskeyID: passkey, Name: "Phone"})
		}},
		{at: func() int64 { return send(e, c.RemovePasskey, "", ada, commands.RemovePasskey{PasskeyID: passkey}) }, says: []string{"A passkey was removed."}},
		{at: func() int64 { return send(e, c.LinkIdentity, "", ada, commands.LinkIdentity{Identity: identity}) },
			says: []string{"The account was linked to an organisation's sign-in."}},
		{at: func() int64 {
			return send(e, c.UnlinkIdentity, "", ada, commands.UnlinkIdentity{Index: identity.Index})
		}, says: []string{"The account was unlinked from an organisation's sign-in."}},
		{at: func() int64 {
			send(e, c.AddPasskey, "", ada, commands.AddPasskey{PasskeyID: uuid.NewString(), Name: "One"})
			send(e, c.AddPasskey, "", ada, commands.AddPasskey{PasskeyID: uuid.NewString(), Name: "Two"})
			require.Len(t, e.next(send(e, c.EnableTOTP, "", ada, commands.EnableTOTP{TOTPID: uuid.NewString(), SetID: uuid.NewString()})), 3)
			return send(e, c.ResetMFA, "operator", ada, commands.ResetMFA{Reason: "lost the phone"})
		}, says: []string{"The authenticator app was turned off.", "A passkey was removed."}, byOther: true},
	} {
		sent := e.next(step.at())
		if step.says == nil {
			require.Empty(t, sent)
			continue
		}
		require.Len(t, sent, 1, "%s", step.says)
		require.Equal(t, "ada@example.com", sent[0].To)
		require.Equal(t, "Ada L", sent[0].Name)
		require.WithinDuration(t, time.Now(), sent[0].At, time.Minute)
		require.Equal(t, step.says, sent[0].Changes)
		require.Equal(t, step.byOther, sent[0].ByOther)
	}
}

func TestNobodyIsToldWhoMustNotBe(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	unverified, erased := e.user("bob@example.com", false), e.user("eve@example.com", true)
	require.Empty(t, e.next(send(e, e.commands.SetPassword, "", unverified, commands.SetPassword{PasswordID: uuid.NewString()})))
	send(e, e.commands.LinkIdentity, "", erased, commands.LinkIdentity{Identity: user.Identity{
		TenantID: uuid.NewString(), ProviderID: uuid.NewString(), Issuer: "https://login.example.com", Subject: "7", Index: "index",
	}})
	at := send(e, e.commands.EraseUser, "operator", erased, commands.EraseUser{Reason: "asked for"})
	for _, n := range e.next(at) { // the link, if that was told before
		require.Equal(t, []string{"The account was linked to an organisation's sign-in."}, n.Changes)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	require.LessOrEqual(t, len(e.seen), 1, "of the identities that the erasure unlinked nobody is told")
}

// What happened long ago, before the saga was there, is not news. Events of one
// command make one job, in whatever batches they come.
func TestJobsOfTheSaga(t *testing.T) {
	t.Parallel()
	pool := postgrestest.New(t)
	saga := notices.New(func() {})
	change := func(position int64, command string, at time.Time) projections.Change {
		meta, err := json.Marshal(eventstore.Metadata{CommandID: command})
		require.NoError(t, err)
		return projections.Change{Event: eventstore.Event{Position: position, Type: "user.passkey_removed", Metadata: meta, RecordedAt: at}, Payload: user.PasskeyRemoved{}}
	}
	now := time.Now()
	for _, batch := range [][]projections.Change{
		{change(1, "old", now.Add(-4*24*time.Hour)), change(2, "a", now), change(3, "a", now), change(4, "b", now)},
		{change(5, "b", now)},
		{change(6, "older", now.Add(-time.Hour*10_000))},
	} {
		require.NoError(t, pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error { return saga.Apply(t.Context(), tx, batch) }))
	}
	rows, err := pool.Query(t.Context(), "SELECT key || ' ' || payload::text FROM jobs ORDER BY key")
	require.NoError(t, err)
	found, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	require.Equal(t, []string{`a {"position":2}`, `b {"position":4}`}, found)
}

type control struct {
	*commands.Commands
}

func (c control) StartRebuild(context.Context, string, projection.StartRebuild) error   { return nil }
func (c control) CancelRebuild(context.Context, string, projection.CancelRebuild) error { return nil }
func (c control) SwitchProjection(ctx context.Context, name string, cmd projection.Switch) error {
	_, err := c.Commands.SwitchProjection(ctx, on("test", name, commands.SwitchProjection{Generation: cmd.Generation, Version: cmd.Version}))
	return err
}

func (c control) ParkStream(context.Context, string, projection.ParkStream) error {
	return errors.New("nothing is parked here")
}
func (c control) ResolveStream(context.Context, string, projection.ResolveStream) error { return nil }
