package oidc_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	gooidc "github.com/coreos/go-oidc/v3/oidc"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"tansu.cloud/api/oidc"
	clientdomain "tansu.cloud/domain/identity/client"
	"tansu.cloud/domain/identity/permission"
)

const loopback = "http://127.0.0.1:49152/callback"

// party is a relying party made of what everybody uses.
type party struct {
	r        *rig
	provider *gooidc.Provider
	oauth2.Config
}

func (r *rig) party(id, secret, redirect string, scopes ...string) *party {
	r.t.Helper()
	provider, err := gooidc.NewProvider(context.Background(), r.server.URL)
	require.NoError(r.t, err)
	return &party{r, provider, oauth2.Config{ClientID: id, ClientSecret: secret, Endpoint: provider.Endpoint(), RedirectURL: redirect, Scopes: scopes}}
}

func (r *rig) cli() *party {
	return r.party(oidc.ClientCLI, "", loopback, "openid", "profile", "email", "offline_access", "api")
}

// authorize opens the authorization page.
func (p *party) authorize(b *browser, verifier string, more ...oauth2.AuthCodeOption) page {
	p.r.t.Helper()
	return b.get(p.AuthCodeURL("state-1", append([]oauth2.AuthCodeOption{oauth2.S256ChallengeOption(verifier), gooidc.Nonce("nonce-1")}, more...)...))
}

// signIn gets tokens for somebody of one tenant who is not signed in.
func (p *party) signIn(b *browser, email string) *oauth2.Token {
	p.r.t.Helper()
	verifier := oauth2.GenerateVerifier()
	came := b.signIn(p.authorize(b, verifier), email).at(p.RedirectURL)
	token, err := p.Exchange(context.Background(), came.Get("code"), oauth2.VerifierOption(verifier))
	require.NoError(p.r.t, err)
	return token
}

func TestCodeFlowWithPKCE(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	tenant, user := r.someone()
	rp, b := r.cli(), r.browser()
	verifier := oauth2.GenerateVerifier()

	page := rp.authorize(b, verifier).shows(http.StatusOK, "Tansu command line")
	came := b.signIn(page, "Ann@Example.com ").at(loopback)
	require.Equal(t, "state-1", came.Get("state"))
	require.Equal(t, r.server.URL, came.Get("iss"))

	token, err := rp.Exchange(t.Context(), came.Get("code"), oauth2.VerifierOption(verifier))
	require.NoError(t, err)
	require.NotEmpty(t, token.RefreshToken)

	raw := token.Extra("id_token").(string)
	id, err := rp.provider.Verifier(&gooidc.Config{ClientID: rp.ClientID}).Verify(t.Context(), raw)
	require.NoError(t, err)
	require.Equal(t, "nonce-1", id.Nonce)
	require.Equal(t, user.String(), id.Subject)
	require.NoError(t, id.VerifyAccessToken(token.AccessToken))

	claims, err := r.provider.Verify(t.Context(), token.AccessToken)
	require.NoError(t, err)
	require.Equal(t, user, claims.UserID)
	require.Equal(t, tenant, claims.TenantID)
	require.Equal(t, []string{permission.Owner}, claims.Roles)
	require.Equal(t, uuid.Nil, claims.ServiceAccountID)
	require.WithinDuration(t, time.Now().Add(10*time.Minute), claims.ExpiresAt, time.Minute)
	session, err := r.users.Session(t.Context(), claims.SessionID)
	require.NoError(t, err)
	require.True(t, session.Live())
	require.Equal(t, "program:password", session.Method, "of its own")

	info, err := rp.provider.UserInfo(t.Context(), oauth2.StaticTokenSource(token))
	require.NoError(t, err)
	require.Equal(t, "ann@example.com", info.Email)
	require.True(t, info.EmailVerified)

	// Signed in already: no password, but no program gets in unseen either.
	require.Equal(t, "consent_required", rp.authorize(b, verifier, oauth2.SetAuthURLParam("prompt", "none")).at(loopback).Get("error"))
	page = rp.authorize(b, verifier).shows(http.StatusOK, "Tansu command line")
	require.NotEmpty(t, b.submit(page, "/auth/consent", "decision", "allow").at(loopback).Get("code"))
	dashboard := r.party(oidc.ClientDashboard, "", r.server.URL+"/dashboard/callback", "openid")
	require.NotEmpty(t, dashboard.authorize(b, verifier).at(r.server.URL+"/dashboard/callback").Get("code"))
}

