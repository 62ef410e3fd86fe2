package oidc_test

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"tansu.cloud/api/oidc"
	"tansu.cloud/commands"
	clientdomain "tansu.cloud/domain/identity/client"
	"tansu.cloud/domain/identity/permission"
	"tansu.cloud/eventstore"
	"tansu.cloud/eventstore/memory"
	"tansu.cloud/platform/credentials"
	"tansu.cloud/platform/federation"
	"tansu.cloud/platform/grants"
	"tansu.cloud/platform/limits"
	"tansu.cloud/platform/mail"
	"tansu.cloud/platform/outbound"
	"tansu.cloud/platform/postgrestest"
	"tansu.cloud/platform/tenantdb"
	"tansu.cloud/projections"
	"tansu.cloud/projections/readmodels/access"
	"tansu.cloud/projections/readmodels/clients"
	"tansu.cloud/projections/readmodels/tenantdirectory"
	"tansu.cloud/projections/readmodels/users"
	credentialsaga "tansu.cloud/projections/sagas/credentials"
)

const password = "violet-tractor-91-lagoon"

// rig is the provider with everything real but the log, which is in memory: the
// commands, the projections' tables, grants and credentials in Postgres, and the
// HTTP server.
type rig struct {
	t        testing.TB
	deps     oidc.Deps
	provider *oidc.Provider
	server   *httptest.Server
	pool     *pgxpool.Pool
	store    *memory.Store
	codec    *eventstore.Codec
	commands *commands.Commands
	secrets  *credentials.Store
	grants   *grants.Store
	users    *users.Directory
	access   *access.Directory
	mail     chan mail.Message
	clock    *clock
	logs     *lockedBuffer

	mu   sync.Mutex
	done map[string]int64 // projection and tenant to position
}

// clock runs with real time, ahead by as much as a test says.
type clock struct {
	mu    sync.Mutex
	ahead time.Duration
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.ahead)
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead += d
}

type lockedBuffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.String()
}

var models = []projections.Projection{tenantdirectory.New(), users.New(), clients.New(), access.New(), credentialsaga.New()}

func newRig(t testing.TB, adjust ...func(*oidc.Deps)) *rig {
	t.Helper()
	r := &rig{t: t, pool: postgrestest.New(t), mail: make(chan mail.Message, 100), clock: &clock{}, logs: &lockedBuffer{}, done: map[string]int64{}}
	for _, m := range models {
		_, err := r.pool.Exec(t.Context(), m.DDL)
		require.NoError(t, err)
		for _, table := range m.Tables {
			_, err := r.pool.Exec(t.Context(), "SELECT wall('"+table+"'); GRANT SELECT ON "+table+" TO tansu_tenant")
			require.NoError(t, err)
		}
	}
	r.store = memory.New(memory.Options{Now: r.clock.Now})
	r.codec = eventstore.NewCodec(commands.Registry(), r.store)
	logger := slog.New(slog.NewTextHandler(r.logs, nil))
	r.commands = commands.New(commands.Deps{
		Store: r.store, Snapshots: r.store, Codec: r.codec, Logger: logger, Now: r.clock.Now, EmailIndex: emailIndex,
	})
	var err error
	r.secrets, err = credentials.New(r.pool, credentials.Config{Key: bytes.Repeat([]byte{3}, 32), Logger: logger, Now: r.clock.Now})
	require.NoError(t, err)
	r.grants = grants.New(r.pool, grants.Config{Key: [32]byte{4}, Now: r.clock.Now})
	platform := tenantdb.Of(r.pool, eventstore.SystemTenant)
	r.users, r.access = users.NewDirectory(platform), access.NewDirectory(r.pool)

	upstreams, err := federation.New(federation.Config{
		HTTP: outbound.NewClient(outbound.Config{Allowed: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}), Now: r.clock.Now,
	})
	require.NoError(t, err)

	r.server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) { r.provider.ServeHTTP(w, req) }))
	r.deps = oidc.Deps{
		Config: oidc.Config{PublicURL: "http://" + r.server.Listener.Addr().String()},
		Grants: r.grants, Users: r.users, Access: access.NewDirectory(tenantdb.New(r.pool)), Clients: clients.NewDirectory(platform),
		Tenants: tenantdirectory.NewDirectory(platform), Credentials: r.secrets, Acts: oidc.NewActs(r.commands, r), Mailer: r,
		Limits: limits.NewLocal(), EmailIndex: emailIndex, IdentityIndex: identityIndex, Federation: upstreams, Key: [32]byte{5}, Logger: logger, Now: r.clock.Now,
		Address: func(req *http.Request) string { return cmp.Or(req.Header.Get("X-Test-Address"), "127.0.0.1") },
	}
	for _, change := range adjust {
		change(&r.deps)
	}
	r.provider, err = oidc.New(r.deps)
	require.NoError(t, err)
	r.server.Start()
	r.server.URL = r.deps.Config.PublicURL
	t.Cleanup(r.server.Close)
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = r.provider.Run(ctx) })
	t.Cleanup(func() { cancel(); running.Wait() })
	return r
}

func emailIndex(normalised string) string {
	sum := sha256.Sum256([]byte(normalised))
	return hex.EncodeToString(sum[:])
}

func identityIndex(tenant uuid.UUID, issuer, subject string) string {
	return emailIndex(tenant.String() + " " + issuer + " " + subject)
}

// quickPasswords spares tests of many attempts the work of hashing.
type quickPasswords struct{ oidc.Credentials }

func withQuickPasswords(d *oidc.Deps) { d.Credentials = quickPasswords{d.Credentials} }

