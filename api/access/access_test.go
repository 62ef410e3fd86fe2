package access_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tansu.cloud/api/access"
	"tansu.cloud/api/oidc"
	"tansu.cloud/api/problem"
	"tansu.cloud/domain/identity/apikey"
	"tansu.cloud/domain/identity/serviceaccount"
	"tansu.cloud/domain/identity/user"
	"tansu.cloud/eventstore"
	"tansu.cloud/platform/credentials"
	"tansu.cloud/platform/federation"
	"tansu.cloud/platform/tenantscope"
	directory "tansu.cloud/projections/readmodels/access"
	"tansu.cloud/projections/readmodels/users"
)

const operatorToken = "tansu_operator_0123456789abcdef"

type operator struct{}

func (operator) VerifyOperator(token string) bool { return token == operatorToken }

// world is everything that authentication asks, with counts of the questions.
type world struct {
	mu       sync.Mutex
	now      time.Time
	tokens   map[string]oidc.Claims
	revoked  map[string]bool
	keys     map[uuid.UUID]credentials.APIKey
	people   map[uuid.UUID]users.User
	sessions map[uuid.UUID]users.Session
	members  map[[2]uuid.UUID]directory.Member
	roles    map[string]directory.Role
	apiKeys  map[uuid.UUID]directory.APIKey
	accounts map[uuid.UUID]directory.ServiceAccount
	idps     map[[2]uuid.UUID]directory.IdentityProvider
	linked   map[string]users.Identity
	slugs    map[string]uuid.UUID
	proved   map[string]federation.AccessToken
	unproved error // of tokens that are not proved
	asked    map[string]int
	fault    error
	looking  chan struct{} // if set, Member says here that it is asked
	gate     chan struct{} // and waits for this
}

func newWorld() *world {
	return &world{
		now: time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC), tokens: map[string]oidc.Claims{}, revoked: map[string]bool{},
		keys: map[uuid.UUID]credentials.APIKey{}, people: map[uuid.UUID]users.User{}, sessions: map[uuid.UUID]users.Session{},
		members: map[[2]uuid.UUID]directory.Member{}, roles: map[string]directory.Role{}, apiKeys: map[uuid.UUID]directory.APIKey{},
		accounts: map[uuid.UUID]directory.ServiceAccount{}, idps: map[[2]uuid.UUID]directory.IdentityProvider{},
		linked: map[string]users.Identity{}, slugs: map[string]uuid.UUID{}, proved: map[string]federation.AccessToken{}, unproved: federation.Refusal("it is odd"), asked: map[string]int{},
	}
}

func (w *world) do(act func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	act()
}

// answer looks something up and counts.
func answer[K comparable, V any](w *world, question string, in map[K]V, key K, missing error) (V, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked[question]++
	if w.fault != nil {
		var none V
		return none, w.fault
	}
	found, ok := in[key]
	if !ok {
		return found, missing
	}
	return found, nil
}

func (w *world) Verify(_ context.Context, token string) (oidc.Claims, error) {
	return answer(w, "verify", w.tokens, token, oidc.ErrTokenInvalid)
}

func (w *world) Revoked(c oidc.Claims) (revoked bool) {
	w.do(func() { revoked = w.revoked[c.ID] })
	return revoked
}

func (w *world) VerifyAPIKey(_ context.Context, key credentials.APIKey) (bool, error) {
	known, err := answer(w, "key", w.keys, key.ID, nil)
	return known == key, err
}

func (w *world) TouchAPIKey(_, _ uuid.UUID) { w.do(func() { w.asked["touch"]++ }) }

func (w *world) Get(_ context.Context, id uuid.UUID) (users.User, error) {
	return answer(w, "user", w.people, id, users.ErrNotFound)
}

func (w *world) Session(_ context.Context, id uuid.UUID) (users.Session, error) {
	return answer(w, "session", w.sessions, id, users.ErrNotFound)
}

// behind refuses a question about another tenant than the context is of.
func behind(ctx context.Context, tenant uuid.UUID) error {
	if of, ok := tenantscope.Tenant(ctx); !ok || of != tenant {
		return errors.New("asked on behalf of another tenant, or of none")
	}
	return nil
}