func TestRefreshRotatesAndReuseEndsTheFamily(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.someone()
	rp := r.cli()
	first := rp.signIn(r.browser(), "ann@example.com")

	second := rp.refresh(first.RefreshToken)
	require.NotEqual(t, first.RefreshToken, second.RefreshToken)
	same := rp.refresh(first.RefreshToken)
	require.Equal(t, second.RefreshToken, same.RefreshToken, "within the grace the same successor")
	third := rp.refresh(second.RefreshToken)
	require.Equal(t, "invalid_grant", rp.refused(first.RefreshToken), "the grandparent has no grace")
	require.Equal(t, "invalid_grant", rp.refused(third.RefreshToken), "the whole family ended")
	_, err := r.provider.Verify(t.Context(), third.AccessToken)
	require.ErrorIs(t, err, oidc.ErrTokenInvalid, "access tokens too")
}

func TestRefreshGraceIsShort(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.someone()
	rp := r.cli()
	first := rp.signIn(r.browser(), "ann@example.com")
	second := rp.refresh(first.RefreshToken)
	r.clock.advance(11 * time.Second)
	require.Equal(t, "invalid_grant", rp.refused(first.RefreshToken))
	require.Equal(t, "invalid_grant", rp.refused(second.RefreshToken))
}

func (p *party) refresh(token string) *oauth2.Token {
	p.r.t.Helper()
	fresh, err := p.TokenSource(context.Background(), &oauth2.Token{RefreshToken: token}).Token()
	require.NoError(p.r.t, err)
	return fresh
}

// refused returns the error of a refresh that must fail.
func (p *party) refused(token string) string {
	p.r.t.Helper()
	_, err := p.TokenSource(context.Background(), &oauth2.Token{RefreshToken: token}).Token()
	var answer *oauth2.RetrieveError
	require.ErrorAs(p.r.t, err, &answer)
	return answer.ErrorCode
}

func TestClientCredentials(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	tenant, _ := r.someone()
	account, id, secret := r.serviceAccount(tenant, permission.Developer)
	for name, style := range map[string]oauth2.AuthStyle{"basic": oauth2.AuthStyleInHeader, "post": oauth2.AuthStyleInParams} {
		config := clientcredentials.Config{ClientID: id, ClientSecret: secret, TokenURL: r.server.URL + "/oauth/token", AuthStyle: style}
		token, err := config.Token(t.Context())
		require.NoError(t, err, name)
		claims, err := r.provider.Verify(t.Context(), token.AccessToken)
		require.NoError(t, err, name)
		require.Equal(t, account, claims.ServiceAccountID)
		require.Equal(t, tenant, claims.TenantID)
		require.Equal(t, id, claims.Subject)
		require.Equal(t, []string{permission.Developer}, claims.Roles)
		require.Empty(t, token.RefreshToken)
	}
}

