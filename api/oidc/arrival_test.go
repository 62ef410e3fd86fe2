package oidc_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"

	"tansu.cloud/commands"
	clientdomain "tansu.cloud/domain/identity/client"
	"tansu.cloud/domain/identity/permission"
	"tansu.cloud/domain/identity/provider"
	"tansu.cloud/domain/identity/user"
	"tansu.cloud/domain/tenant"
	"tansu.cloud/eventstore"
	"tansu.cloud/platform/federation/upstreamtest"
	"tansu.cloud/projections/readmodels/access"
	"tansu.cloud/projections/readmodels/tenantdirectory"
	"tansu.cloud/projections/readmodels/users"
)

// By their address people are led to their organisation, and back to what they came
// for.
func TestAnAddressLeadsToItsOrganisation(t *testing.T) {
	t.Parallel()
	r, u := newRig(t), upstreamtest.New(t)
	acme, _ := r.someone()
	idp := r.idp(acme, u, nil)
	b := r.browser()
	find := func(p page, email string) page { return b.submit(p, "/auth/organisation", "email", email) }
	find(b.get("/auth/login"), "eve@acme.example").shows(http.StatusUnprocessableEntity, "No organisation")
	r.domain(acme, idp, "acme.example")
	find(b.get("/auth/login"), "eve").shows(http.StatusUnprocessableEntity, "not an e-mail address")
	find(b.get("/auth/login"), "eve@sub.acme.example").shows(http.StatusUnprocessableEntity, "No organisation")
	find(b.get("/auth/login"), "eve@acme.example.evil.example").shows(http.StatusUnprocessableEntity, "No organisation")

	u.SignIn(engineer("eve"))
	rp := r.cli()
	verifier := oauth2.GenerateVerifier()
	led := find(rp.authorize(b, verifier), " Eve@ACME.example").shows(http.StatusOK, strings.TrimPrefix(u.URL, "http://"))
	came := b.through(b.get(linkOn(t, led, "Continue to Acme login"))).at(rp.RedirectURL)
	token, err := rp.Exchange(t.Context(), came.Get("code"), oauth2.VerifierOption(verifier))
	require.NoError(t, err)
	claims, err := r.provider.Verify(t.Context(), token.AccessToken)
	require.NoError(t, err)
	require.Equal(t, acme, claims.TenantID)
	require.Equal(t, "eve@acme.example", u.Hint)

	beta := r.tenant("beta", "Beta")
	elsewhere := r.browser()
	login := rp.authorize(elsewhere, verifier, oauth2.SetAuthURLParam("tenant", beta.String()))
	led = elsewhere.submit(login, "/auth/organisation", "email", "eve@acme.example")
	elsewhere.get(linkOn(t, led, "Continue to Acme login")).shows(http.StatusForbidden, "tenant of another organisation")
	do(r, r.commands.DisableIdentityProvider, access.Name, acme, idp.String(), commands.DisableIdentityProvider{Reason: "odd"})
	find(b.get("/auth/login"), "eve@acme.example").shows(http.StatusUnprocessableEntity, "No organisation")
	elsewhere.get(linkOn(t, led, "Continue to Acme login")).shows(http.StatusForbidden, "tenant of another organisation")
	home := b.get(linkOn(t, led, "Continue to Acme login"))
	require.NotContains(t, home.body, upstreamtest.Secret)
}

