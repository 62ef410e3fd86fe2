package credentials_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/pquerna/otp/totp"
	"github.com/stretchr/testify/require"

	"tansu.cloud/commands"
	"tansu.cloud/domain/identity/provider"
	"tansu.cloud/eventstore"
	"tansu.cloud/eventstore/memory"
	credentialstore "tansu.cloud/platform/credentials"
	"tansu.cloud/platform/grants"
	"tansu.cloud/platform/postgrestest"
	"tansu.cloud/projections"
	"tansu.cloud/projections/sagas/credentials"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

// env has secrets in Postgres and events in a log of its own, which the saga
// applies when a test says so: until then it is as if everybody had died.
type env struct {
	t        *testing.T
	pool     *pgxpool.Pool
	store    *memory.Store
	codec    *eventstore.Codec
	commands *commands.Commands
	secrets  *credentialstore.Store
	grants   *grants.Store
	ahead    time.Duration
	applied  map[uuid.UUID]int64
}

func newEnv(t *testing.T) *env {
	t.Helper()
	e := &env{t: t, pool: postgrestest.New(t), applied: map[uuid.UUID]int64{}}
	e.store = memory.New(memory.Options{Now: e.now})
	e.codec = eventstore.NewCodec(commands.Registry(), e.store)
	e.commands = commands.New(commands.Deps{Store: e.store, Snapshots: e.store, Codec: e.codec, Now: e.now, EmailIndex: func(email string) string {
		sum := sha256.Sum256([]byte(email))
		return hex.EncodeToString(sum[:])
	}})
	var err error
	e.secrets, err = credentialstore.New(e.pool, credentialstore.Config{Key: bytes.Repeat([]byte{3}, 32), Now: e.now})
	require.NoError(t, err)
	e.grants = grants.New(e.pool, grants.Config{Key: [32]byte{4}, Now: e.now})
	return e
}

// now never stands still, so that what comes later has a later time.
func (e *env) now() time.Time {
	e.ahead += time.Millisecond
	return time.Now().Add(e.ahead)
}

// apply has the saga read a log up to a position, from where it was, in batches of
// so many events.
func (e *env) apply(tenant uuid.UUID, upTo int64, batch int) {
	e.t.Helper()
	saga := credentials.New()
	handled := map[string]bool{}
	for _, name := range saga.Types {
		handled[name] = true
	}
	for e.applied[tenant] < upTo {
		page, err := e.store.ReadLog(e.t.Context(), tenant, eventstore.LogQuery{After: e.applied[tenant], Limit: min(batch, int(upTo-e.applied[tenant]))})
		require.NoError(e.t, err)
		var changes []projections.Change
		for _, event := range page.Events {
			e.applied[tenant] = event.Position
			if !handled[event.Type] {
				continue
			}
			payload, err := e.codec.Decode(e.t.Context(), event)
			require.NoError(e.t, err)
			changes = append(changes, projections.Change{Event: event, Payload: payload})
		}
		if len(changes) > 0 {
			require.NoError(e.t, pgx.BeginFunc(e.t.Context(), e.pool, func(tx pgx.Tx) error {
				// As in a node, where it sees the tables of its own generation.
				if _, err := tx.Exec(e.t.Context(), "SET LOCAL search_path = credential_upkeep_g1"); err != nil {
					return err
				}
				return saga.Apply(e.t.Context(), tx, changes)
			}))
		}
	}
}

// catchUp applies the whole log.
func (e *env) catchUp(tenant uuid.UUID) {
	e.t.Helper()
	head, err := e.store.Head(e.t.Context(), tenant)
	require.NoError(e.t, err)
	e.apply(tenant, head.Position, 1_000)
}

func send[C, S any](e *env, handler commands.Handler[C, S], tenant, stream uuid.UUID, command C) commands.Result[S] {
	e.t.Helper()
	result, err := handler(e.t.Context(), commands.Request[C]{
		Tenant: tenant, Stream: stream.String(), Command: command, Expected: eventstore.AnyVersion,
		Caller: commands.Caller{Actor: "test", Permissions: func(string) bool { return true }},
	})
	require.NoError(e.t, err)
	return result
}

