package rest_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	jose "github.com/go-jose/go-jose/v4"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tansu.cloud/commands"
	"tansu.cloud/domain/identity/user"
	"tansu.cloud/eventstore"
	"tansu.cloud/platform/federation/upstreamtest"
	"tansu.cloud/projections/readmodels/users"
)

// accepting adds an identity provider to a tenant whose access tokens the interface
// accepts.
func (r *rig) accepting(u *upstreamtest.Upstream, tenant, audience string) (id string) {
	r.t.Helper()
	return r.send("POST", "/v1/identity-providers", fmt.Sprintf(
		`{"name":"Login","issuer":%q,"client_id":%q,"client_secret":"s","default_roles":["viewer"],"api_audience":%q}`, u.URL, upstreamtest.ClientID, audience,
	), "X-Tenant-Id: "+tenant).ok(201)["id"].(string)
}

// link lets a user be somebody of a tenant's provider, as the sign-in pages do.
func (r *rig) link(who uuid.UUID, tenant, idp, issuer, subject string) user.Identity {
	r.t.Helper()
	of := r.tenantID(tenant)
	identity := user.Identity{TenantID: of.String(), ProviderID: idp, Issuer: issuer, Subject: subject, Index: identityIndex(of, issuer, subject)}
	done, err := r.deps.Commands.LinkIdentity(context.Background(), commands.Request[commands.LinkIdentity]{
		Tenant: eventstore.SystemTenant, Stream: who.String(), Expected: eventstore.AnyVersion, Caller: self, Command: commands.LinkIdentity{Identity: identity},
	})
	require.NoError(r.t, err)
	require.NoError(r.t, r.deps.Projections.Wait(context.Background(), users.Name, eventstore.SystemTenant, done.Position))
	return identity
}

func (r *rig) unlink(who uuid.UUID, identity user.Identity) {
	r.t.Helper()
	done, err := r.deps.Commands.UnlinkIdentity(context.Background(), commands.Request[commands.UnlinkIdentity]{
		Tenant: eventstore.SystemTenant, Stream: who.String(), Expected: eventstore.AnyVersion, Caller: self, Command: commands.UnlinkIdentity{Index: identity.Index},
	})
	require.NoError(r.t, err)
	require.NoError(r.t, r.deps.Projections.Wait(context.Background(), users.Name, eventstore.SystemTenant, done.Position))
}

// soon is when a token is made that is not older than what was just set up; tokens
// count in seconds.
func soon() time.Time { return time.Now().Add(time.Second) }

func bearer(token string) string { return "Authorization: Bearer " + token }

