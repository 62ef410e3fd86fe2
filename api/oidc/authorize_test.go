package oidc_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"

	"tansu.cloud/commands"
	clientdomain "tansu.cloud/domain/identity/client"
	"tansu.cloud/domain/identity/permission"
	"tansu.cloud/eventstore"
	"tansu.cloud/projections/readmodels/clients"
)

// request is a correct one of a client, to be spoilt.
func (r *rig) request(clientID, redirect string) url.Values {
	return url.Values{
		"client_id": {clientID}, "redirect_uri": {redirect}, "response_type": {"code"}, "scope": {"openid"}, "state": {"s t&a=te"},
		"code_challenge": {oauth2.S256ChallengeFromVerifier(strings.Repeat("v", 43))}, "code_challenge_method": {"S256"},
	}
}

// What is wrong with client or redirect URI is never sent to the redirect URI.
func TestAuthorizeShowsWhatMustNotBeRedirected(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.someone()
	public, _ := r.client(clientdomain.Public, true, "https://app.example.com/cb", "com.example.app:/cb", "https://app.example.com/q?x=1", "http://127.0.0.1:8000/native")
	disabled, _ := r.client(clientdomain.Public, true, "https://app.example.com/cb")
	do(r, r.commands.DisableClient, clients.Name, eventstore.SystemTenant, disabled, commands.DisableClient{Reason: "test"})
	_, account, _ := r.serviceAccount(r.tenant("robots", "Robots"), permission.Viewer)
	b := r.browser()
	for name, spoil := range map[string]func(q url.Values){
		"no client":               func(q url.Values) { q.Del("client_id") },
		"unknown client":          func(q url.Values) { q.Set("client_id", "0190c5c1-0000-7000-8000-000000000000") },
		"client in upper case":    func(q url.Values) { q.Set("client_id", strings.ToUpper(public)) },
		"client as URN":           func(q url.Values) { q.Set("client_id", "urn:uuid:"+public) },
		"malformed client":        func(q url.Values) { q.Set("client_id", "' OR 1=1") },
		"disabled client":         func(q url.Values) { q.Set("client_id", disabled) },
		"service account":         func(q url.Values) { q.Set("client_id", account) },
		"client twice":            func(q url.Values) { q.Add("client_id", public) },
		"redirect twice":          func(q url.Values) { q.Add("redirect_uri", "https://evil.example/cb") },
		"NUL":                     func(q url.Values) { q.Set("state", "a\x00b") },
		"invalid UTF-8":           func(q url.Values) { q.Set("state", "a\xff") },
		"no redirect":             func(q url.Values) { q.Del("redirect_uri") },
		"other host":              func(q url.Values) { q.Set("redirect_uri", "https://evil.example/cb") },
		"sub-domain":              func(q url.Values) { q.Set("redirect_uri", "https://x.app.example.com/cb") },
		"suffix of the host":      func(q url.Values) { q.Set("redirect_uri", "https://app.example.com.evil.example/cb") },
		"user info":               func(q url.Values) { q.Set("redirect_uri", "https://app.example.com@evil.example/cb") },
		"port":                    func(q url.Values) { q.Set("redirect_uri", "https://app.example.com:444/cb") },
		"default port":            func(q url.Values) { q.Set("redirect_uri", "https://app.example.com:443/cb") },
		"scheme":                  func(q url.Values) { q.Set("redirect_uri", "http://app.example.com/cb") },
		"case of the host":        func(q url.Values) { q.Set("redirect_uri", "https://APP.example.com/cb") },
		"case of the path":        func(q url.Values) { q.Set("redirect_uri", "https://app.example.com/CB") },
		"slash":                   func(q url.Values) { q.Set("redirect_uri", "https://app.example.com/cb/") },
		"longer path":             func(q url.Values) { q.Set("redirect_uri", "https://app.example.com/cb/more") },
		"climbing path":           func(q url.Values) { q.Set("redirect_uri", "https://app.example.com/cb/../open") },
		"query":                   func(q url.Values) { q.Set("redirect_uri", "https://app.example.com/cb?next=x") },
		"other query":             func(q url.Values) { q.Set("redirect_uri", "https://app.example.com/q?x=2") },
		"fragment":                func(q url.Values) { q.Set("redirect_uri", "https://app.example.com/cb#x") },
		"encoded":                 func(q url.Values) { q.Set("redirect_uri", "https%3A%2F%2Fapp.example.com%2Fcb") },
		"encoded slash":           func(q url.Values) { q.Set("redirect_uri", "https://app.example.com%2fcb") },
		"backslash":               func(q url.Values) { q.Set("redirect_uri", `https://app.example.com\cb`) },
		"space":                   func(q url.Values) { q.Set("redirect_uri", "https://app.example.com/cb ") },
		"line break":              func(q url.Values) { q.Set("redirect_uri", "https://app.example.com/cb\r\nX: y") },
		"javascript":              func(q url.Values) { q.Set("redirect_uri", "javascript:alert(1)") },
		"data":                    func(q url.Values) { q.Set("redirect_uri", "data:text/html,x") },
		"other private scheme":    func(q url.Values) { q.Set("redirect_uri", "com.example.app.evil:/cb") },
		"private scheme, host":    func(q url.Values) { q.Set("redirect_uri", "com.example.app://cb") },
		"loopback, other path":    func(q url.Values) { q.Set("redirect_uri", "http://127.0.0.1:9000/other") },
		"loopback, other name":    func(q url.Values) { q.Set("redirect_uri", "http://localhost:9000/native") },
		"loopback, other address": func(q url.Values) { q.Set("redirect_uri", "http://127.0.0.2:9000/native") },
		"loopback, https":         func(q url.Values) { q.Set("redirect_uri", "https://127.0.0.1:9000/native") },
		"loopback, user info":     func(q url.Values) { q.Set("redirect_uri", "http://127.0.0.1:9000@evil.example/native") },
		"loopback, credentials":   func(q url.Values) { q.Set("redirect_uri", "http://a:b@127.0.0.1:9000/native") },
		"loopback, query":         func(q url.Values) { q.Set("redirect_uri", "http://127.0.0.1:9000/native?x=1") },
		"loopback, fragment":      func(q url.Values) { q.Set("redirect_uri", "http://127.0.0.1:9000/native#") },
		"loopback, suffix":        func(q url.Values) { q.Set("redirect_uri", "http://127.0.0.1.evil.example/native") },
		"loopback, backslash":     func(q url.Values) { q.Set("redirect_uri", `http://127.0.0.1:9000\@evil.example/native`) },
	} {
		t.Run(name, func(t *testing.T) {
			q := r.request(public, "https://app.example.com/cb")
			spoil(q)
			for _, page := range []page{b.get("/oauth/authorize?" + q.Encode()), b.post("/oauth/authorize", q)} {
				require.Equal(t, http.StatusBadRequest, page.status, page.body)
				require.Nil(t, page.location)
				require.NotContains(t, page.body, "evil", "nothing is echoed")
			}
		})
	}
	for _, good := range []string{"https://app.example.com/cb", "com.example.app:/cb", "https://app.example.com/q?x=1", "http://127.0.0.1:8000/native", "http://127.0.0.1:54321/native", "http://127.0.0.1/native"} {
		b.get("/oauth/authorize?"+r.request(public, good).Encode()).shows(http.StatusOK, "Sign in")
	}
}