func (w *world) Member(ctx context.Context, tenant, user uuid.UUID) (directory.Member, error) {
	if err := behind(ctx, tenant); err != nil {
		return directory.Member{}, err
	}
	if w.gate != nil {
		w.looking <- struct{}{}
		<-w.gate
	}
	return answer(w, "member", w.members, [2]uuid.UUID{tenant, user}, directory.ErrNotFound)
}

func (w *world) Role(ctx context.Context, tenant uuid.UUID, name string) (directory.Role, error) {
	if err := behind(ctx, tenant); err != nil {
		return directory.Role{}, err
	}
	return answer(w, "role", w.roles, name, directory.ErrNotFound)
}

func (w *world) APIKey(ctx context.Context, tenant, id uuid.UUID) (directory.APIKey, error) {
	if err := behind(ctx, tenant); err != nil {
		return directory.APIKey{}, err
	}
	return answer(w, "api key", w.apiKeys, id, directory.ErrNotFound)
}

func (w *world) ServiceAccount(ctx context.Context, tenant, id uuid.UUID) (directory.ServiceAccount, error) {
	if err := behind(ctx, tenant); err != nil {
		return directory.ServiceAccount{}, err
	}
	return answer(w, "account", w.accounts, id, directory.ErrNotFound)
}

func (w *world) IdentityProvider(_ context.Context, tenant, id uuid.UUID) (directory.IdentityProvider, error) {
	return answer(w, "identity provider", w.idps, [2]uuid.UUID{tenant, id}, directory.ErrNotFound)
}

func (w *world) time() (now time.Time) {
	w.do(func() { now = w.now })
	return now
}

func (w *world) pass(d time.Duration) { w.do(func() { w.now = w.now.Add(d) }) }

func (w *world) deps() access.Deps {
	return access.Deps{
		Operator: operator{}, Tokens: w, Keys: w, Users: w, Directory: w, Tenants: tenants{w}, Issuer: ourIssuer, Issuers: w, IdentityIndex: index, Now: w.time,
	}
}

func (w *world) authenticator(t testing.TB) *access.Authenticator {
	t.Helper()
	a, err := access.New(w.deps())
	require.NoError(t, err)
	t.Cleanup(a.Close)
	return a
}

// signedIn makes a member with roles and a token for 10 minutes.
func (w *world) signedIn(tenant uuid.UUID, roles ...string) (token string, claims oidc.Claims) {
	claims = oidc.Claims{
		ID: uuid.NewString(), UserID: uuid.New(), SessionID: uuid.New(), TenantID: tenant, ClientID: "tansu-cli",
		ExpiresAt: w.time().Add(10 * time.Minute),
	}
	token = "eyJ." + claims.ID
	w.do(func() {
		w.tokens[token] = claims
		w.people[claims.UserID] = users.User{ID: claims.UserID, Status: string(user.StatusActive)}
		w.sessions[claims.SessionID] = users.Session{ID: claims.SessionID, UserID: claims.UserID}
		w.members[[2]uuid.UUID{tenant, claims.UserID}] = directory.Member{UserID: claims.UserID, Roles: roles}
	})
	return token, claims
}

func refused(t *testing.T, a *access.Authenticator, token, why string) {
	t.Helper()
	p, err := a.Authenticate(t.Context(), token, "")
	require.Nil(t, p)
	var refusal *problem.Problem
	require.ErrorAs(t, err, &refusal)
	require.Equal(t, 401, refusal.Status)
	require.Contains(t, refusal.Detail, why)
	if token != "" {
		require.NotContains(t, refusal.Detail, token)
	}
}

func holds(t *testing.T, a *access.Authenticator, token string) *access.Principal {
	t.Helper()
	p, err := a.Authenticate(t.Context(), token, "")
	require.NoError(t, err)
	return p
}

