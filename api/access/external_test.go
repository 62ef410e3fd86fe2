package access_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tansu.cloud/api/access"
	"tansu.cloud/api/problem"
	"tansu.cloud/domain/identity/provider"
	"tansu.cloud/domain/identity/user"
	"tansu.cloud/eventstore"
	"tansu.cloud/platform/federation"
	directory "tansu.cloud/projections/readmodels/access"
	"tansu.cloud/projections/readmodels/tenantdirectory"
	"tansu.cloud/projections/readmodels/users"
)

const (
	ourIssuer   = "https://tansu.example.com"
	theirIssuer = "https://login.example.com"
	audience    = "https://api.tansu.example.com"
)

func index(tenant uuid.UUID, issuer, subject string) string {
	return tenant.String() + " " + issuer + " " + subject
}

// tenants finds them by slug or id.
type tenants struct{ *world }

func (w tenants) Get(_ context.Context, idOrSlug string) (tenantdirectory.Tenant, error) {
	id, err := answer(w.world, "tenant", w.slugs, idOrSlug, tenantdirectory.ErrNotFound)
	return tenantdirectory.Tenant{ID: id}, err
}

func (w *world) IdentityByIndex(_ context.Context, index string) (users.Identity, error) {
	return answer(w, "identity", w.linked, index, users.ErrNotFound)
}

func (w *world) IdentityProviders(ctx context.Context, tenant uuid.UUID) (list []directory.IdentityProvider, err error) {
	if err := behind(ctx, tenant); err != nil {
		return nil, err
	}
	w.do(func() {
		w.asked["identity providers"]++
		for at, p := range w.idps {
			if at[0] == tenant {
				list = append(list, p)
			}
		}
		err = w.fault
	})
	return list, err
}

func (w *world) VerifyAccess(_ context.Context, issuer, of, token string) (proved federation.AccessToken, err error) {
	w.do(func() {
		w.asked["proof"]++
		var known bool
		if proved, known = w.proved[issuer+" "+of+" "+token]; !known {
			err = w.unproved
		}
	})
	return proved, err
}

// theirs is a token of another issuer, which proves nothing by itself.
func theirs(claims map[string]any) string {
	body, _ := json.Marshal(claims)
	part := base64.RawURLEncoding.EncodeToString
	return part([]byte(`{"alg":"ES256"}`)) + "." + part(body) + "." + part([]byte(uuid.NewString()))
}

// eve is somebody whom a tenant's identity provider knows.
type eve struct {
	tenant, user, idp uuid.UUID
	token             string
}

// linkedEve makes a tenant with a provider that accepts tokens, and a member who
// comes by it.
func (w *world) linkedEve(slug string, roles ...string) eve {
	e := eve{tenant: uuid.New(), user: uuid.New(), idp: uuid.New(), token: theirs(map[string]any{"iss": theirIssuer, "aud": []string{"x", audience}})}
	w.linkAt(e, slug, roles...)
	return e
}

func (w *world) linkAt(e eve, slug string, roles ...string) {
	now := w.time()
	w.do(func() {
		w.slugs[slug], w.slugs[e.tenant.String()] = e.tenant, e.tenant
		w.idps[[2]uuid.UUID{e.tenant, e.idp}] = directory.IdentityProvider{
			ID: e.idp, Issuer: theirIssuer, Status: directory.ProviderEnabled, EnabledAt: now.Add(-time.Hour), Profile: provider.Profile{ClientID: "c", APIAudience: audience},
		}
		w.proved[theirIssuer+" "+audience+" "+e.token] = federation.AccessToken{Subject: "eve", IssuedAt: now, ExpiresAt: now.Add(5 * time.Minute)}
		w.linked[index(e.tenant, theirIssuer, "eve")] = users.Identity{UserID: e.user, Tenant: e.tenant, Provider: e.idp}
		w.people[e.user] = users.User{ID: e.user, Status: string(user.StatusActive)}
		w.members[[2]uuid.UUID{e.tenant, e.user}] = directory.Member{UserID: e.user, Roles: roles}
	})
}

