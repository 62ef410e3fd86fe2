package oidc_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"

	"tansu.cloud/commands"
	"tansu.cloud/domain/identity/permission"
	"tansu.cloud/domain/identity/provider"
	"tansu.cloud/domain/identity/user"
	"tansu.cloud/eventstore"
	"tansu.cloud/platform/federation/upstreamtest"
	"tansu.cloud/projections/readmodels/access"
	"tansu.cloud/projections/readmodels/users"
)

// idp adds an upstream as the identity provider of a tenant.
func (r *rig) idp(tenant uuid.UUID, u *upstreamtest.Upstream, change func(*provider.Profile)) uuid.UUID {
	r.t.Helper()
	profile := provider.Profile{
		Name: "Acme login", ClientID: upstreamtest.ClientID, JustInTime: true,
		Mapping: []provider.GroupRoles{{Group: "engineering", Roles: []string{"developer"}}, {Group: "support", Roles: []string{"viewer"}}},
	}
	if change != nil {
		change(&profile)
	}
	id, secret := uuid.New(), uuid.New()
	require.NoError(r.t, r.secrets.StoreProviderSecret(r.t.Context(), tenant, id, secret, upstreamtest.Secret))
	do(r, r.commands.AddIdentityProvider, access.Name, tenant, id.String(), commands.AddIdentityProvider{
		Issuer: u.URL, PlainHTTP: true, SecretID: secret.String(), Profile: profile,
	})
	return id
}

// domain leads an e-mail domain to a provider.
func (r *rig) domain(tenant, idp uuid.UUID, name string) {
	r.t.Helper()
	do(r, r.commands.HoldMailDomain, access.Name, eventstore.SystemTenant, name, commands.HoldMailDomain{TenantID: tenant.String(), ProviderID: idp.String()})
}

// linkOn finds a link of a page by its text.
func linkOn(t testing.TB, p page, text string) string {
	t.Helper()
	before, _, found := strings.Cut(p.body, ">"+text+"<")
	require.True(t, found, "no link %q in %s", text, p.body)
	_, href, found := strings.Cut(before[strings.LastIndex(before, "<a "):], `href="`)
	require.True(t, found)
	href, _, _ = strings.Cut(href, `"`)
	return href
}

// departure opens the authorization page for a tenant and follows the link to its
// provider, up to where the browser leaves.
func (p *party) departure(b *browser, verifier string, tenant uuid.UUID) page {
	p.r.t.Helper()
	login := p.authorize(b, verifier, oauth2.SetAuthURLParam("tenant", tenant.String()))
	return b.get(linkOn(p.r.t, login, "Sign in with Acme login"))
}

// through lets the browser go to the provider and back.
func (b *browser) through(p page) page {
	b.t.Helper()
	require.NotNil(b.t, p.location, "%d %s", p.status, p.body)
	return b.get(p.location.String())
}

// external signs somebody in through their provider and gets tokens.
func (p *party) external(b *browser, tenant uuid.UUID) *oauth2.Token {
	p.r.t.Helper()
	verifier := oauth2.GenerateVerifier()
	came := b.through(p.departure(b, verifier, tenant)).at(p.RedirectURL)
	require.Empty(p.r.t, came.Get("error"), came)
	token, err := p.Exchange(context.Background(), came.Get("code"), oauth2.VerifierOption(verifier))
	require.NoError(p.r.t, err)
	return token
}

func engineer(subject string) map[string]any {
	return map[string]any{"sub": subject, "name": "Eve Engineer", "email": subject + "@acme.example", "email_verified": true, "groups": []string{"engineering"}}
}