// TestTokensOfATenantsProvider walks through what they are good for, and what not.
func TestTokensOfATenantsProvider(t *testing.T) {
	t.Parallel()
	r, u := newNode(t), upstreamtest.New(t)
	r.clock.goOn()
	acme := r.tenant("acme")
	r.tenant("beta")
	eve := r.person("eve", "acme", "developer")
	r.send("POST", "/v1/members", `{"user_id":"`+eve.user.String()+`","roles":["owner"]}`, "X-Tenant-Id: beta").ok(201)
	idp := r.accepting(u, "acme", upstreamtest.Audience)
	r.link(eve.user, "acme", idp, u.URL, "eve-at-work")
	auth := bearer(u.AccessToken("eve-at-work", soon(), nil))

	for _, name := range []string{"acme", acme, strings.ToUpper(acme)} {
		me := r.send("GET", "/v1/me", "", auth, "X-Tenant-Id: "+name).ok(200)
		require.Equal(t, "user:"+eve.user.String(), me["actor"])
		require.Equal(t, []any{"developer"}, me["roles"])
		require.NotContains(t, me, "session_id")
		require.Contains(t, me, "expires_at")
		require.Len(t, me["memberships"], 1, "of other tenants the token tells nothing")
	}
	hook := r.send("POST", "/v1/webhooks", hookBody, auth, "X-Tenant-Id: acme").ok(201)["id"].(string)
	r.send("GET", "/v1/webhooks/"+hook, "", auth, "X-Tenant-Id: acme").ok(200)
	last := r.send("GET", "/v1/events?order=desc&limit=1", "", auth, "X-Tenant-Id: acme").ok(200)["items"].([]any)[0].(map[string]any)
	require.Equal(t, "user:"+eve.user.String(), last["metadata"].(map[string]any)["actor"])
	r.send("GET", "/v1/sessions", "", auth, "X-Tenant-Id: acme").problem(403, "session.confined")
	for _, id := range []string{eve.session.String(), uuid.Nil.String()} {
		r.send("DELETE", "/v1/sessions/"+id, "", auth, "X-Tenant-Id: acme").problem(403, "session.confined")
	}
	r.send("GET", "/v1/me", "", eve.auth).ok(200)
	r.send("POST", "/v1/roles", `{"name":"x","title":"X","permissions":["events.read"]}`, auth, "X-Tenant-Id: acme").problem(403, "forbidden")
	for _, path := range []string{"/v1/tenants", "/v1/users", "/v1/clients", "/metrics"} {
		require.NotEqual(t, 200, r.send("GET", path, "", auth, "X-Tenant-Id: acme").Code, path)
	}

	refused := r.send("GET", "/v1/me", "", auth)
	require.Contains(t, refused.problem(401, "unauthorized")["detail"], "name the tenant")
	require.Contains(t, refused.Header().Get("WWW-Authenticate"), "invalid_token")
	for _, name := range []string{"beta", r.tenantID("beta").String(), "system", eventstore.SystemTenant.String(), "no-such-tenant", uuid.NewString(), "a b"} {
		r.send("GET", "/v1/webhooks", "", auth, "X-Tenant-Id: "+name).problem(401, "unauthorized")
		r.send("GET", "/v1/me", "", auth, "X-Tenant-Id: "+name).problem(401, "unauthorized")
	}
	stranger := r.send("GET", "/v1/me", "", bearer(u.AccessToken("nobody", soon(), nil)), "X-Tenant-Id: acme").problem(401, "unauthorized")
	require.Contains(t, stranger["detail"], "sign in once")

	r.send("POST", "/v1/tenants/acme/suspend", `{"reason":"r"}`).ok(200)
	r.send("GET", "/v1/webhooks", "", auth, "X-Tenant-Id: acme").problem(403, "tenant_suspended")
	r.send("POST", "/v1/tenants/acme/reactivate", "").ok(200)
	r.send("GET", "/v1/webhooks", "", auth, "X-Tenant-Id: acme").ok(200)
}