func TestDeviceFlow(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	tenant, user := r.someone()
	rp, b := r.cli(), r.browser()
	started, err := rp.DeviceAuth(t.Context())
	require.NoError(t, err)
	require.Regexp(t, `^[B-Z]{4}-[B-Z]{4}$`, started.UserCode)

	answer := r.token(url.Values{"grant_type": {deviceGrant}, "device_code": {started.DeviceCode}, "client_id": {rp.ClientID}})
	require.Equal(t, "authorization_pending", answer.code())
	answer = r.token(url.Values{"grant_type": {deviceGrant}, "device_code": {started.DeviceCode}, "client_id": {rp.ClientID}})
	require.Equal(t, "slow_down", answer.code())

	page := b.signIn(b.get("/auth/device?user_code="+strings.ToLower(started.UserCode)), "ann@example.com")
	page.shows(http.StatusOK, "Tansu command line")
	b.submit(page, "/auth/device/decision", "decision", "allow", "tenant", tenant.String()).shows(http.StatusOK, "signed in")

	answer = r.token(url.Values{"grant_type": {deviceGrant}, "device_code": {started.DeviceCode}, "client_id": {rp.ClientID}})
	token := answer.ok()
	claims, err := r.provider.Verify(t.Context(), token["access_token"].(string))
	require.NoError(t, err)
	require.Equal(t, user, claims.UserID)
	require.NotEmpty(t, rp.refresh(token["refresh_token"].(string)).AccessToken)

	answer = r.token(url.Values{"grant_type": {deviceGrant}, "device_code": {started.DeviceCode}, "client_id": {rp.ClientID}})
	require.Equal(t, "expired_token", answer.code(), "tokens come once")

	// Signing out of the browser does not end what runs in the device's session.
	b.submit(b.get("/auth/"), "/auth/sign-out")
	require.NotEmpty(t, rp.refresh(rp.refresh(token["refresh_token"].(string)).RefreshToken).AccessToken)
}

func TestConfidentialThirdPartyClientAsksForConsent(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.someone()
	id, secret := r.client(clientdomain.Confidential, false, "https://app.example.com/cb")
	rp, b := r.party(id, secret, "https://app.example.com/cb", "openid", "email"), r.browser()
	verifier := oauth2.GenerateVerifier()
	page := b.signIn(rp.authorize(b, verifier), "ann@example.com").shows(http.StatusOK, "Example App")
	require.Contains(t, page.header.Get("Content-Security-Policy"), "form-action 'self' https://app.example.com;")
	page.shows(http.StatusOK, "see your e-mail address")

	denied := b.submit(page, "/auth/consent", "decision", "deny").at("https://app.example.com/cb")
	require.Equal(t, "access_denied", denied.Get("error"))
	came := b.submit(page, "/auth/consent", "decision", "allow").at("https://app.example.com/cb")
	token, err := rp.Exchange(t.Context(), came.Get("code"), oauth2.VerifierOption(verifier))
	require.NoError(t, err)
	require.Empty(t, token.RefreshToken, "offline_access was not asked for")
	_, err = rp.provider.Verifier(&gooidc.Config{ClientID: id}).Verify(t.Context(), token.Extra("id_token").(string))
	require.NoError(t, err, "signed with RS256")
	_, err = r.provider.Verify(t.Context(), token.AccessToken)
	require.ErrorIs(t, err, oidc.ErrTokenInvalid, "without the scope api it is for userinfo only")
	_, err = rp.provider.UserInfo(t.Context(), oauth2.StaticTokenSource(token))
	require.NoError(t, err)

	require.NotEmpty(t, rp.authorize(b, verifier).at("https://app.example.com/cb").Get("code"), "consent is remembered")
	rp.Scopes = append(rp.Scopes, "api")
	rp.authorize(b, verifier).shows(http.StatusOK, "do whatever you may do")
	rp.Scopes = rp.Scopes[:2]
	rp.authorize(b, verifier, oauth2.SetAuthURLParam("prompt", "consent")).shows(http.StatusOK, "Example App")
}