func refusedIn(t *testing.T, a *access.Authenticator, token, tenant, why string) {
	t.Helper()
	p, err := a.Authenticate(t.Context(), token, tenant)
	require.Nil(t, p)
	var refusal *problem.Problem
	require.ErrorAs(t, err, &refusal)
	require.Equal(t, problem.Unauthorized, refusal.Code)
	require.Contains(t, refusal.Detail, why)
	require.NotContains(t, refusal.Detail, token)
}

func holdsIn(t *testing.T, a *access.Authenticator, token, tenant string) *access.Principal {
	t.Helper()
	p, err := a.Authenticate(t.Context(), token, tenant)
	require.NoError(t, err)
	return p
}

func TestATokenOfAnotherIssuer(t *testing.T) {
	t.Parallel()
	w := newWorld()
	a := w.authenticator(t)
	e := w.linkedEve("acme", "developer")
	for _, name := range []string{"acme", e.tenant.String(), strings.ToUpper(e.tenant.String()), "acme"} {
		p := holdsIn(t, a, e.token, name)
		require.Equal(t, "user:"+e.user.String(), p.Actor)
		require.Equal(t, []any{access.User, e.tenant, true, true, true, uuid.Nil}, []any{p.Kind, p.Tenant, p.Bound, p.Member, p.Confined, p.SessionID})
		require.Equal(t, w.now.Add(5*time.Minute), p.ExpiresAt)
		require.True(t, p.Permitted(e.tenant, "webhooks.manage"))
		require.False(t, p.Permitted(uuid.New(), "events.read"))
		require.False(t, p.Permitted(eventstore.SystemTenant, "events.read"))
	}
	require.Equal(t, 1, w.asked["proof"], "it is verified once, by whatever name the tenant goes")
	require.Zero(t, w.asked["verify"], "and not taken for one of ours")
	refusedIn(t, a, e.token, "", "name the tenant")
	for _, name := range []string{"system", eventstore.SystemTenant.String(), "beta", uuid.NewString(), "no slug", strings.Repeat("x", 10_000), "?"} {
		refusedIn(t, a, e.token, name, "api_audience")
	}
	w.pass(5 * time.Minute)
	refusedIn(t, a, e.token, "acme", "expired")
}

func TestOurOwnTokensNeedNoTenant(t *testing.T) {
	t.Parallel()
	w, tenant := newWorld(), uuid.New()
	a := w.authenticator(t)
	token, claims := w.signedIn(tenant, "viewer")
	ours := theirs(map[string]any{"iss": ourIssuer, "aud": audience})
	w.tokens[ours] = claims
	for _, name := range []string{"", "acme", uuid.NewString(), tenant.String()} {
		require.Equal(t, tenant, holdsIn(t, a, token, name).Tenant)
		require.Equal(t, tenant, holdsIn(t, a, ours, name).Tenant)
	}
	require.Equal(t, 2, w.asked["verify"])
	require.Zero(t, w.asked["tenant"]+w.asked["proof"])
}

// TestOneTokenInTwoTenants means in each what that one says, whatever is remembered.
func TestOneTokenInTwoTenants(t *testing.T) {
	t.Parallel()
	w := newWorld()
	a := w.authenticator(t)
	acme := w.linkedEve("acme", "owner")
	beta := eve{tenant: uuid.New(), user: uuid.New(), idp: uuid.New(), token: acme.token}
	w.linkAt(beta, "beta", "viewer")
	gamma := uuid.New()
	w.slugs["gamma"] = gamma
	w.idps[[2]uuid.UUID{gamma, gamma}] = directory.IdentityProvider{
		Issuer: theirIssuer, Status: directory.ProviderEnabled, Profile: provider.Profile{APIAudience: audience},
	}
	for range 3 {
		p := holdsIn(t, a, acme.token, "acme")
		require.Equal(t, []any{acme.tenant, acme.user, true}, []any{p.Tenant, p.UserID, p.Permitted(acme.tenant, "owners.manage")})
		require.False(t, p.Permitted(beta.tenant, "events.read"))
		p = holdsIn(t, a, acme.token, "beta")
		require.Equal(t, []any{beta.tenant, beta.user, false}, []any{p.Tenant, p.UserID, p.Permitted(beta.tenant, "owners.manage")})
		require.False(t, p.Permitted(acme.tenant, "events.read"))
		refusedIn(t, a, acme.token, "gamma", "sign in once")
		refusedIn(t, a, acme.token, "", "name the tenant")
	}
}