// TestTokensThatTheInterfaceRefuses: each is answered 401 and does nothing. What
// package federation tells apart is tried there, bit by bit.
func TestTokensThatTheInterfaceRefuses(t *testing.T) {
	t.Parallel()
	r, u, other := newNode(t), upstreamtest.New(t), upstreamtest.New(t)
	r.clock.goOn()
	r.tenant("acme")
	r.tenant("beta")
	eve := r.person("eve", "acme", "owner")
	idp := r.accepting(u, "acme", upstreamtest.Audience)
	r.link(eve.user, "acme", idp, u.URL, "eve")
	r.link(eve.user, "beta", r.accepting(other, "beta", upstreamtest.Audience), other.URL, "eve")
	silent := upstreamtest.New(t)
	r.link(eve.user, "acme", r.accepting(silent, "acme", ""), silent.URL, "eve")
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	now := soon()
	claims := u.AccessClaims("eve", now, nil)
	of := func(more map[string]any) string { return u.AccessToken("eve", now, more) }
	good := of(nil)
	r.send("GET", "/v1/webhooks", "", bearer(good), "X-Tenant-Id: acme").ok(200)
	before := r.position()
	for name, token := range map[string]string{
		"an issuer of another tenant":       other.AccessToken("eve", now, nil),
		"a provider without an audience":    silent.AccessToken("eve", now, map[string]any{"aud": ""}),
		"the client's audience":             of(map[string]any{"aud": upstreamtest.ClientID}),
		"another audience":                  of(map[string]any{"aud": "x"}),
		"an ID token":                       of(map[string]any{"nonce": "n"}),
		"an ID token of Keycloak":           of(map[string]any{"typ": "ID"}),
		"a refresh token":                   of(map[string]any{"typ": "Refresh"}),
		"a logout token":                    of(map[string]any{"events": map[string]any{}}),
		"expired":                           of(map[string]any{"iat": now.Unix() - 60, "exp": now.Unix() - 10}),
		"no end":                            of(map[string]any{"exp": nil}),
		"of the future":                     of(map[string]any{"iat": now.Unix() + 120}),
		"too long":                          of(map[string]any{"exp": now.Unix() + 25*60*60}),
		"bound to a key":                    of(map[string]any{"cnf": map[string]any{"jkt": "x"}}),
		"no subject":                        of(map[string]any{"sub": nil}),
		"made before the provider was here": of(map[string]any{"iat": now.Unix() - 120}),
		"an unknown key":                    u.Sign(jose.ES256, jose.JSONWebKey{Key: key, KeyID: "k2"}, "at+jwt", claims),
		"a wrong key":                       u.Sign(jose.ES256, jose.JSONWebKey{Key: key, KeyID: "k1"}, "at+jwt", claims),
		"a shared secret":                   u.Sign(jose.HS256, make([]byte, 32), "at+jwt", claims),
		"another type":                      u.Sign(jose.ES256, u.SigningKey(), "logout+jwt", claims),
		"without a signature":               good[:strings.LastIndexByte(good, '.')+1],
		"too large":                         of(map[string]any{"x": strings.Repeat("x", 13_000)}), // of the headers' limit
	} {
		a := r.send("POST", "/v1/tenants", `{"slug":"x","name":"X"}`, bearer(token), "X-Tenant-Id: acme")
		require.NotContains(t, a.problem(401, "unauthorized")["detail"], token, name)
		r.send("GET", "/v1/webhooks", "", bearer(token), "X-Tenant-Id: acme").problem(401, "unauthorized")
	}
	require.Equal(t, before, r.position())
}

// TestTheSameIssuerInTwoTenants never lets the rights of one be used in the other.
func TestTheSameIssuerInTwoTenants(t *testing.T) {
	t.Parallel()
	r, u := newNode(t), upstreamtest.New(t)
	r.clock.goOn()
	r.tenant("acme")
	r.tenant("beta")
	r.tenant("gamma")
	owner, guest := r.person("owner", "acme", "owner"), r.person("guest", "beta", "viewer")
	r.link(owner.user, "acme", r.accepting(u, "acme", upstreamtest.Audience), u.URL, "eve")
	r.link(guest.user, "beta", r.accepting(u, "beta", upstreamtest.Audience), u.URL, "eve")
	r.accepting(u, "gamma", upstreamtest.Audience)
	auth := bearer(u.AccessToken("eve", soon(), nil))
	for range 2 { // remembered the second time
		me := r.send("GET", "/v1/me", "", auth, "X-Tenant-Id: acme").ok(200)
		require.Equal(t, []any{"user:" + owner.user.String(), []any{"owner"}}, []any{me["actor"], me["roles"]})
		me = r.send("GET", "/v1/me", "", auth, "X-Tenant-Id: beta").ok(200)
		require.Equal(t, []any{"user:" + guest.user.String(), []any{"viewer"}}, []any{me["actor"], me["roles"]})
		r.send("POST", "/v1/webhooks", hookBody, auth, "X-Tenant-Id: beta").problem(403, "forbidden")
		r.send("GET", "/v1/me", "", auth, "X-Tenant-Id: gamma").problem(401, "unauthorized")
		r.send("GET", "/v1/me", "", auth).problem(401, "unauthorized")
	}
}