// All else is told to the client, with state and iss.
func TestAuthorizeRefusals(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	_, user := r.someone()
	r.member(r.tenant("beta", "Beta"), user, permission.Viewer)
	third, _ := r.client(clientdomain.Public, false, "https://app.example.com/cb")
	q := r.request(third, "https://app.example.com/cb")
	stranger, known := r.browser(), r.browser()
	known.signIn(known.get("/auth/login"), "ann@example.com")
	for name, c := range map[string]struct {
		spoil func(q url.Values)
		code  string
		known bool
	}{
		"no response type":           {func(q url.Values) { q.Del("response_type") }, "invalid_request", false},
		"implicit":                   {func(q url.Values) { q.Set("response_type", "token") }, "unsupported_response_type", false},
		"ID token":                   {func(q url.Values) { q.Set("response_type", "id_token") }, "unsupported_response_type", false},
		"hybrid":                     {func(q url.Values) { q.Set("response_type", "code id_token") }, "unsupported_response_type", false},
		"fragment":                   {func(q url.Values) { q.Set("response_mode", "fragment") }, "invalid_request", false},
		"form_post":                  {func(q url.Values) { q.Set("response_mode", "form_post") }, "invalid_request", false},
		"no PKCE":                    {func(q url.Values) { q.Del("code_challenge"); q.Del("code_challenge_method") }, "invalid_request", false},
		"plain by default":           {func(q url.Values) { q.Del("code_challenge_method") }, "invalid_request", false},
		"plain":                      {func(q url.Values) { q.Set("code_challenge_method", "plain") }, "invalid_request", false},
		"short challenge":            {func(q url.Values) { q.Set("code_challenge", "abc") }, "invalid_request", false},
		"challenge with padding":     {func(q url.Values) { q.Set("code_challenge", strings.Repeat("a", 43)+"=") }, "invalid_request", false},
		"no scope":                   {func(q url.Values) { q.Del("scope") }, "invalid_scope", false},
		"only unknown scopes":        {func(q url.Values) { q.Set("scope", "admin root") }, "invalid_scope", false},
		"request object":             {func(q url.Values) { q.Set("request", "eyJhbGciOiJub25lIn0.e30.") }, "request_not_supported", false},
		"request by reference":       {func(q url.Values) { q.Set("request_uri", "https://evil.example/r") }, "request_uri_not_supported", false},
		"other resource":             {func(q url.Values) { q.Set("resource", "https://evil.example") }, "invalid_target", false},
		"resource without its scope": {func(q url.Values) { q.Set("resource", r.server.URL+"/v1") }, "invalid_target", false},
		"unknown prompt":             {func(q url.Values) { q.Set("prompt", "create") }, "invalid_request", false},
		"prompt none and more":       {func(q url.Values) { q.Set("prompt", "none login") }, "invalid_request", false},
		"max_age":                    {func(q url.Values) { q.Set("max_age", "-1") }, "invalid_request", false},
		"max_age in words":           {func(q url.Values) { q.Set("max_age", "soon") }, "invalid_request", false},
		"tenant":                     {func(q url.Values) { q.Set("tenant", "acme") }, "invalid_request", false},
		"ID token hint":              {func(q url.Values) { q.Set("id_token_hint", "x.y.z") }, "invalid_request", false},
		"long nonce":                 {func(q url.Values) { q.Set("nonce", strings.Repeat("n", 501)) }, "invalid_request", false},
		"silent, nobody there":       {func(q url.Values) { q.Set("prompt", "none") }, "login_required", false},
		"silent, too old":            {func(q url.Values) { q.Set("prompt", "none"); q.Set("max_age", "0") }, "login_required", true},
		"silent, several tenants":    {func(q url.Values) { q.Set("prompt", "none") }, "account_selection_required", true},
		"silent, no consent": {func(q url.Values) {
			q.Set("prompt", "none")
			q.Set("tenant", r.tenantOf("acme").String())
		}, "consent_required", true},
	} {
		t.Run(name, func(t *testing.T) {
			spoilt := url.Values{}
			for k, v := range q {
				spoilt[k] = v
			}
			c.spoil(spoilt)
			b := stranger
			if c.known {
				b = known
			}
			came := b.get("/oauth/authorize?" + spoilt.Encode()).at("https://app.example.com/cb?")
			require.Equal(t, c.code, came.Get("error"))
			require.Equal(t, "s t&a=te", came.Get("state"))
			require.Equal(t, r.server.URL, came.Get("iss"))
			require.Empty(t, came.Get("code"))
			require.Equal(t, c.code, b.post("/oauth/authorize", spoilt).at("https://app.example.com/cb?").Get("error"), "posted")
		})
	}
	long := url.Values{}
	for k, v := range q {
		long[k] = v
	}
	long.Set("state", strings.Repeat("s", 2001))
	came := stranger.get("/oauth/authorize?" + long.Encode()).at("https://app.example.com/cb?")
	require.Equal(t, "invalid_request", came.Get("error"))
	require.Empty(t, came.Get("state"))
}