func TestTheOperatorMayDoEverything(t *testing.T) {
	t.Parallel()
	w := newWorld()
	p := holds(t, w.authenticator(t), operatorToken)
	require.Equal(t, "operator", p.Actor)
	require.False(t, p.Bound)
	for _, tenant := range []uuid.UUID{eventstore.SystemTenant, uuid.New()} {
		require.True(t, p.Permitted(tenant, "tenants.create"))
		require.False(t, p.Permitted(tenant, ""))
	}
	require.Contains(t, p.Permissions(), "owners.manage")
	require.Empty(t, w.asked)
}

func TestAPersonMayDoWhatTheirRolesSay(t *testing.T) {
	t.Parallel()
	w, tenant := newWorld(), uuid.New()
	token, claims := w.signedIn(tenant, "viewer", "support", "deleted-role")
	w.roles["support"] = directory.Role{Name: "support", Permissions: []string{"members.manage", "no.longer.known"}}
	p := holds(t, w.authenticator(t), token)
	require.Equal(t, "user:"+claims.UserID.String(), p.Actor)
	require.Equal(t, []any{access.User, tenant, true, true}, []any{p.Kind, p.Tenant, p.Bound, p.Member})
	require.True(t, p.Permitted(tenant, "events.read"))
	require.True(t, p.Permitted(tenant, "members.manage"))
	for _, name := range []string{"webhooks.manage", "tenants.read", "identity.self", "no.longer.known", ""} {
		require.False(t, p.Permitted(tenant, name), name)
	}
	require.False(t, p.Permitted(uuid.New(), "events.read"))
	require.False(t, p.Permitted(eventstore.SystemTenant, "events.read"))

	staff, _ := w.signedIn(eventstore.SystemTenant, "viewer")
	p = holds(t, w.authenticator(t), staff)
	require.True(t, p.Permitted(eventstore.SystemTenant, "tenants.read"))
	require.False(t, p.Permitted(tenant, "events.read"))
}

// TestWhatAProviderVouchedFor is good for its tenant while the provider counts.
func TestWhatAProviderVouchedFor(t *testing.T) {
	t.Parallel()
	tenant, idp := uuid.New(), uuid.New()
	for name, c := range map[string]struct {
		change func(*world, oidc.Claims)
		reason string // empty: it holds
	}{
		"enabled": {func(*world, oidc.Claims) {}, ""},
		"disabled": {func(w *world, _ oidc.Claims) {
			w.idps[[2]uuid.UUID{tenant, idp}] = directory.IdentityProvider{Status: directory.ProviderDisabled}
		}, "turned off"},
		"removed": {func(w *world, _ oidc.Claims) { delete(w.idps, [2]uuid.UUID{tenant, idp}) }, "turned off"},
		"enabled again": {func(w *world, _ oidc.Claims) {
			w.idps[[2]uuid.UUID{tenant, idp}] = directory.IdentityProvider{Status: directory.ProviderEnabled, EnabledAt: w.now.Add(time.Second)}
		}, "turned off"},
		"another tenant": {func(w *world, c oidc.Claims) {
			s := w.sessions[c.SessionID]
			s.ConfinedTo = uuid.New()
			w.sessions[c.SessionID] = s
			w.idps[[2]uuid.UUID{s.ConfinedTo, idp}] = directory.IdentityProvider{Status: directory.ProviderEnabled}
		}, "another tenant"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			a := w.authenticator(t)
			token, claims := w.signedIn(tenant, "viewer")
			require.False(t, holds(t, a, token).Confined)
			w.sessions[claims.SessionID] = users.Session{ID: claims.SessionID, UserID: claims.UserID, ConfinedTo: tenant, ProviderID: idp, StartedAt: w.now}
			w.idps[[2]uuid.UUID{tenant, idp}] = directory.IdentityProvider{Status: directory.ProviderEnabled, EnabledAt: w.now}
			w.pass(500 * time.Millisecond)
			p := holds(t, a, token)
			require.True(t, p.Confined)
			require.True(t, p.Permitted(tenant, "events.read"))
			w.do(func() { c.change(w, claims) })
			w.pass(500 * time.Millisecond)
			if c.reason == "" {
				require.True(t, holds(t, a, token).Permitted(tenant, "events.read"))
				return
			}
			refused(t, a, token, c.reason)
		})
	}
	w := newWorld() // roles of the system tenant never work so
	token, claims := w.signedIn(eventstore.SystemTenant, "owner")
	w.sessions[claims.SessionID] = users.Session{ID: claims.SessionID, UserID: claims.UserID, ProviderID: idp, StartedAt: w.now}
	w.idps[[2]uuid.UUID{eventstore.SystemTenant, idp}] = directory.IdentityProvider{Status: directory.ProviderEnabled}
	refused(t, w.authenticator(t), token, "another tenant")
}