// TestAnExternalTokenEnds within a second of what takes its rights away, for
// requests, sockets and feeds.
func TestAnExternalTokenEnds(t *testing.T) {
	t.Parallel()
	r, u := newNode(t), upstreamtest.New(t)
	r.clock.goOn()
	r.tenant("acme")
	acme := "X-Tenant-Id: acme"
	server := httptest.NewServer(r.handler)
	t.Cleanup(server.Close)
	change := `{"name":"Login","client_id":"tansu","default_roles":["viewer"]`
	for name, take := range map[string]func(idp string, eve person, linked user.Identity){
		"disabled provider": func(idp string, _ person, _ user.Identity) {
			r.send("POST", "/v1/identity-providers/"+idp+"/disable", `{"reason":"r"}`, acme).ok(200)
		},
		"no audience": func(idp string, _ person, _ user.Identity) {
			r.send("PUT", "/v1/identity-providers/"+idp, change+`}`, acme).ok(200)
		},
		"another audience": func(idp string, _ person, _ user.Identity) {
			r.send("PUT", "/v1/identity-providers/"+idp, change+`,"api_audience":"x"}`, acme).ok(200)
		},
		"disabled user": func(_ string, eve person, _ user.Identity) {
			r.send("POST", "/v1/users/"+eve.user.String()+"/disable", `{"reason":"r"}`).ok(200)
		},
		"unlinked":         func(_ string, eve person, linked user.Identity) { r.unlink(eve.user, linked) },
		"removed provider": func(string, person, user.Identity) {},
	} {
		t.Run(name, func(t *testing.T) {
			idp := r.accepting(u, "acme", upstreamtest.Audience)
			eve := r.person("eve-"+strings.ReplaceAll(name, " ", "-"), "acme", "viewer")
			linked := r.link(eve.user, "acme", idp, u.URL, name)
			token := u.AccessToken(name, soon(), nil)
			socket := connect(t, server, token, "acme")
			require.Equal(t, "connected", socket.read()["type"])
			feed := r.follow(t, server, "/v1/feed", bearer(token), acme)
			feed.expect("subscribed")
			r.send("GET", "/v1/webhooks", "", bearer(token), acme).ok(200)

			take(idp, eve, linked)
			if name == "removed provider" {
				require.Equal(t, 204, r.send("DELETE", "/v1/identity-providers/"+idp, "", acme).Code)
			}
			begun := time.Now()
			require.Equal(t, 4401, socket.closed().Code)
			require.Eventually(t, func() bool { return r.send("GET", "/v1/webhooks", "", bearer(token), acme).Code == 401 }, 10*time.Second, 5*time.Millisecond)
			for {
				if _, more := feed.next(); !more {
					break
				}
			}
			require.Less(t, time.Since(begun), time.Second)
			if name != "removed provider" {
				require.Equal(t, 204, r.send("DELETE", "/v1/identity-providers/"+idp, "", acme).Code)
			}
		})
	}
}