func TestFreshSignInIsDemandedAndThenGoesThrough(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.someone()
	rp, b := r.cli(), r.browser()
	rp.signIn(b, "ann@example.com")
	r.clock.advance(time.Minute)
	verifier := oauth2.GenerateVerifier()
	for _, demand := range []oauth2.AuthCodeOption{
		oauth2.SetAuthURLParam("prompt", "login"), oauth2.SetAuthURLParam("max_age", "30"), oauth2.SetAuthURLParam("max_age", "0"),
	} {
		page := rp.authorize(b, verifier, demand)
		came := b.signIn(page, "ann@example.com").at(loopback)
		require.NotEmpty(t, came.Get("code"))
		r.clock.advance(time.Minute)
	}
	rp.authorize(b, verifier, oauth2.SetAuthURLParam("max_age", "3600")).shows(http.StatusOK, "Allow access?")
}

// A request that is posted from elsewhere comes without cookies and goes on.
func TestPostedAuthorizationRequest(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.someone()
	b := r.browser()
	b.signIn(b.get("/auth/login"), "ann@example.com")
	b.headers.Set("Sec-Fetch-Site", "cross-site")
	b.headers.Set("Origin", "https://app.example.com")
	app, _ := r.client(clientdomain.Public, true, appRedirect)
	require.NotEmpty(t, b.post("/oauth/authorize", r.request(app, appRedirect)).at(appRedirect).Get("code"))
}