// TestWhatEndsATokenOfAnotherIssuer does within a second, and what is given back
// counts again.
func TestWhatEndsATokenOfAnotherIssuer(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		take   func(w *world, e eve, p *directory.IdentityProvider)
		reason string // empty: it is known still, without rights
	}{
		"disabled provider": {func(_ *world, _ eve, p *directory.IdentityProvider) { p.Status = directory.ProviderDisabled }, "turned off"},
		"removed provider":  {func(_ *world, _ eve, p *directory.IdentityProvider) { p.ID = uuid.Nil }, "turned off"},
		"enabled again":     {func(w *world, _ eve, p *directory.IdentityProvider) { p.EnabledAt = w.now.Add(time.Second) }, "turned off"},
		"no audience":       {func(_ *world, _ eve, p *directory.IdentityProvider) { p.Profile.APIAudience = "" }, "turned off"},
		"another audience":  {func(_ *world, _ eve, p *directory.IdentityProvider) { p.Profile.APIAudience = "y" }, "turned off"},
		"unlinked": {func(w *world, e eve, _ *directory.IdentityProvider) {
			delete(w.linked, index(e.tenant, theirIssuer, "eve"))
		}, "not linked"},
		"linked by another": {func(w *world, e eve, _ *directory.IdentityProvider) {
			w.linked[index(e.tenant, theirIssuer, "eve")] = users.Identity{UserID: uuid.New()}
		}, "not linked"},
		"disabled user": {func(w *world, e eve, _ *directory.IdentityProvider) {
			w.people[e.user] = users.User{Status: string(user.StatusDisabled)}
		}, "disabled"},
		"erased user": {func(w *world, e eve, _ *directory.IdentityProvider) { delete(w.people, e.user) }, "disabled"},
		"no member any more": {func(w *world, e eve, _ *directory.IdentityProvider) {
			delete(w.members, [2]uuid.UUID{e.tenant, e.user})
		}, ""},
		"no role any more": {func(w *world, e eve, _ *directory.IdentityProvider) {
			w.members[[2]uuid.UUID{e.tenant, e.user}] = directory.Member{Roles: []string{"gone"}}
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			a := w.authenticator(t)
			e := w.linkedEve("acme", "owner")
			require.True(t, holdsIn(t, a, e.token, "acme").Permitted(e.tenant, "events.read"))
			w.do(func() {
				at := [2]uuid.UUID{e.tenant, e.idp}
				p := w.idps[at]
				c.take(w, e, &p)
				if w.idps[at] = p; p.ID == uuid.Nil {
					delete(w.idps, at)
				}
			})
			w.pass(500 * time.Millisecond)
			if c.reason != "" {
				refusedIn(t, a, e.token, "acme", c.reason)
			} else {
				p := holdsIn(t, a, e.token, "acme")
				require.False(t, p.Permitted(e.tenant, "events.read"))
				require.True(t, p.Confined)
			}
			w.linkAt(e, "acme", "owner")
			w.pass(500 * time.Millisecond)
			require.True(t, holdsIn(t, a, e.token, "acme").Permitted(e.tenant, "events.read"))
		})
	}
}

// TestRefusalsAreRemembered for a moment, so that a token that does not hold costs
// little.
func TestRefusalsAreRemembered(t *testing.T) {
	t.Parallel()
	w := newWorld()
	a := w.authenticator(t)
	e := w.linkedEve("acme", "owner")
	odd := theirs(map[string]any{"iss": theirIssuer, "aud": audience})
	for range 10 {
		refusedIn(t, a, odd, "acme", "it is odd")
	}
	require.Equal(t, 1, w.asked["proof"])
	w.pass(2 * time.Second)
	refusedIn(t, a, odd, "acme", "it is odd")
	require.Equal(t, 2, w.asked["proof"])

	at := index(e.tenant, theirIssuer, "eve")
	linked := w.linked[at]
	delete(w.linked, at)
	refusedIn(t, a, e.token, "acme", "sign in once")
	w.linked[at] = linked
	w.pass(2 * time.Second)
	holdsIn(t, a, e.token, "acme")
}