// Who is let in, as whom, and with which address.
func TestWhoIsLetIn(t *testing.T) {
	t.Parallel()
	invited := func(p *provider.Profile) { p.JustInTime = false }
	guests := func(p *provider.Profile) { p.DefaultRoles = []string{"viewer"} }
	for name, c := range map[string]struct {
		profile func(*provider.Profile)
		claims  map[string]any
		status  int
		text    string
		email   string   // of the new user
		roles   []string // none: nobody is let in
	}{
		"a stranger":                        {nil, engineer("eve"), 200, "Your account", "eve@acme.example", []string{"developer"}},
		"a stranger who needs an invite":    {invited, engineer("eve"), 403, "no account here yet", "", nil},
		"without a group":                   {nil, map[string]any{"sub": "eve"}, 403, "None of the groups", "", nil},
		"with other groups":                 {nil, map[string]any{"sub": "eve", "groups": []string{"owner"}}, 403, "None of the groups", "", nil},
		"a guest":                           {guests, map[string]any{"sub": "eve", "groups": []string{"owner"}}, 200, "Your account", "", []string{"viewer"}},
		"several groups":                    {guests, map[string]any{"sub": "eve", "groups": []string{"support", "engineering"}}, 200, "Your account", "", []string{"developer", "viewer"}},
		"an address that nobody stands by":  {guests, map[string]any{"sub": "eve", "email": "eve@acme.example"}, 200, "Your account", "", []string{"viewer"}},
		"an address of another domain":      {guests, map[string]any{"sub": "eve", "email": "eve@beta.example", "email_verified": true}, 200, "Your account", "", []string{"viewer"}},
		"an address of another tenant":      {guests, map[string]any{"sub": "eve", "email": "eve@theirs.example", "email_verified": true}, 200, "Your account", "", []string{"viewer"}},
		"the address of somebody":           {guests, map[string]any{"sub": "eve", "email": "ann@acme.example", "email_verified": true}, 409, "never done by itself", "", nil},
		"the address of an owner elsewhere": {guests, map[string]any{"sub": "eve", "email": "ann@example.com", "email_verified": true}, 200, "Your account", "", []string{"viewer"}},
		"an odd name":                       {guests, map[string]any{"sub": "eve", "name": "<b>\x00" + strings.Repeat("ä", 300)}, 200, "Your account", "", []string{"viewer"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, u := newRig(t), upstreamtest.New(t)
			acme, ann := r.someone()
			beta := r.tenant("beta", "Beta")
			idp := r.idp(acme, u, c.profile)
			r.domain(acme, idp, "acme.example")
			r.domain(beta, uuid.New(), "theirs.example")
			r.user("ann@acme.example")
			u.SignIn(c.claims)
			b := r.browser()
			led := b.submit(b.get("/auth/login"), "/auth/organisation", "email", "eve@acme.example")
			b.through(b.get(linkOn(t, led, "Continue to Acme login"))).shows(c.status, c.text)
			identity, err := r.users.IdentityByIndex(t.Context(), identityIndex(acme, u.URL, "eve"))
			if c.roles == nil {
				require.ErrorIs(t, err, users.ErrNotFound)
				b.get("/auth/").shows(http.StatusOK, "E-mail address")
				return
			}
			require.NoError(t, err)
			require.NotEqual(t, ann, identity.UserID)
			eve, err := r.users.Get(t.Context(), identity.UserID)
			require.NoError(t, err)
			require.Equal(t, c.email, eve.Email)
			require.Equal(t, c.email != "", eve.Verified)
			memberships, err := r.access.MembershipsOf(t.Context(), eve.ID)
			require.NoError(t, err)
			require.Equal(t, []access.Membership{{Tenant: acme, Roles: c.roles}}, memberships)
			owner, err := r.access.Member(t.Context(), acme, ann)
			require.NoError(t, err)
			require.Equal(t, []string{"owner"}, owner.Roles, "nobody else changes")
		})
	}
}

