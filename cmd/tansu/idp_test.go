package main

import (
	"encoding/json"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"testing"
	"time"

	gooidc "github.com/coreos/go-oidc/v3/oidc"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"

	"tansu.cloud/api/oidc"
	"tansu.cloud/platform/federation/upstreamtest"
)

// TestATenantSignsItsPeopleIn is the whole way: an administrator adds a provider,
// people come through it, their groups change, and the provider is turned off.
func TestATenantSignsItsPeopleIn(t *testing.T) {
	t.Parallel()
	s, upstream := newSite(t, "TANSU_WEBHOOKS_ALLOWED_NETWORKS=127.0.0.0/8"), upstreamtest.New(t)
	acme, beta := s.newTenant("acme"), s.newTenant("beta")
	idp := create[idpInfo](s, acme, "/v1/identity-providers", map[string]any{
		"name": "Acme login", "issuer": upstream.URL, "client_id": upstreamtest.ClientID, "client_secret": upstreamtest.Secret, "just_in_time": true,
		"api_audience": upstreamtest.Audience,
		"mapping":      []map[string]any{{"group": "engineering", "roles": []string{"developer"}}, {"group": "support", "roles": []string{"viewer"}}},
	})
	require.Equal(t, s.url+"/auth/callback/"+idp.ID, idp.RedirectURI)
	var report struct {
		OK       bool
		Findings []idpFinding
	}
	require.NoError(t, json.Unmarshal(s.do(http.StatusOK, request{method: http.MethodPost, path: "/v1/identity-providers/" + idp.ID + "/test", tenant: acme}), &report))
	require.True(t, report.OK, report.Findings)

	const back = "127.0.0.1:49152"
	provider, err := gooidc.NewProvider(t.Context(), s.url)
	require.NoError(t, err)
	program := oauth2.Config{
		ClientID: oidc.ClientCLI, Endpoint: provider.Endpoint(), RedirectURL: "http://" + back + "/callback", Scopes: []string{"openid", "offline_access", "api"},
	}
	link := regexp.MustCompile(`href="([^"]*)">Sign in with Acme login<`)
	signIn := func() *oauth2.Token {
		who, verifier := newVisitor(t, lookedUp{back}), oauth2.GenerateVerifier()
		page := who.get(program.AuthCodeURL("state", oauth2.S256ChallengeOption(verifier), oauth2.SetAuthURLParam("tenant", acme)))
		found := link.FindStringSubmatch(page)
		require.NotNil(t, found, page)
		came, err := url.Parse(who.get(s.url + html.UnescapeString(found[1])))
		require.NoError(t, err)
		require.NotEmpty(t, came.Query().Get("code"), came)
		token, err := program.Exchange(t.Context(), came.Query().Get("code"), oauth2.VerifierOption(verifier))
		require.NoError(t, err)
		return token
	}
	me := func(token string) (who meInfo) {
		require.NoError(t, json.Unmarshal(s.do(http.StatusOK, request{method: http.MethodGet, path: "/v1/me", token: token}), &who))
		return who
	}

	upstream.SignIn(map[string]any{"sub": "eve", "name": "Eve", "email": "eve@example.com", "email_verified": true, "groups": []string{"engineering"}})
	token := signIn()
	eve := me(token.AccessToken)
	require.Equal(t, acme, eve.Tenant.ID)
	require.Equal(t, []string{"developer"}, eve.Roles)
	require.Empty(t, eve.User.Email, "nobody has shown that example.com is Acme's")

	// Programs that hold a token of the provider need none of ours.
	theirs := request{
		method: http.MethodGet, path: "/v1/me", token: upstream.AccessToken("eve", time.Now().Add(time.Second), nil), from: http.Header{"X-Tenant-Id": {"acme"}},
	}
	var same meInfo
	require.NoError(t, json.Unmarshal(s.do(http.StatusOK, theirs), &same))
	require.Equal(t, []any{eve.User.ID, eve.Roles}, []any{same.User.ID, same.Roles})
	require.Empty(t, same.SessionID)
	s.refused(theirs.token)

	s.do(http.StatusForbidden, request{method: http.MethodGet, path: "/v1/members", token: token.AccessToken, from: http.Header{"X-Tenant-Id": {beta}}})
	s.do(http.StatusForbidden, request{method: http.MethodGet, path: "/v1/tenants", token: token.AccessToken})
	create[struct{}](s, beta, "/v1/members", map[string]any{"user_id": eve.User.ID, "roles": []string{"admin"}})
	res, err := http.PostForm(provider.Endpoint().TokenURL, url.Values{
		"grant_type": {"refresh_token"}, "client_id": {program.ClientID}, "refresh_token": {token.RefreshToken}, "tenant": {beta},
	})
	require.NoError(t, err)
	var refusal struct{ Error string }
	require.NoError(t, json.NewDecoder(res.Body).Decode(&refusal))
	require.NoError(t, res.Body.Close())
	require.Equal(t, "invalid_grant", refusal.Error)

	upstream.SignIn(map[string]any{"sub": "eve", "groups": []string{"support"}})
	second := signIn()
	require.Equal(t, eve.User.ID, me(second.AccessToken).User.ID)
	require.Equal(t, []string{"viewer"}, me(second.AccessToken).Roles)
	require.Eventually(t, func() bool { return me(token.AccessToken).Roles[0] == "viewer" }, time.Minute, 20*time.Millisecond)

	s.do(http.StatusOK, request{method: http.MethodPost, path: "/v1/identity-providers/" + idp.ID + "/disable", tenant: acme, body: map[string]any{"reason": "odd"}})
	s.refused(token.AccessToken)
	s.refused(second.AccessToken)
	require.Contains(t, string(s.do(http.StatusUnauthorized, theirs)), "turned off")
	_, err = program.TokenSource(t.Context(), &oauth2.Token{RefreshToken: second.RefreshToken}).Token()
	require.ErrorContains(t, err, "invalid_grant")
	s.do(http.StatusNoContent, request{method: http.MethodDelete, path: "/v1/identity-providers/" + idp.ID, tenant: acme})
	require.NotContains(t, s.stderr.String()+s.stdout.String(), upstreamtest.Secret)
}