// TestKeysThatCannotBeRead are no refusal, and what was verified goes on.
func TestKeysThatCannotBeRead(t *testing.T) {
	t.Parallel()
	w := newWorld()
	a := w.authenticator(t)
	e := w.linkedEve("acme", "owner")
	at := theirIssuer + " " + audience + " " + e.token
	proof := w.proved[at]
	proof.ExpiresAt = w.now.Add(20 * time.Hour)
	delete(w.proved, at)
	w.unproved = federation.ErrUnreachable
	for range 3 {
		_, err := a.Authenticate(t.Context(), e.token, "acme")
		var p *problem.Problem
		require.ErrorAs(t, err, &p)
		require.Equal(t, []any{503, problem.Unavailable}, []any{p.Status, p.Code})
		require.Equal(t, "5", p.GetHeaders().Get("Retry-After"))
	}
	w.proved[at] = proof
	holdsIn(t, a, e.token, "acme")

	delete(w.proved, at)
	w.pass(59 * time.Minute)
	holdsIn(t, a, e.token, "acme")
	asked := w.asked["proof"]
	w.pass(time.Minute)
	holdsIn(t, a, e.token, "acme")
	require.Equal(t, asked+1, w.asked["proof"], "it was to be verified again, which could not be")
	w.do(func() { delete(w.people, e.user) })
	w.pass(time.Second)
	refusedIn(t, a, e.token, "acme", "disabled")
	w.do(func() { w.people[e.user] = users.User{Status: string(user.StatusActive)} })
	w.unproved = federation.Refusal("its signature is by no key of its issuer")
	w.pass(time.Hour)
	refusedIn(t, a, e.token, "acme", "no key of its issuer")
	refusedIn(t, a, e.token, e.tenant.String(), "no key of its issuer")
	w.fault = errors.New("no database")
	w.pass(time.Hour)
	_, err := a.Authenticate(t.Context(), e.token, "acme")
	require.ErrorIs(t, err, w.fault)
}

// TestOneVerifiesAgainForAll once an hour.
func TestOneVerifiesAgainForAll(t *testing.T) {
	t.Parallel()
	w := newWorld()
	a := w.authenticator(t)
	e := w.linkedEve("acme", "owner")
	at := theirIssuer + " " + audience + " " + e.token
	proof := w.proved[at]
	proof.ExpiresAt = w.now.Add(20 * time.Hour)
	w.proved[at] = proof
	holdsIn(t, a, e.token, "acme")
	w.pass(time.Hour)
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() { holdsIn(t, a, e.token, "acme") })
	}
	all.Wait()
	require.Equal(t, 2, w.asked["proof"])
}

// BenchmarkAuthenticateExternal is what a request costs with a known token of another
// issuer.
func BenchmarkAuthenticateExternal(b *testing.B) {
	w := newWorld()
	deps := w.deps()
	deps.Operator, deps.Now = access.OperatorHash{1}, nil
	a, err := access.New(deps)
	require.NoError(b, err)
	defer a.Close()
	w.now = time.Now().Add(time.Hour)
	e := eve{tenant: uuid.New(), user: uuid.New(), idp: uuid.New(), token: theirs(map[string]any{"iss": theirIssuer, "aud": audience, "x": strings.Repeat("x", 800)})}
	w.linkAt(e, "acme", "developer")
	name := e.tenant.String()
	b.ReportAllocs()
	for b.Loop() {
		p, err := a.Authenticate(b.Context(), e.token, name)
		if err != nil || !p.Permitted(e.tenant, "events.read") {
			b.Fatal(err)
		}
	}
}