func TestAnIdentityProviderSignsPeopleIn(t *testing.T) {
	t.Parallel()
	r, u := newRig(t), upstreamtest.New(t)
	acme, _ := r.someone()
	idp := r.idp(acme, u, nil)
	r.domain(acme, idp, "acme.example")
	u.SignIn(engineer("eve"))
	rp := r.cli()
	token := rp.external(r.browser(), acme)
	claims, err := r.provider.Verify(t.Context(), token.AccessToken)
	require.NoError(t, err)
	require.Equal(t, acme, claims.TenantID)
	require.Equal(t, []string{"developer"}, claims.Roles)

	eve, err := r.users.Get(t.Context(), claims.UserID)
	require.NoError(t, err)
	require.Equal(t, []any{"eve@acme.example", true, "Eve Engineer", ""}, []any{eve.Email, eve.Verified, eve.Name, eve.PasswordID})
	session, err := r.users.Session(t.Context(), claims.SessionID)
	require.NoError(t, err)
	require.Equal(t, []any{acme, idp, "program:identity_provider"}, []any{session.ConfinedTo, session.ProviderID, session.Method})

	u.Do(func(u *upstreamtest.Upstream) { u.Claims["groups"] = []string{"support"} })
	again, err := r.provider.Verify(t.Context(), rp.external(r.browser(), acme).AccessToken)
	require.NoError(t, err)
	require.Equal(t, claims.UserID, again.UserID, "known by issuer and subject")
	require.Equal(t, []string{"viewer"}, again.Roles, "roles follow the groups")
	refreshed, err := rp.TokenSource(t.Context(), &oauth2.Token{RefreshToken: token.RefreshToken}).Token()
	require.NoError(t, err)
	claims, err = r.provider.Verify(t.Context(), refreshed.AccessToken)
	require.NoError(t, err)
	require.Equal(t, []string{"viewer"}, claims.Roles)

	u.Do(func(u *upstreamtest.Upstream) { delete(u.Claims, "groups") })
	b := r.browser()
	b.through(rp.departure(b, "v", acme)).shows(http.StatusForbidden, "None of the groups")
	_, err = r.access.Member(t.Context(), acme, claims.UserID)
	require.ErrorIs(t, err, access.ErrNotFound)
	_, err = rp.TokenSource(t.Context(), refreshed).Token()
	require.NoError(t, err, "still valid")
	_, err = rp.TokenSource(t.Context(), &oauth2.Token{RefreshToken: refreshed.RefreshToken}).Token()
	require.ErrorContains(t, err, "not a member")
	require.NotContains(t, r.logs.String(), upstreamtest.Secret)
}

// What a tenant's provider vouched for is good for that tenant, on every way to a
// token and to the account.
func TestASessionOfAProviderIsConfined(t *testing.T) {
	t.Parallel()
	r, u := newRig(t), upstreamtest.New(t)
	acme, ann := r.someone()
	beta := r.tenant("beta", "Beta")
	r.member(beta, ann, permission.Owner)
	r.member(eventstore.SystemTenant, ann, permission.Owner)
	idp := r.idp(acme, u, nil)
	r.linked(ann, acme, idp, u.URL, "ann")
	u.SignIn(map[string]any{"sub": "ann", "groups": []string{"engineering"}})
	rp, b := r.cli(), r.browser()
	token := rp.external(b, acme)
	claims, err := r.provider.Verify(t.Context(), token.AccessToken)
	require.NoError(t, err)
	require.Equal(t, ann, claims.UserID)
	require.Equal(t, []string{"developer", "owner"}, claims.Roles, "what others gave stays")

	for name, other := range map[string]uuid.UUID{"another tenant": beta, "the system tenant": eventstore.SystemTenant} {
		login := rp.authorize(b, oauth2.GenerateVerifier(), oauth2.SetAuthURLParam("tenant", other.String()))
		login.shows(http.StatusOK, "E-mail address") // for that tenant nobody is signed in
		require.NotContains(t, login.body, "Acme login", name)
		silent := rp.authorize(b, oauth2.GenerateVerifier(), oauth2.SetAuthURLParam("tenant", other.String()), oauth2.SetAuthURLParam("prompt", "none"))
		require.Equal(t, "login_required", silent.at(rp.RedirectURL).Get("error"), name)
		refusal := r.token(url.Values{
			"grant_type": {"refresh_token"}, "client_id": {rp.ClientID}, "refresh_token": {token.RefreshToken}, "tenant": {other.String()},
		})
		require.Equal(t, "invalid_grant", refusal.code(), name)
		require.Contains(t, refusal.body, "own password or passkey", name)
	}
	came := rp.authorize(b, "verifier", oauth2.SetAuthURLParam("prompt", "select_account"))
	choose := came.shows(http.StatusOK, "Choose a tenant")
	require.NotContains(t, choose.body, "Beta")
	require.NotContains(t, choose.body, "The platform itself")
	b.submit(choose, "/auth/tenant", "tenant", beta.String()).shows(http.StatusOK, "E-mail address")

	device, err := rp.DeviceAuth(t.Context())
	require.NoError(t, err)
	approve := b.get("/auth/device?user_code=" + device.UserCode)
	require.NotContains(t, approve.body, "Beta")
	b.submit(approve, "/auth/device/decision", "decision", "allow", "tenant", beta.String()).shows(http.StatusUnprocessableEntity, "Choose one of the tenants")
	b.submit(approve, "/auth/device/decision", "decision", "allow", "tenant", acme.String()).shows(http.StatusOK, "signed in")
	polled := r.token(url.Values{"grant_type": {deviceGrant}, "device_code": {device.DeviceCode}, "client_id": {rp.ClientID}}).ok()
	refused := r.token(url.Values{
		"grant_type": {"refresh_token"}, "client_id": {rp.ClientID}, "refresh_token": {polled["refresh_token"].(string)}, "tenant": {beta.String()},
	})
	require.Equal(t, "invalid_grant", refused.code(), "a device is as confined")

	b.get("/auth/security").shows(http.StatusForbidden, "own password or passkey")
	for _, path := range r.provider.FormPaths() {
		if strings.HasPrefix(path, "/auth/security") {
			b.post(path, url.Values{"tenant": {acme.String()}, "provider": {idp.String()}, "identity": {identityIndex(acme, u.URL, "ann")}}).
				shows(http.StatusForbidden, "own password or passkey")
		}
	}
	found, err := r.users.Identities(t.Context(), ann)
	require.NoError(t, err)
	require.Len(t, found, 1)

	own := b.signIn(b.get(linkOn(t, b.get("/auth/security"), "Sign in with your own password or passkey")), "ann@example.com")
	own.shows(http.StatusOK, "Through your organisation")
	verifier := oauth2.GenerateVerifier()
	consent := rp.authorize(b, verifier, oauth2.SetAuthURLParam("tenant", beta.String()))
	code := b.submit(consent, "/auth/consent", "decision", "allow").at(rp.RedirectURL).Get("code")
	free, err := rp.Exchange(t.Context(), code, oauth2.VerifierOption(verifier))
	require.NoError(t, err)
	claims, err = r.provider.Verify(t.Context(), free.AccessToken)
	require.NoError(t, err)
	require.Equal(t, beta, claims.TenantID)
}

