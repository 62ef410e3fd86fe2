package notices_test

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"tansu.cloud/commands"
	"tansu.cloud/domain/identity/user"
	"tansu.cloud/eventstore"
	"tansu.cloud/platform/postgrestest"
	"tansu.cloud/projections"
	"tansu.cloud/projections/readmodels/users"
	"tansu.cloud/projections/sagas/notices"
	"tansu.cloud/projections/sagas/sagastest"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

// env is the rig with a mailbox.
type env struct {
	*sagastest.Rig
	t    *testing.T
	sent chan notices.Notice

	mu   sync.Mutex
	seen map[string]bool
}

func newEnv(t *testing.T) *env {
	t.Helper()
	e := &env{Rig: sagastest.New(t, users.New(), notices.New(func() {})), t: t, sent: make(chan notices.Notice, 100), seen: map[string]bool{}}
	teller, err := notices.NewTeller(notices.Config{Log: e.Store, Waiter: e.Runner, Users: users.NewDirectory(e.Pool), Post: e})
	require.NoError(t, err)
	e.Work(teller.Kinds())
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
	require.Zero(e.t, e.Settled(notices.Name, eventstore.SystemTenant, upTo))
	for len(e.sent) > 0 {
		sent = append(sent, <-e.sent)
	}
	return sent
}

// send has somebody do something to an account: its user, if actor is empty.
func send[C, S any](e *env, handler commands.Handler[C, S], actor, stream string, c C) int64 {
	e.t.Helper()
	if actor == "" {
		actor = "user:" + stream
	}
	order := sagastest.On(eventstore.SystemTenant, stream, c)
	order.Caller.Actor = actor
	done, err := handler(e.t.Context(), order)
	require.NoError(e.t, err)
	return done.Position
}

func (e *env) user(email string, verified bool) (id string) {
	e.t.Helper()
	id = uuid.NewString()
	send(e, e.Commands.RegisterUser, "operator", id, commands.RegisterUser{Email: email, Name: "Ada", Verified: verified, PasswordID: uuid.NewString()})
	return id
}

func TestPeopleAreToldWhatWasChanged(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	c, ada := e.Commands, e.user("ada@example.com", true)
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
	require.Empty(t, e.next(send(e, e.Commands.SetPassword, "", unverified, commands.SetPassword{PasswordID: uuid.NewString()})))
	send(e, e.Commands.LinkIdentity, "", erased, commands.LinkIdentity{Identity: user.Identity{
		TenantID: uuid.NewString(), ProviderID: uuid.NewString(), Issuer: "https://login.example.com", Subject: "7", Index: "index",
	}})
	at := send(e, e.Commands.EraseUser, "operator", erased, commands.EraseUser{Reason: "asked for"})
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