// user registers somebody with a password.
func (e *env) user(email string) (id, password uuid.UUID) {
	e.t.Helper()
	id, password = uuid.New(), uuid.New()
	require.NoError(e.t, e.secrets.SetPassword(e.t.Context(), id, password, "violet-tractor-91"))
	send(e, e.commands.RegisterUser, eventstore.SystemTenant, id, commands.RegisterUser{Email: email, Name: "N", PasswordID: password.String()})
	return id, password
}

func (e *env) newPassword(user uuid.UUID) (id uuid.UUID, position int64) {
	e.t.Helper()
	id = uuid.New()
	require.NoError(e.t, e.secrets.SetPassword(e.t.Context(), user, id, "battery-staple-17"))
	return id, send(e, e.commands.SetPassword, eventstore.SystemTenant, user, commands.SetPassword{PasswordID: id.String()}).Position
}

// app stores the secret of an authenticator app and recovery codes.
func (e *env) app(user uuid.UUID) (id, set uuid.UUID) {
	e.t.Helper()
	id, set = uuid.New(), uuid.New()
	secret := credentialstore.NewTOTPSecret()
	code, err := totp.GenerateCode(secret, e.now())
	require.NoError(e.t, err)
	stored, err := e.secrets.StoreTOTP(e.t.Context(), user, id, secret, code)
	require.NoError(e.t, err)
	require.True(e.t, stored)
	require.NoError(e.t, e.secrets.StoreRecoveryCodes(e.t.Context(), user, set, credentialstore.NewRecoveryCodes()))
	return id, set
}

// signIn opens a session in a browser and grants a client something there.
func (e *env) signIn(user uuid.UUID, client string) (session, grant uuid.UUID, cookie string) {
	e.t.Helper()
	session = uuid.New()
	send(e, e.commands.StartSession, eventstore.SystemTenant, session, commands.StartSession{UserID: user.String(), Method: "password"})
	cookie, err := e.secrets.OpenSession(e.t.Context(), session, user, time.Hour, time.Hour)
	require.NoError(e.t, err)
	_, err = e.grants.IssueCode(e.t.Context(), grants.Approval{ClientID: client, User: user, Session: session, AuthTime: e.now()})
	require.NoError(e.t, err)
	require.NoError(e.t, e.pool.QueryRow(e.t.Context(), "SELECT id FROM oauth_grants WHERE session_id = $1", session).Scan(&grant))
	return session, grant, cookie
}

func (e *env) live(cookie string) bool {
	e.t.Helper()
	_, err := e.secrets.SessionByToken(e.t.Context(), cookie)
	if err != nil {
		require.ErrorIs(e.t, err, credentialstore.ErrSessionUnknown)
	}
	return err == nil
}

// provider adds an identity provider with a secret.
func (e *env) provider(tenant uuid.UUID) uuid.UUID {
	e.t.Helper()
	id, secret := uuid.New(), uuid.New()
	require.NoError(e.t, e.secrets.StoreProviderSecret(e.t.Context(), tenant, id, secret, "s3cr3t"))
	send(e, e.commands.AddIdentityProvider, tenant, id, commands.AddIdentityProvider{Issuer: "https://login.example.com", SecretID: secret.String(),
		Profile: provider.Profile{Name: "Login", ClientID: "tansu", Scopes: []string{"openid"}, GroupsClaim: "groups", DefaultRoles: []string{"viewer"}}})
	return id
}

// granted reports whether a grant holds; of one that does not, no access token
// does.
func (e *env) granted(grant uuid.UUID) bool {
	e.t.Helper()
	var holds bool
	require.NoError(e.t, e.pool.QueryRow(e.t.Context(), "SELECT revoked_at IS NULL FROM oauth_grants WHERE id = $1", grant).Scan(&holds))
	if holds {
		return true
	}
	revoked, err := e.grants.Revocations(e.t.Context())
	require.NoError(e.t, err)
	require.Contains(e.t, revoked, grant.String())
	return false
}

// stored lists the ids of rows by whether they go by themselves.
func (e *env) stored(table, id string) map[string]bool {
	e.t.Helper()
	rows, err := e.pool.Query(e.t.Context(), "SELECT DISTINCT "+id+"::text, delete_after IS NOT NULL FROM "+table)
	require.NoError(e.t, err)
	found := map[string]bool{}
	_, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (struct{}, error) {
		var id string
		var goes bool
		err := row.Scan(&id, &goes)
		found[id] = goes
		return struct{}{}, err
	})
	require.NoError(e.t, err)
	return found
}