// What an answer of a provider can be that is not one to what this browser asked.
func TestAnswersThatAreNone(t *testing.T) {
	t.Parallel()
	r, u := newRig(t), upstreamtest.New(t)
	acme, _ := r.someone()
	beta := r.tenant("beta", "Beta")
	idp, theirs := r.idp(acme, u, nil), r.idp(beta, u, nil)
	u.SignIn(engineer("eve"))
	rp := r.cli()
	// begun returns a browser that was sent away, and the answer that waits for it.
	begun := func() (*browser, *url.URL) {
		b := r.browser()
		away := rp.departure(b, "v", acme)
		outside := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		res, err := outside.Get(away.location.String())
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		back, err := res.Location()
		require.NoError(t, err)
		return b, back
	}
	at := func(back *url.URL, change func(url.Values)) string {
		q := back.Query()
		change(q)
		return back.Path + "?" + q.Encode()
	}
	nothing := func(url.Values) {}
	for name, c := range map[string]struct {
		visit func(b *browser, back *url.URL) page
		text  string
	}{
		"in another browser": {func(_ *browser, back *url.URL) page { return r.browser().get(at(back, nothing)) }, "sign-in is over"},
		"with another's state": {func(b *browser, _ *url.URL) page {
			_, other := begun()
			return b.get(at(other, nothing))
		}, "sign-in is over"},
		"of another provider": {func(b *browser, back *url.URL) page {
			return b.get("/auth/callback/" + theirs.String() + "?" + back.RawQuery)
		}, "sign-in is over"},
		"of no provider": {func(b *browser, back *url.URL) page { return b.get("/auth/callback/x?" + back.RawQuery) }, "sign-in is over"},
		"twice": {func(b *browser, back *url.URL) page {
			jar := b.http.Jar.Cookies(back) // as somebody would who has copied them
			b.get(at(back, nothing))
			b.http.Jar.SetCookies(&url.URL{Scheme: "http", Host: back.Host}, jar)
			return b.get(at(back, nothing))
		}, "finished before"},
		"later": {func(b *browser, back *url.URL) page {
			r.clock.advance(11 * time.Minute)
			return b.get(at(back, nothing))
		}, "sign-in is over"},
		"without a state": {func(b *browser, back *url.URL) page { return b.get(at(back, func(q url.Values) { q.Del("state") })) }, "sign-in is over"},
		"with two states": {func(b *browser, back *url.URL) page {
			return b.get(at(back, func(q url.Values) { q.Add("state", q.Get("state")) }))
		}, "cannot be read"},
		"with two codes": {func(b *browser, back *url.URL) page {
			return b.get(at(back, func(q url.Values) { q.Add("code", "x") }))
		}, "cannot be read"},
		"of another issuer": {func(b *browser, back *url.URL) page {
			return b.get(at(back, func(q url.Values) { q.Set("iss", "https://evil.example") }))
		}, "does not hold"},
		"without an issuer": {func(b *browser, back *url.URL) page { return b.get(at(back, func(q url.Values) { q.Del("iss") })) }, "does not hold"},
		"with another code": {func(b *browser, back *url.URL) page {
			return b.get(at(back, func(q url.Values) { q.Set("code", "x") }))
		}, "client id and its secret"},
		"with an error": {func(b *browser, back *url.URL) page {
			return b.get(at(back, func(q url.Values) { q.Set("error", "<script>alert(1)</script>") }))
		}, "not signed in"},
		"with a ticket for a cookie": {func(b *browser, back *url.URL) page {
			login := rp.authorize(b, "v", oauth2.SetAuthURLParam("tenant", acme.String()))
			link, err := url.Parse(linkOn(t, login, "Sign in with Acme login"))
			require.NoError(t, err)
			b.http.Jar.SetCookies(&url.URL{Scheme: "http", Host: back.Host}, []*http.Cookie{{Name: "tansu_external", Value: link.Query().Get("request"), Path: "/"}})
			return b.get(at(back, func(q url.Values) { q.Set("state", "") }))
		}, "sign-in is over"},
		"while the provider was disabled": {func(b *browser, back *url.URL) page {
			do(r, r.commands.DisableIdentityProvider, access.Name, acme, idp.String(), commands.DisableIdentityProvider{Reason: "odd"})
			defer do(r, r.commands.EnableIdentityProvider, access.Name, acme, idp.String(), commands.EnableIdentityProvider{})
			return b.get(at(back, nothing))
		}, "way in is closed"},
	} {
		b, back := begun()
		p := c.visit(b, back)
		require.Contains(t, p.body, c.text, name)
		require.GreaterOrEqual(t, p.status, 400, name)
		require.NotContains(t, p.body, "<script>alert", name)
		require.NotContains(t, p.body, "evil", name)
		require.NotContains(t, p.body, upstreamtest.Secret, name)
	}
	_, err := r.users.IdentityByIndex(t.Context(), identityIndex(beta, u.URL, "eve"))
	require.ErrorIs(t, err, users.ErrNotFound)

	// The beginning, too, takes only what we sealed.
	b := r.browser()
	for _, request := range []string{"", "x", strings.Repeat("A", 200)} {
		b.get("/auth/external?request="+request).shows(http.StatusBadRequest, "too old")
	}
	plain := b.get("/auth/device") // seals a ticket without a provider
	_, sealed, _ := strings.Cut(plain.url.RawQuery, "request=")
	b.get("/auth/external?request="+sealed).shows(http.StatusBadRequest, "too old")
	u.Do(func(u *upstreamtest.Upstream) { u.Down = true })
	other := upstreamtest.New(t)
	other.Do(func(u *upstreamtest.Upstream) { u.Down = true })
	down := r.idp(acme, other, func(p *provider.Profile) { p.Name = "Down" })
	_ = down
	login := rp.authorize(b, "v", oauth2.SetAuthURLParam("tenant", acme.String()))
	b.get(linkOn(t, login, "Sign in with Down")).shows(http.StatusBadGateway, "cannot be reached")
}