// TestSocketsWithTokensOfOthers name their tenant, and keep to it.
func TestSocketsWithTokensOfOthers(t *testing.T) {
	t.Parallel()
	r, u := newNode(t), upstreamtest.New(t)
	r.clock.goOn()
	acme := r.tenant("acme")
	beta := r.tenant("beta")
	eve := r.person("eve", "acme", "viewer")
	bob := r.person("bob", "beta", "viewer")
	r.link(eve.user, "acme", r.accepting(u, "acme", upstreamtest.Audience), u.URL, "eve")
	r.link(bob.user, "beta", r.accepting(u, "beta", upstreamtest.Audience), u.URL, "eve")
	server := httptest.NewServer(r.handler)
	t.Cleanup(server.Close)
	token := u.AccessToken("eve", soon(), nil)
	first, second := connect(t, server, token, "acme"), connect(t, server, token, beta)
	answer := first.read()
	require.Equal(t, []any{"connected", acme, "user:" + eve.user.String()}, []any{answer["type"], answer["tenant"], answer["actor"]})
	require.Contains(t, answer, "expires_at")
	answer = second.read()
	require.Equal(t, []any{"connected", beta, "user:" + bob.user.String()}, []any{answer["type"], answer["tenant"], answer["actor"]})
	for _, name := range []string{"", "system", "no-such-tenant"} {
		turned := connect(t, server, token, name)
		require.Equal(t, "unauthorized", turned.read()["code"], name)
		require.Equal(t, 4401, turned.closed().Code)
	}

	// A refresh is about the tenant of the socket.
	again := u.AccessToken("eve", soon().Add(time.Second), nil)
	require.NoError(t, first.WriteJSON(map[string]string{"type": "refresh", "token": again}))
	require.Equal(t, "user:"+eve.user.String(), first.read()["actor"])
	require.NoError(t, second.WriteJSON(map[string]string{"type": "refresh", "token": again}))
	require.Equal(t, "user:"+bob.user.String(), second.read()["actor"])
	require.NoError(t, second.WriteJSON(map[string]string{"type": "refresh", "token": u.AccessToken("nobody", soon(), nil)}))
	require.Equal(t, "unauthorized", second.read()["code"])

	// What ends one does not end the other.
	r.send("POST", "/v1/users/"+bob.user.String()+"/disable", `{"reason":"r"}`).ok(200)
	require.Equal(t, 4401, second.closed().Code)
	r.send("GET", "/v1/me", "", bearer(again), "X-Tenant-Id: acme").ok(200)
	require.NoError(t, first.WriteJSON(map[string]string{"type": "refresh", "token": again}))
	require.Equal(t, "connected", first.read()["type"])
}

// TestAProviderThatCannotBeAsked: who was there before goes on, others are told to
// come again, and nobody makes the interface ask all the time.
func TestAProviderThatCannotBeAsked(t *testing.T) {
	t.Parallel()
	r, u := newNode(t), upstreamtest.New(t)
	r.tenant("acme")
	eve := r.person("eve", "acme", "viewer")
	r.link(eve.user, "acme", r.accepting(u, "acme", upstreamtest.Audience), u.URL, "eve")
	r.clock.pass(time.Since(r.clock.Now())) // setting up may have taken long
	acme, at := "X-Tenant-Id: acme", soon()
	cold := bearer(u.AccessToken("eve", at, nil))
	u.Do(func(u *upstreamtest.Upstream) { u.Down = true })
	for range 20 {
		a := r.send("GET", "/v1/webhooks", "", cold, acme)
		require.Contains(t, a.problem(503, "unavailable")["detail"], "identity provider")
		require.Equal(t, "5", a.Header().Get("Retry-After"))
	}
	require.Equal(t, 1, u.AskedFor("/.well-known/openid-configuration"))
	u.Do(func(u *upstreamtest.Upstream) { u.Down = false })
	r.clock.pass(5 * time.Second)
	r.send("GET", "/v1/webhooks", "", cold, acme).ok(200)
	u.Do(func(u *upstreamtest.Upstream) { u.Down = true })
	r.clock.pass(time.Minute)
	r.send("GET", "/v1/webhooks", "", cold, acme).ok(200)
	u.Do(func(u *upstreamtest.Upstream) { u.Down = false })

	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	before := u.AskedFor("/keys")
	for i := range 300 {
		rubbish := u.Sign(jose.ES256, jose.JSONWebKey{Key: key, KeyID: fmt.Sprint("stranger-", i)}, "at+jwt", u.AccessClaims("eve", at, nil))
		r.send("GET", "/v1/webhooks", "", bearer(rubbish), acme).problem(401, "unauthorized")
	}
	require.Equal(t, before+1, u.AskedFor("/keys"), "300 unknown keys at one moment are one question")
	u.Rotate()
	fresh := bearer(u.AccessToken("eve", at, nil))
	r.send("GET", "/v1/webhooks", "", fresh, acme).problem(401, "unauthorized")
	r.clock.pass(5 * time.Second)
	r.send("GET", "/v1/webhooks", "", fresh, acme).ok(200)
}