func (quickPasswords) VerifyPassword(_ context.Context, _, id uuid.UUID, typed string) (bool, error) {
	return typed == password && id != uuid.Nil, nil
}

// Send is mail.Mailer.
func (r *rig) Send(_ context.Context, m mail.Message) error {
	r.mail <- m
	return nil
}

// Wait is oidc.Waiter: it brings a projection up to date, whatever the position.
func (r *rig) Wait(ctx context.Context, projection string, tenant uuid.UUID, _ int64) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	model := models[slices.IndexFunc(models, func(m projections.Projection) bool { return m.Name == projection })]
	key := projection + tenant.String()
	page, err := r.store.ReadLog(ctx, tenant, eventstore.LogQuery{After: r.done[key], Limit: 1000})
	if err != nil {
		return err
	}
	var changes []projections.Change
	for _, e := range page.Events {
		r.done[key] = e.Position
		if !slices.Contains(model.Types, e.Type) {
			continue
		}
		payload, err := r.codec.Decode(ctx, e)
		if err != nil {
			return err
		}
		changes = append(changes, projections.Change{Event: e, Payload: payload})
	}
	if len(changes) == 0 {
		return nil
	}
	return pgx.BeginFunc(ctx, r.pool, func(tx pgx.Tx) error { return model.Apply(ctx, tx, changes) })
}

func do[C, S any](r *rig, handler commands.Handler[C, S], projection string, tenant uuid.UUID, stream string, command C) commands.Result[S] {
	r.t.Helper()
	result, err := handler(context.Background(), commands.Request[C]{
		Tenant: tenant, Stream: stream, Command: command, Expected: eventstore.AnyVersion,
		Caller: commands.Caller{Actor: "operator", Permissions: func(string) bool { return true }},
	})
	require.NoError(r.t, err)
	require.NoError(r.t, r.Wait(context.Background(), projection, tenant, 0))
	return result
}

// tenant makes a tenant.
func (r *rig) tenant(slug, name string) uuid.UUID {
	r.t.Helper()
	id := uuid.New()
	do(r, r.commands.CreateTenant, tenantdirectory.Name, eventstore.SystemTenant, id.String(), commands.CreateTenant{Slug: slug, Name: name})
	return id
}

// user registers somebody with a password.
func (r *rig) user(email string) uuid.UUID {
	r.t.Helper()
	id, passwordID := uuid.New(), uuid.New()
	require.NoError(r.t, r.secrets.SetPassword(r.t.Context(), id, passwordID, password))
	do(r, r.commands.RegisterUser, users.Name, eventstore.SystemTenant, id.String(), commands.RegisterUser{
		Email: email, Name: "Ann Example", Verified: true, PasswordID: passwordID.String(),
	})
	return id
}

// member makes a user a member of a tenant.
func (r *rig) member(tenant, user uuid.UUID, roles ...string) {
	r.t.Helper()
	do(r, r.commands.AddMember, access.Name, tenant, user.String(), commands.AddMember{Roles: roles})
}

// someone is a user of one tenant.
func (r *rig) someone() (tenant, user uuid.UUID) {
	r.t.Helper()
	tenant, user = r.tenant("acme", "Acme"), r.user("ann@example.com")
	r.member(tenant, user, permission.Owner)
	return tenant, user
}

// client registers a client; a confidential one comes with its secret.
func (r *rig) client(kind clientdomain.Type, firstParty bool, redirects ...string) (id, secret string) {
	r.t.Helper()
	auth, client, secretID := clientdomain.AuthNone, uuid.New(), ""
	if kind == clientdomain.Confidential {
		auth, secret = clientdomain.AuthSecret, credentials.NewSecret()
		named := uuid.New()
		secretID = named.String()
		require.NoError(r.t, r.secrets.StoreSecret(r.t.Context(), uuid.Nil, client, named, secret))
		require.NoError(r.t, r.secrets.KeepSecret(r.t.Context(), uuid.Nil, client, named, 1))
	}
	do(r, r.commands.RegisterClient, clients.Name, eventstore.SystemTenant, client.String(), commands.RegisterClient{
		Type: kind, TokenEndpointAuth: auth, SecretID: secretID, Profile: clientdomain.Profile{
			Name: "Example App", RedirectURIs: redirects, PostLogoutRedirectURIs: []string{"https://app.example.com/bye"}, FirstParty: firstParty,
			Grants: []string{clientdomain.GrantAuthorizationCode, clientdomain.GrantRefreshToken, clientdomain.GrantDeviceCode},
			Scopes: []string{"profile", "email", "offline_access", "api"},
		},
	})
	return client.String(), secret
}

// serviceAccount makes one of a tenant, with its client id and secret.
func (r *rig) serviceAccount(tenant uuid.UUID, roles ...string) (account uuid.UUID, id, secret string) {
	r.t.Helper()
	account, named := uuid.New(), uuid.New()
	secret = credentials.NewSecret()
	require.NoError(r.t, r.secrets.StoreSecret(r.t.Context(), tenant, account, named, secret))
	require.NoError(r.t, r.secrets.KeepSecret(r.t.Context(), tenant, account, named, 1))
	do(r, r.commands.CreateServiceAccount, access.Name, tenant, account.String(), commands.CreateServiceAccount{Name: "builds", Roles: roles, SecretID: named.String()})
	return account, credentials.ServiceAccountClientID(tenant, account), secret
}

func (r *rig) tenantOf(slug string) uuid.UUID {
	r.t.Helper()
	t, err := tenantdirectory.NewDirectory(r.pool).Get(context.Background(), slug)
	require.NoError(r.t, err)
	return t.ID
}