func TestServiceAccountsAndKeys(t *testing.T) {
	t.Parallel()
	w, tenant, id := newWorld(), uuid.New(), uuid.New()
	a := w.authenticator(t)
	w.tokens["eyJ.program"] = oidc.Claims{ServiceAccountID: id, TenantID: tenant, ExpiresAt: w.now.Add(time.Minute)}
	refused(t, a, "eyJ.program", "disabled or deleted")
	w.accounts[id] = directory.ServiceAccount{ID: id, Roles: []string{"developer"}, Status: string(serviceaccount.StatusEnabled)}
	w.pass(time.Second)
	p := holds(t, a, "eyJ.program")
	require.Equal(t, "service_account:"+id.String(), p.Actor)
	require.True(t, p.Permitted(tenant, "webhooks.manage"))

	text, hash, _ := credentials.NewAPIKey(tenant, id)
	refused(t, a, text, "does not hold")
	w.keys[id] = credentials.APIKey{Tenant: tenant, ID: id, Hash: hash}
	w.apiKeys[id] = directory.APIKey{ID: id, Permissions: []string{"events.read"}, Status: string(apikey.StatusActive), ExpiresAt: w.now.Add(time.Hour)}
	p = holds(t, a, text)
	require.Equal(t, "api_key:"+id.String(), p.Actor)
	require.Equal(t, w.now.Add(time.Hour), p.ExpiresAt)
	require.True(t, p.Permitted(tenant, "events.read"))
	require.False(t, p.Permitted(tenant, "webhooks.read"))
	require.Equal(t, 1, w.asked["touch"])
	w.pass(time.Hour)
	refused(t, a, text, "has expired")
	another, _, _ := credentials.NewAPIKey(tenant, id) // another key under the same id
	refused(t, a, another, "does not hold")
	refused(t, a, "tsk_"+text[5:], "does not hold")
}

// TestEverythingEnds within a second after it was taken away, and comes back.
func TestEverythingEnds(t *testing.T) {
	t.Parallel()
	tenant := uuid.New()
	for name, c := range map[string]struct {
		take   func(*world, oidc.Claims)
		reason string // empty: it is known still, without rights
		atOnce bool
	}{
		"session": {take: func(w *world, c oidc.Claims) {
			w.sessions[c.SessionID] = users.Session{UserID: c.UserID, EndedAt: w.now}
		}, reason: "session has ended"},
		"session of somebody else": {take: func(w *world, c oidc.Claims) {
			w.sessions[c.SessionID] = users.Session{UserID: uuid.New()}
		}, reason: "session has ended"},
		"unknown session": {take: func(w *world, c oidc.Claims) { delete(w.sessions, c.SessionID) }, reason: "session has ended"},
		"user": {take: func(w *world, c oidc.Claims) {
			w.people[c.UserID] = users.User{Status: string(user.StatusDisabled)}
		}, reason: "disabled"},
		"erased user": {take: func(w *world, c oidc.Claims) {
			w.people[c.UserID] = users.User{Status: string(user.StatusErased)}
		}, reason: "disabled"},
		"token":      {take: func(w *world, c oidc.Claims) { w.revoked[c.ID] = true }, reason: "revoked", atOnce: true},
		"membership": {take: func(w *world, c oidc.Claims) { delete(w.members, [2]uuid.UUID{tenant, c.UserID}) }},
		"role": {take: func(w *world, c oidc.Claims) {
			w.members[[2]uuid.UUID{tenant, c.UserID}] = directory.Member{Roles: []string{"gone"}}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			a := w.authenticator(t)
			token, claims := w.signedIn(tenant, "owner")
			require.True(t, holds(t, a, token).Permitted(tenant, "events.read"))
			w.do(func() { c.take(w, claims) })
			if !c.atOnce {
				require.True(t, holds(t, a, token).Permitted(tenant, "events.read"), "as remembered")
			}
			w.pass(500 * time.Millisecond)
			if c.reason != "" {
				refused(t, a, token, c.reason)
				return
			}
			p := holds(t, a, token)
			require.False(t, p.Permitted(tenant, "events.read"))
			require.Empty(t, p.Permissions())
			w.do(func() { w.members[[2]uuid.UUID{tenant, claims.UserID}] = directory.Member{Roles: []string{"owner"}} })
			w.pass(500 * time.Millisecond)
			require.True(t, holds(t, a, token).Permitted(tenant, "events.read"), "given back")
		})
	}
}