// Linking is done by the account's owner, and for nobody else.
func TestLinking(t *testing.T) {
	t.Parallel()
	r, u := newRig(t), upstreamtest.New(t)
	acme, ann := r.someone()
	idp := r.idp(acme, u, func(p *provider.Profile) { p.JustInTime = false })
	other := r.idp(r.tenant("beta", "Beta"), u, nil)
	u.SignIn(engineer("ann-at-work"))
	b := r.browser()
	security := b.signIn(b.get("/auth/security"), "ann@example.com")
	require.NotContains(t, security.body, other.String(), "providers of other tenants are not offered")
	departure := b.submit(security, "/auth/security/identity").shows(http.StatusOK, "Continue at your organisation")
	link := linkOn(t, departure, "Continue to Acme login")

	// What is sealed for Ann's session links nobody else's account.
	bob := r.user("bob@example.com")
	r.member(acme, bob, permission.Viewer)
	stranger := r.browser()
	stranger.signIn(stranger.get("/auth/login"), "bob@example.com")
	stranger.through(stranger.get(link)).shows(http.StatusBadRequest, "too old")
	nobody := r.browser()
	nobody.through(nobody.get(link)).shows(http.StatusOK, "E-mail address")

	list := b.through(b.get(link)).shows(http.StatusOK, "Unlink Acme login")
	require.Equal(t, "/auth/security", list.url.Path)
	require.NotContains(t, list.body, "Link Acme login")
	identities, err := r.users.Identities(t.Context(), ann)
	require.NoError(t, err)
	require.Len(t, identities, 1)
	require.Equal(t, []any{acme, idp, u.URL}, []any{identities[0].Tenant, identities[0].Provider, identities[0].Issuer})

	rp, phone := r.cli(), r.browser()
	claims, err := r.provider.Verify(t.Context(), rp.external(phone, acme).AccessToken)
	require.NoError(t, err)
	require.Equal(t, ann, claims.UserID)
	require.Equal(t, []string{"developer", "owner"}, claims.Roles)

	// It is hers now.
	taken := stranger.submit(stranger.get("/auth/security"), "/auth/security/identity")
	stranger.through(stranger.get(linkOn(t, taken, "Continue to Acme login"))).shows(http.StatusUnprocessableEntity, "linked to an account already")
	stranger.post("/auth/security/identity", url.Values{"tenant": {r.tenantOf("beta").String()}, "provider": {other.String()}}).shows(http.StatusOK, "Authenticator app")
	stranger.post("/auth/security/identity/remove", url.Values{"identity": {identities[0].Index}}).shows(http.StatusOK, "Authenticator app")
	phone.get("/auth/").shows(http.StatusOK, "Your account")

	b.submit(b.get("/auth/security"), "/auth/security/identity/remove").shows(http.StatusOK, "Link Acme login of Acme")
	phone.get("/auth/").shows(http.StatusOK, "E-mail address") // its sessions ended
	b.get("/auth/").shows(http.StatusOK, "Your account")
	again := r.browser()
	again.through(rp.departure(again, "v", acme)).shows(http.StatusForbidden, "no account here yet")

	// Erasing somebody frees their identities and what they were called.
	r.linked(ann, acme, idp, u.URL, "ann-at-work")
	do(r, r.commands.EraseUser, users.Name, eventstore.SystemTenant, ann.String(), commands.EraseUser{Reason: "asked to"})
	_, err = r.users.IdentityByIndex(t.Context(), identities[0].Index)
	require.ErrorIs(t, err, users.ErrNotFound)
	r.linked(bob, acme, idp, u.URL, "ann-at-work")
	events, err := r.store.ReadStream(t.Context(), eventstore.SystemTenant, eventstore.Stream{Type: user.StreamType, ID: ann.String()}, eventstore.StreamQuery{})
	require.NoError(t, err)
	for _, e := range events {
		require.NotContains(t, string(e.Data), "ann-at-work")
		if e.Type == "user.identity_linked" {
			payload, err := r.codec.Decode(t.Context(), e)
			require.NoError(t, err)
			require.Empty(t, payload.(user.IdentityLinked).Subject)
		}
	}
}

