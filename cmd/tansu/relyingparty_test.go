package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	gooidc "github.com/coreos/go-oidc/v3/oidc"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

// shop is a web site whose customers sign in by Tansu: at https://example.com in
// the browsers that take its network.
type shop struct {
	oauth2.Config
	network  *http.Transport
	provider *gooidc.Provider
	issuer   string
	underWay sync.Map // beginning by state
	signedIn chan *oauth2.Token
}

type beginning struct{ verifier, nonce string }

const shopURL = "https://example.com"

// newShop opens a shop that a site knows as a confidential client.
func newShop(s *site) *shop {
	s.t.Helper()
	provider, err := gooidc.NewProvider(s.t.Context(), s.url)
	require.NoError(s.t, err)
	registered := create[clientInfo](s, "", "/v1/clients", map[string]any{
		"name": "Shop", "type": "confidential", "token_endpoint_auth": "secret", "grants": []string{"authorization_code", "refresh_token"},
		"redirect_uris": []string{shopURL + "/callback"}, "post_logout_redirect_uris": []string{shopURL + "/bye"},
		"scopes": []string{"openid", "profile", "email", "offline_access", "api"},
	})
	h := &shop{
		Config: oauth2.Config{
			ClientID: registered.ID, ClientSecret: registered.ClientSecret, Endpoint: provider.Endpoint(), RedirectURL: shopURL + "/callback",
			Scopes: []string{"openid", "profile", "email", "offline_access", "api"},
		},
		provider: provider, issuer: s.url, signedIn: make(chan *oauth2.Token, 1),
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /login", h.login)
	mux.HandleFunc("GET /callback", func(w http.ResponseWriter, r *http.Request) {
		token, greeting, err := h.callback(r.Context(), r.URL.Query())
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		h.signedIn <- token
		fmt.Fprint(w, greeting)
	})
	mux.HandleFunc("GET /bye", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "Bye, ", r.FormValue("state")) })
	server := httptest.NewTLSServer(mux) // whose certificate is for example.com
	s.t.Cleanup(server.Close)
	h.network = server.Client().Transport.(*http.Transport).Clone()
	h.network.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		if address == "example.com:443" {
			address = server.Listener.Addr().String()
		}
		return new(net.Dialer).DialContext(ctx, network, address)
	}
	return h
}

func (h *shop) login(w http.ResponseWriter, r *http.Request) {
	state, begun := oauth2.GenerateVerifier(), beginning{oauth2.GenerateVerifier(), oauth2.GenerateVerifier()}
	h.underWay.Store(state, begun)
	http.Redirect(w, r, h.AuthCodeURL(state, oauth2.S256ChallengeOption(begun.verifier), gooidc.Nonce(begun.nonce)), http.StatusSeeOther)
}

// callback checks everything that a careful relying party checks.
func (h *shop) callback(ctx context.Context, answer url.Values) (*oauth2.Token, string, error) {
	begun, known := h.underWay.LoadAndDelete(answer.Get("state"))
	if !known || answer.Get("iss") != h.issuer {
		return nil, "", fmt.Errorf("not an answer to us: %v", answer)
	}
	if answer.Has("error") {
		return nil, "", errors.New(answer.Get("error"))
	}
	token, err := h.Exchange(ctx, answer.Get("code"), oauth2.VerifierOption(begun.(beginning).verifier))
	if err != nil {
		return nil, "", err
	}
	raw, _ := token.Extra("id_token").(string)
	id, err := h.provider.Verifier(&gooidc.Config{ClientID: h.ClientID}).Verify(ctx, raw)
	if err != nil {
		return nil, "", err
	}
	if id.Nonce != begun.(beginning).nonce {
		return nil, "", errors.New("the ID token is of another sign-in")
	}
	if err := id.VerifyAccessToken(token.AccessToken); err != nil {
		return nil, "", err
	}
	info, err := h.provider.UserInfo(ctx, oauth2.StaticTokenSource(token))
	if err != nil {
		return nil, "", err
	}
	var profile struct{ Name string }
	if err := info.Claims(&profile); err != nil || info.Subject != id.Subject {
		return nil, "", fmt.Errorf("userinfo of %s, ID token of %s: %w", info.Subject, id.Subject, err)
	}
	return token, fmt.Sprintf("Hello %s <%s>", profile.Name, info.Email), nil
}

// refresh returns the next tokens of a family, or the OAuth error.
func (h *shop) refresh(t *testing.T, token string) (fresh *oauth2.Token, refusal string) {
	t.Helper()
	fresh, err := h.TokenSource(t.Context(), &oauth2.Token{RefreshToken: token}).Token()
	var answer *oauth2.RetrieveError
	if errors.As(err, &answer) {
		return nil, answer.ErrorCode
	}
	require.NoError(t, err)
	return fresh, ""
}