func TestTokensExpire(t *testing.T) {
	t.Parallel()
	w := newWorld()
	a := w.authenticator(t)
	token, claims := w.signedIn(uuid.New(), "owner")
	require.Equal(t, claims.ExpiresAt, holds(t, a, token).ExpiresAt)
	w.pass(10 * time.Minute)
	refused(t, a, token, "expired")
}

// TestOneLooksForAll: however many requests come with a token, one asks.
func TestOneLooksForAll(t *testing.T) {
	t.Parallel()
	w := newWorld()
	a := w.authenticator(t)
	token, _ := w.signedIn(uuid.New(), "owner")
	holds(t, a, token)
	w.pass(time.Second)
	w.looking, w.gate = make(chan struct{}), make(chan struct{})
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() { holds(t, a, token) })
	}
	<-w.looking
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := a.Authenticate(gone, token, "")
	require.ErrorIs(t, err, context.Canceled)
	close(w.gate)
	all.Wait()
	require.Equal(t, 1, w.asked["verify"])
	require.Equal(t, 2, w.asked["member"])
}

// TestWhatCannotBeToldIsNoRefusal: and the next request asks again.
func TestWhatCannotBeToldIsNoRefusal(t *testing.T) {
	t.Parallel()
	w := newWorld()
	a := w.authenticator(t)
	token, _ := w.signedIn(uuid.New(), "owner")
	fault := errors.New("no database")
	w.fault = fault
	_, err := a.Authenticate(t.Context(), token, "")
	require.ErrorIs(t, err, fault)
	w.fault = nil
	holds(t, a, token)
	w.pass(time.Second)
	w.fault = fault
	_, err = a.Authenticate(t.Context(), token, "")
	require.ErrorIs(t, err, fault)
	w.fault = nil
	holds(t, a, token)
}

func TestWhatIsNoTokenDoesNotHold(t *testing.T) {
	t.Parallel()
	w := newWorld()
	a := w.authenticator(t)
	refused(t, a, "", "Send a token")
	for _, token := range []string{"x", "eyJ.unknown", "tsk_", "tsk_a_b_c", operatorToken + "x"} {
		refused(t, a, token, "does not hold")
	}
	bare, err := access.New(access.Deps{Operator: operator{}})
	require.NoError(t, err)
	defer bare.Close()
	refused(t, bare, "eyJ.x", "does not hold")
	_, err = access.New(access.Deps{})
	require.Error(t, err)
	_, err = access.New(access.Deps{Operator: operator{}, Tokens: w})
	require.Error(t, err)
}

// BenchmarkAuthenticate is what a request with a known token costs.
func BenchmarkAuthenticate(b *testing.B) {
	w, tenant := newWorld(), uuid.New()
	deps := w.deps()
	deps.Operator, deps.Now = access.OperatorHash{1}, nil
	a, err := access.New(deps)
	require.NoError(b, err)
	defer a.Close()
	w.now = time.Now()
	token, claims := w.signedIn(tenant, "developer")
	long := token + string(make([]byte, 1000)) // as long as a JWT
	claims.ExpiresAt = time.Now().Add(time.Hour)
	w.tokens[long] = claims
	b.ReportAllocs()
	for b.Loop() {
		p, err := a.Authenticate(b.Context(), long, "")
		if err != nil || !p.Permitted(tenant, "events.read") {
			b.Fatal(err)
		}
	}
}