func TestTenantChoiceAndSwitch(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	acme, user := r.someone()
	beta := r.tenant("beta", "Beta")
	r.member(beta, user, permission.Viewer)
	other := r.tenant("other", "Other")
	rp, b := r.cli(), r.browser()
	verifier := oauth2.GenerateVerifier()
	page := b.signIn(rp.authorize(b, verifier), "ann@example.com").shows(http.StatusOK, "Acme").shows(http.StatusOK, "Beta")
	require.NotContains(t, page.body, "Other")
	b.submit(page, "/auth/tenant", "tenant", "nonsense").shows(http.StatusUnprocessableEntity, "Choose one")
	require.Equal(t, "access_denied", b.submit(page, "/auth/tenant", "tenant", other.String()).at(loopback).Get("error"))
	came := b.submit(page, "/auth/tenant", "tenant", beta.String()).at(loopback)
	token, err := rp.Exchange(t.Context(), came.Get("code"), oauth2.VerifierOption(verifier))
	require.NoError(t, err)
	claims, err := r.provider.Verify(t.Context(), token.AccessToken)
	require.NoError(t, err)
	require.Equal(t, beta, claims.TenantID)

	switched := r.token(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token.RefreshToken}, "client_id": {rp.ClientID}, "tenant": {acme.String()}}).ok()
	claims, err = r.provider.Verify(t.Context(), switched["access_token"].(string))
	require.NoError(t, err)
	require.Equal(t, acme, claims.TenantID)
	require.Equal(t, []string{permission.Owner}, claims.Roles)
	stayed := rp.refresh(switched["refresh_token"].(string))
	claims, err = r.provider.Verify(t.Context(), stayed.AccessToken)
	require.NoError(t, err)
	require.Equal(t, acme, claims.TenantID, "the choice stays")
	require.Equal(t, "invalid_grant", r.token(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {stayed.RefreshToken}, "client_id": {rp.ClientID}, "tenant": {other.String()}}).code())

	wanted := rp.authorize(b, verifier, oauth2.SetAuthURLParam("tenant", other.String())).at(loopback)
	require.Equal(t, "access_denied", wanted.Get("error"))
}

func TestRelyingPartyLogout(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.someone()
	id, secret := r.client(clientdomain.Confidential, true, "https://app.example.com/cb")
	rp, b := r.party(id, secret, "https://app.example.com/cb", "openid", "offline_access", "api"), r.browser()
	token := rp.signIn(b, "ann@example.com")
	leave := url.Values{"id_token_hint": {token.Extra("id_token").(string)}, "post_logout_redirect_uri": {"https://app.example.com/bye"}, "state": {"s"}}
	out := b.get("/oauth/end_session?" + leave.Encode()).at("https://app.example.com/bye")
	require.Equal(t, "s", out.Get("state"))
	require.Equal(t, "invalid_grant", rp.refused(token.RefreshToken))
	_, err := r.provider.Verify(t.Context(), token.AccessToken)
	require.ErrorIs(t, err, oidc.ErrTokenInvalid)
	rp.authorize(b, oauth2.GenerateVerifier()).shows(http.StatusOK, "Sign in")
}

func TestLogoutWithoutProofAsks(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.someone()
	rp, b := r.cli(), r.browser()
	token := rp.signIn(b, "ann@example.com")
	page := b.get("/oauth/end_session").shows(http.StatusOK, "Sign out?")
	rp.refresh(token.RefreshToken)
	b.submit(page, "/auth/sign-out").shows(http.StatusOK, "You are signed out")
	rp.refresh(rp.refresh(token.RefreshToken).RefreshToken) // runs in a session of its own
	b.get("/oauth/end_session?client_id=tansu-dashboard&post_logout_redirect_uri=https://evil.example").shows(http.StatusBadRequest, "not registered")
	b.get("/oauth/end_session?client_id=tansu-dashboard&id_token_hint="+token.Extra("id_token").(string)).shows(http.StatusBadRequest, "not its own")
	b.signIn(b.get("/auth/login"), "ann@example.com")
	b.get("/oauth/end_session?id_token_hint="+token.AccessToken).shows(http.StatusOK, "Sign out?")
}