func TestATenantIsEnteredWhileItIsPrepared(t *testing.T) {
	t.Parallel()
	r, u, acme := newRig(t), upstreamtest.New(t), uuid.New()
	made := do(r, r.commands.CreateTenant, tenantdirectory.Name, eventstore.SystemTenant, acme.String(), commands.CreateTenant{
		Slug: "acme", Name: "Acme", Provision: &tenant.Provision{},
	})
	require.Equal(t, tenant.StatusProvisioning, made.State.Status)
	r.idp(acme, u, nil)
	u.SignIn(engineer("eve"))
	claims, err := r.provider.Verify(t.Context(), r.cli().external(r.browser(), acme).AccessToken)
	require.NoError(t, err)
	require.Equal(t, []string{"developer"}, claims.Roles)
}

// Somebody whom an administrator removed does not come back by a group.
func TestWhoWasRemovedStaysOut(t *testing.T) {
	t.Parallel()
	r, u := newRig(t), upstreamtest.New(t)
	acme, _ := r.someone()
	r.idp(acme, u, nil)
	u.SignIn(engineer("eve"))
	rp := r.cli()
	claims, err := r.provider.Verify(t.Context(), rp.external(r.browser(), acme).AccessToken)
	require.NoError(t, err)
	do(r, r.commands.RemoveMember, access.Name, acme, claims.UserID.String(), commands.RemoveMember{Reason: "left"})
	b := r.browser()
	b.through(rp.departure(b, "v", acme)).shows(http.StatusForbidden, "You were removed here")
	do(r, r.commands.AddMember, access.Name, acme, claims.UserID.String(), commands.AddMember{Roles: []string{"viewer"}})
	claims, err = r.provider.Verify(t.Context(), rp.external(r.browser(), acme).AccessToken)
	require.NoError(t, err)
	require.Equal(t, []string{"developer", "viewer"}, claims.Roles)
	do(r, r.commands.DisableUser, users.Name, eventstore.SystemTenant, claims.UserID.String(), commands.DisableUser{Reason: "odd"})
	b.through(rp.departure(b, "v", acme)).shows(http.StatusForbidden, "account is closed")
	away := rp.departure(b, "v", acme)
	do(r, r.commands.SuspendTenant, tenantdirectory.Name, eventstore.SystemTenant, acme.String(), commands.SuspendTenant{Reason: "late"})
	b.through(away).shows(http.StatusForbidden, "way in is closed")
}

// TestTansuSignsInAtTansu has another installation as the provider, which is real in
// every way.
func TestTansuSignsInAtTansu(t *testing.T) {
	t.Parallel()
	r, other := newRig(t), newRig(t)
	acme := r.tenant("acme", "Acme")
	other.someone()
	id, secret := uuid.New(), uuid.New()
	client, text := other.client(clientdomain.Confidential, true, r.server.URL+"/auth/callback/"+id.String())
	require.NoError(t, r.secrets.StoreProviderSecret(t.Context(), acme, id, secret, text))
	do(r, r.commands.AddIdentityProvider, access.Name, acme, id.String(), commands.AddIdentityProvider{
		Issuer: other.server.URL, PlainHTTP: true, SecretID: secret.String(),
		Profile: provider.Profile{Name: "Acme login", ClientID: client, DefaultRoles: []string{"viewer"}, JustInTime: true},
	})
	r.domain(acme, id, "example.com")
	rp, verifier := r.cli(), oauth2.GenerateVerifier()
	away := rp.departure(r.browser(), verifier, acme)
	there := other.browser()
	back := there.signIn(there.get(away.location.String()), "ann@example.com")
	require.NotNil(t, back.location, back.body)
	b := r.browser()
	b.get(back.location.String()).shows(http.StatusBadRequest, "sign-in is over") // in another browser

	b = r.browser()
	away = rp.departure(b, verifier, acme)
	back = there.submit(there.get(away.location.String()), "/auth/consent", "decision", "allow") // a loopback address is a program's
	came := b.get(back.location.String()).at(rp.RedirectURL)
	token, err := rp.Exchange(t.Context(), came.Get("code"), oauth2.VerifierOption(verifier))
	require.NoError(t, err)
	claims, err := r.provider.Verify(t.Context(), token.AccessToken)
	require.NoError(t, err)
	require.Equal(t, []string{"viewer"}, claims.Roles)
	ann, err := r.users.Get(t.Context(), claims.UserID)
	require.NoError(t, err)
	require.Equal(t, []string{"ann@example.com", "Ann Example"}, []string{ann.Email, ann.Name})
}