func TestARelyingPartySignsPeopleInAndOut(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	acme, h := s.newTenant("acme"), newShop(s)
	s.invite(newVisitor(t, nil), acme, "ann@example.com", "Ann Example", "admin")

	ann := newVisitor(t, h.network) // at another device, with her password
	page := ann.submit(ann.get(shopURL+"/login"), s.url+"/auth/login", "email", "ann@example.com", "password", passphrase)
	require.Contains(t, page, "see your e-mail address")
	require.Contains(t, ann.submit(page, s.url+"/auth/consent", "decision", "allow"), "Hello Ann Example <ann@example.com>")
	token := <-h.signedIn
	var me meInfo
	require.NoError(t, json.Unmarshal(s.do(http.StatusOK, request{method: http.MethodGet, path: "/v1/me", token: token.AccessToken}), &me))
	require.Equal(t, "ann@example.com", me.User.Email)
	require.Equal(t, acme, me.Tenant.ID)
	require.Equal(t, []string{"admin"}, me.Roles)

	// What was used up ends the family, with everything it gave.
	second, refusal := h.refresh(t, token.RefreshToken)
	require.Empty(t, refusal)
	third, refusal := h.refresh(t, second.RefreshToken)
	require.Empty(t, refusal)
	s.do(http.StatusOK, request{method: http.MethodGet, path: "/v1/me", token: third.AccessToken})
	_, refusal = h.refresh(t, token.RefreshToken)
	require.Equal(t, "invalid_grant", refusal)
	_, refusal = h.refresh(t, third.RefreshToken)
	require.Equal(t, "invalid_grant", refusal)
	s.refused(third.AccessToken)

	require.Contains(t, ann.get(shopURL+"/login"), "Hello Ann", "the browser is signed in, and Ann has agreed")
	token = <-h.signedIn
	leave := url.Values{
		"id_token_hint": {token.Extra("id_token").(string)}, "post_logout_redirect_uri": {shopURL + "/bye"}, "state": {"and come again"},
	}
	require.Equal(t, "Bye, and come again", ann.get(s.endSession()+"?"+leave.Encode()))
	_, refusal = h.refresh(t, token.RefreshToken)
	require.Equal(t, "invalid_grant", refusal)
	s.refused(token.AccessToken)
	require.Contains(t, ann.get(shopURL+"/login"), "Password")
}

// refused waits until a token holds no more.
func (s *site) refused(token string) {
	s.t.Helper()
	require.Eventually(s.t, func() bool { return s.status("/v1/me", token) == http.StatusUnauthorized }, time.Minute, 20*time.Millisecond)
}

func (s *site) endSession() string {
	s.t.Helper()
	provider, err := gooidc.NewProvider(s.t.Context(), s.url)
	require.NoError(s.t, err)
	var document struct {
		EndSession string `json:"end_session_endpoint"`
	}
	require.NoError(s.t, provider.Claims(&document))
	return document.EndSession
}

func TestADeviceAndAServiceAccountGetTokens(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	acme, ann := s.newTenant("acme"), newVisitor(t, nil)
	s.invite(ann, acme, "ann@example.com", "Ann Example", "viewer")
	provider, err := gooidc.NewProvider(t.Context(), s.url)
	require.NoError(t, err)

	registered := create[clientInfo](s, "", "/v1/clients", map[string]any{
		"name": "Television", "type": "public", "token_endpoint_auth": "none", "grants": []string{"device_code", "refresh_token"},
		"scopes": []string{"openid", "offline_access", "api"},
	})
	device := oauth2.Config{ClientID: registered.ID, Endpoint: provider.Endpoint(), Scopes: []string{"openid", "offline_access", "api"}}
	started, err := device.DeviceAuth(t.Context())
	require.NoError(t, err)
	page := ann.get(started.VerificationURIComplete)
	require.Contains(t, page, "Television")
	require.Contains(t, ann.submit(page, s.url+"/auth/device/decision", "decision", "allow", "tenant", acme), "The program is signed in")
	started.Interval = 1 // she was quick
	token, err := device.DeviceAccessToken(t.Context(), started)
	require.NoError(t, err)
	id, err := provider.Verifier(&gooidc.Config{ClientID: device.ClientID}).Verify(t.Context(), token.Extra("id_token").(string))
	require.NoError(t, err)
	fresh, err := device.TokenSource(t.Context(), &oauth2.Token{RefreshToken: token.RefreshToken}).Token()
	require.NoError(t, err)
	var me meInfo
	require.NoError(t, json.Unmarshal(s.do(http.StatusOK, request{method: http.MethodGet, path: "/v1/me", token: fresh.AccessToken}), &me))
	require.Equal(t, id.Subject, me.User.ID)
	require.Equal(t, acme, me.Tenant.ID)

	account := create[serviceAccountInfo](s, acme, "/v1/service-accounts", map[string]any{"name": "Billing", "roles": []string{"viewer"}})
	program := clientcredentials.Config{ClientID: account.ClientID, ClientSecret: account.ClientSecret, TokenURL: provider.Endpoint().TokenURL}
	token, err = program.Token(t.Context())
	require.NoError(t, err)
	require.Empty(t, token.RefreshToken)
	s.do(http.StatusOK, request{method: http.MethodGet, path: "/v1/members", token: token.AccessToken})
	s.do(http.StatusForbidden, request{method: http.MethodPost, path: "/v1/invites", token: token.AccessToken,
		body: map[string]any{"email": "eve@example.com", "roles": []string{"viewer"}}})
}