// A provider that is disabled or removed takes its sessions along; enabling it
// again does not bring them back.
func TestSessionsEndWithTheirProvider(t *testing.T) {
	t.Parallel()
	r, u := newRig(t), upstreamtest.New(t)
	acme, _ := r.someone()
	idp := r.idp(acme, u, nil)
	u.SignIn(engineer("eve"))
	rp, b, other := r.cli(), r.browser(), r.browser()
	first, kept := rp.external(b, acme), rp.external(other, acme)
	b.get("/auth/").shows(http.StatusOK, "Your account")
	do(r, r.commands.DisableIdentityProvider, access.Name, acme, idp.String(), commands.DisableIdentityProvider{Reason: "odd"})
	b.get("/auth/").shows(http.StatusOK, "E-mail address")
	_, err := rp.TokenSource(t.Context(), &oauth2.Token{RefreshToken: first.RefreshToken}).Token()
	require.ErrorContains(t, err, "sign in again")
	r.clock.advance(time.Second)
	do(r, r.commands.EnableIdentityProvider, access.Name, acme, idp.String(), commands.EnableIdentityProvider{})
	b.get("/auth/").shows(http.StatusOK, "E-mail address")
	_, err = rp.TokenSource(t.Context(), &oauth2.Token{RefreshToken: kept.RefreshToken}).Token()
	require.ErrorContains(t, err, "sign in again")
	token := rp.external(b, acme)
	do(r, r.commands.RemoveIdentityProvider, access.Name, acme, idp.String(), commands.RemoveIdentityProvider{})
	_, err = rp.TokenSource(t.Context(), &oauth2.Token{RefreshToken: token.RefreshToken}).Token()
	require.ErrorContains(t, err, "sign in again")
	b.get("/auth/").shows(http.StatusOK, "E-mail address")
}

// linked links an identity to a user.
func (r *rig) linked(whose, tenant, idp uuid.UUID, issuer, subject string) {
	r.t.Helper()
	do(r, r.commands.LinkIdentity, users.Name, eventstore.SystemTenant, whose.String(), commands.LinkIdentity{Identity: user.Identity{
		TenantID: tenant.String(), ProviderID: idp.String(), Issuer: issuer, Subject: subject, Index: identityIndex(tenant, issuer, subject),
	}})
}
