package oidc_test

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"

	"tansu.cloud/api/oidc"
	clientdomain "tansu.cloud/domain/identity/client"
	"tansu.cloud/domain/identity/permission"
)

const appRedirect = "https://app.example.com/cb"

func basic(id, secret string) string {
	return "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(id)+":"+url.QueryEscape(secret)))
}

// exchanger gets one fresh code after the other for a confidential client.
type exchanger struct {
	*party
	b *browser
}

func (r *rig) exchanger() exchanger {
	r.t.Helper()
	id, secret := r.client(clientdomain.Confidential, true, appRedirect, appRedirect+"2")
	e := exchanger{r.party(id, secret, appRedirect, "openid", "offline_access", "api"), r.browser()}
	e.b.signIn(e.b.get("/auth/login"), "ann@example.com")
	return e
}

// form is a correct exchange of a fresh code.
func (e exchanger) form() url.Values {
	e.r.t.Helper()
	verifier := oauth2.GenerateVerifier()
	return url.Values{
		"grant_type": {"authorization_code"}, "code": {e.authorize(e.b, verifier).at(appRedirect).Get("code")},
		"redirect_uri": {appRedirect}, "code_verifier": {verifier},
	}
}

func TestCodeExchangeRefusals(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.someone()
	e := r.exchanger()
	good := basic(e.ClientID, e.ClientSecret)
	otherID, otherSecret := r.client(clientdomain.Confidential, true, appRedirect)
	publicID, _ := r.client(clientdomain.Public, true, appRedirect)
	_, accountID, accountSecret := r.serviceAccount(r.tenant("robots", "Robots"), permission.Viewer)
	for name, c := range map[string]struct {
		spoil  func(f url.Values)
		auth   string
		status int
		code   string
	}{
		"wrong verifier":            {func(f url.Values) { f.Set("code_verifier", oauth2.GenerateVerifier()) }, good, 400, "invalid_grant"},
		"no verifier":               {func(f url.Values) { f.Del("code_verifier") }, good, 400, "invalid_grant"},
		"challenge as verifier":     {func(f url.Values) { f.Set("code_verifier", oauth2.S256ChallengeFromVerifier(f.Get("code_verifier"))) }, good, 400, "invalid_grant"},
		"long verifier":             {func(f url.Values) { f.Set("code_verifier", strings.Repeat("v", 129)) }, good, 400, "invalid_grant"},
		"other redirect URI":        {func(f url.Values) { f.Set("redirect_uri", appRedirect+"2") }, good, 400, "invalid_grant"},
		"no redirect URI":           {func(f url.Values) { f.Del("redirect_uri") }, good, 400, "invalid_request"},
		"no code":                   {func(f url.Values) { f.Del("code") }, good, 400, "invalid_request"},
		"unknown code":              {func(f url.Values) { f.Set("code", "AAAA") }, good, 400, "invalid_grant"},
		"flipped code":              {func(f url.Values) { f.Set("code", flip(f.Get("code"), 7)) }, good, 400, "invalid_grant"},
		"refresh token as code":     {func(f url.Values) { f.Set("code", e.token(t)["refresh_token"].(string)) }, good, 400, "invalid_grant"},
		"another client":            {nothing, basic(otherID, otherSecret), 400, "invalid_grant"},
		"a public client":           {func(f url.Values) { f.Set("client_id", publicID) }, "", 400, "invalid_grant"},
		"a service account":         {nothing, basic(accountID, accountSecret), 400, "unauthorized_client"},
		"no client":                 {nothing, "", 400, "invalid_request"},
		"no secret":                 {func(f url.Values) { f.Set("client_id", e.ClientID) }, "", 401, "invalid_client"},
		"empty secret":              {nothing, basic(e.ClientID, ""), 401, "invalid_client"},
		"wrong secret":              {nothing, basic(e.ClientID, "tss_wrong"), 401, "invalid_client"},
		"another client's secret":   {nothing, basic(e.ClientID, otherSecret), 401, "invalid_client"},
		"secret of a public client": {func(f url.Values) { f.Set("client_id", publicID); f.Set("client_secret", e.ClientSecret) }, "", 401, "invalid_client"},
		"unknown client":            {nothing, basic("nobody", "x"), 401, "invalid_client"},
		"two ways at once":          {func(f url.Values) { f.Set("client_id", e.ClientID); f.Set("client_secret", e.ClientSecret) }, good, 400, "invalid_request"},
		"secret beside Basic":       {func(f url.Values) { f.Set("client_secret", e.ClientSecret) }, good, 400, "invalid_request"},
		"other client_id":           {func(f url.Values) { f.Set("client_id", otherID) }, good, 400, "invalid_request"},
		"not base64":                {nothing, "Authorization: Basic !!!", 401, "invalid_client"},
		"no colon":                  {nothing, "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte("abc")), 401, "invalid_client"},
		"nothing in Basic":          {nothing, "Authorization: Basic", 401, "invalid_client"},
		"bad escape in Basic":       {nothing, "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte("%zz:%")), 401, "invalid_client"},
		"Bearer":                    {nothing, "Authorization: Bearer abc", 401, "invalid_client"},
		"assertion": {func(f url.Values) {
			f.Set("client_assertion", "a.b.c")
			f.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
		}, "", 401, "invalid_client"},
		"assertion of another type": {func(f url.Values) { f.Set("client_assertion", "a.b.c"); f.Set("client_assertion_type", "saml") }, "", 400, "invalid_request"},
		"other resource":            {func(f url.Values) { f.Set("resource", "https://evil.example") }, good, 400, "invalid_target"},
		"no grant type":             {func(f url.Values) { f.Del("grant_type") }, good, 400, "invalid_request"},
		"password grant":            {func(f url.Values) { f.Set("grant_type", "password") }, good, 400, "unsupported_grant_type"},
		"implicit grant":            {func(f url.Values) { f.Set("grant_type", "implicit") }, good, 400, "unsupported_grant_type"},
		"JWT bearer grant": {func(f url.Values) {
			f.Set("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer")
			f.Set("assertion", "a.b.c")
		}, good, 400, "unsupported_grant_type"},
		"token exchange":               {func(f url.Values) { f.Set("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange") }, good, 400, "unauthorized_client"},
		"client credentials of an app": {func(f url.Values) { f.Set("grant_type", "client_credentials") }, good, 400, "unauthorized_client"},
		"parameter twice":              {func(f url.Values) { f.Add("code", "x") }, good, 400, "invalid_request"},
		"NUL":                          {func(f url.Values) { f.Set("code", "a\x00") }, good, 400, "invalid_request"},
	} {
		t.Run(name, func(t *testing.T) {
			form := e.form()
			c.spoil(form)
			var headers []string
			if c.auth != "" {
				headers = append(headers, c.auth)
			}
			got := r.token(form, headers...)
			require.Equal(t, c.code, got.code(), got.body)
			require.Equal(t, c.status, got.status, got.body)
			if c.status == http.StatusUnauthorized {
				require.Contains(t, got.header.Get("WWW-Authenticate"), "Basic")
			}
			require.NotContains(t, got.body, e.ClientSecret)
		})
	}
	r.token(e.form(), good).ok()
	require.NotContains(t, r.logs.String(), "panic")
}

func nothing(url.Values) {}

// token redeems a fresh code.
func (e exchanger) token(t *testing.T) map[string]any {
	t.Helper()
	return e.r.token(e.form(), basic(e.ClientID, e.ClientSecret)).ok()
}

// flip changes one bit of a text, so that it stays base64url.
func flip(text string, at int) string {
	changed := byte('A')
	if text[at] == 'A' {
		changed = 'B'
	}
	return text[:at] + string(changed) + text[at+1:]
}

func TestHowTheTokenEndpointIsCalled(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.someone()
	e := r.exchanger()
	good := basic(e.ClientID, e.ClientSecret)
	form := e.form()
	for name, got := range map[string]answer{
		"GET":             r.send(http.MethodGet, "/oauth/token?"+form.Encode(), "", good),
		"secret in query": r.send(http.MethodPost, "/oauth/token?client_id="+e.ClientID+"&client_secret="+e.ClientSecret, form.Encode()),
		"code in query":   r.send(http.MethodPost, "/oauth/token?"+form.Encode(), "grant_type=authorization_code", good),
		"any query":       r.send(http.MethodPost, "/oauth/token?x=1", form.Encode(), good),
		"JSON":            r.send(http.MethodPost, "/oauth/token", `{"grant_type":"authorization_code"}`, good, "Content-Type: application/json"),
		"multipart":       r.send(http.MethodPost, "/oauth/token", "--x--", good, "Content-Type: multipart/form-data; boundary=x"),
		"no type":         r.send(http.MethodPost, "/oauth/token", form.Encode(), good, "Content-Type: "),
		"bad form":        r.send(http.MethodPost, "/oauth/token", "grant_type=%zz", good),
		"too large":       r.send(http.MethodPost, "/oauth/token", "x="+strings.Repeat("a", 40<<10), good),
		"empty":           r.send(http.MethodPost, "/oauth/token", "", good, "Content-Type: application/x-www-form-urlencoded"),
	} {
		require.Equal(t, "invalid_request", got.code(), name)
	}
	require.NotContains(t, r.logs.String(), e.ClientSecret)
	r.token(form, good).ok() // none of them used the code up
}

func TestReplayedCodeEndsTheGrant(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.someone()
	e := r.exchanger()
	form, good := e.form(), basic(e.ClientID, e.ClientSecret)
	token := r.token(form, good).ok()
	_, err := r.provider.Verify(t.Context(), token["access_token"].(string))
	require.NoError(t, err)
	require.Equal(t, "invalid_grant", r.token(form, good).code())
	require.Equal(t, "invalid_grant", e.refused(token["refresh_token"].(string)))
	_, err = r.provider.Verify(t.Context(), token["access_token"].(string))
	require.ErrorIs(t, err, oidc.ErrTokenInvalid)
}

// Whoever steals a code and tries it as another client spoils nothing; without
// the verifier the code is spoilt.
func TestStolenCode(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.someone()
	e := r.exchanger()
	thief, secret := r.client(clientdomain.Confidential, true, appRedirect)
	form, good := e.form(), basic(e.ClientID, e.ClientSecret)
	require.Equal(t, "invalid_grant", r.token(form, basic(thief, secret)).code())
	r.token(form, good).ok()

	form = e.form()
	verifier := form.Get("code_verifier")
	form.Set("code_verifier", oauth2.GenerateVerifier())
	require.Equal(t, "invalid_grant", r.token(form, good).code())
	form.Set("code_verifier", verifier)
	require.Equal(t, "invalid_grant", r.token(form, good).code())
}

func TestCodeExpires(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.someone()
	e := r.exchanger()
	form := e.form()
	r.clock.advance(61 * time.Second)
	require.Equal(t, "invalid_grant", r.token(form, basic(e.ClientID, e.ClientSecret)).code())
}

func TestExactlyOneRedemptionWins(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.someone()
	e := r.exchanger()
	form := e.form()
	won := race(8, func() bool { return r.token(form, basic(e.ClientID, e.ClientSecret)).status == http.StatusOK })
	require.Equal(t, 1, won)
	var tokens int
	require.NoError(t, r.pool.QueryRow(t.Context(), "SELECT count(*) FROM oauth_refresh_tokens").Scan(&tokens))
	require.Equal(t, 1, tokens)
}

// race counts how many of several calls at once succeed.
func race(n int, try func() bool) int {
	var mu sync.Mutex
	var all sync.WaitGroup
	won, start := 0, make(chan struct{})
	for range n {
		all.Go(func() {
			<-start
			if try() {
				mu.Lock()
				won++
				mu.Unlock()
			}
		})
	}
	close(start)
	all.Wait()
	return won
}

// Of several refreshes at once one makes the successor; the others get the same.
func TestExactlyOneRefreshMakesTheSuccessor(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.someone()
	e := r.exchanger()
	token := e.token(t)["refresh_token"].(string)
	var mu sync.Mutex
	successors := map[string]bool{}
	won := race(8, func() bool {
		got := r.token(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}}, basic(e.ClientID, e.ClientSecret))
		if got.status != http.StatusOK {
			return false
		}
		mu.Lock()
		defer mu.Unlock()
		successors[got.json()["refresh_token"].(string)] = true
		return true
	})
	require.Equal(t, 8, won)
	require.Len(t, successors, 1)
	var rows int
	require.NoError(t, r.pool.QueryRow(t.Context(), "SELECT count(*) FROM oauth_refresh_tokens").Scan(&rows))
	require.Equal(t, 2, rows)
}

// What is told apart at the token endpoint is told apart at its neighbours too.
func TestHowTheOtherEndpointsAreCalled(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.someone()
	e := r.exchanger()
	good, refresh := basic(e.ClientID, e.ClientSecret), e.token(t)["refresh_token"].(string)
	form := url.Values{"token": {refresh}, "scope": {"openid"}}.Encode()
	type is = []string
	for _, path := range []string{"/oauth/introspect", "/oauth/revoke", "/oauth/device_authorization"} {
		for name, c := range map[string]struct {
			method, query, body string
			headers             []string
			code                is
		}{
			"GET":                 {http.MethodGet, "?" + form, "", is{good}, is{"invalid_request"}},
			"secret in the query": {http.MethodPost, "?client_id=" + e.ClientID + "&client_secret=" + e.ClientSecret, form, nil, is{"invalid_request"}},
			"token in the query":  {http.MethodPost, "?" + form, "x=1", is{good}, is{"invalid_request"}},
			"two secrets":         {http.MethodPost, "", form + "&client_secret=" + e.ClientSecret, is{good}, is{"invalid_request"}},
			"another client_id":   {http.MethodPost, "", form + "&client_id=" + oidc.ClientCLI, is{good}, is{"invalid_request"}},
			"token twice":         {http.MethodPost, "", form + "&token=x", is{good}, is{"invalid_request"}},
			"JSON":                {http.MethodPost, "", `{"token":"x"}`, is{good, "Content-Type: application/json"}, is{"invalid_request"}},
			"not base64":          {http.MethodPost, "", form, is{"Authorization: Basic !!!"}, is{"invalid_client"}},
			"no colon":            {http.MethodPost, "", form, is{"Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte("abc"))}, is{"invalid_client"}},
			"bad escape":          {http.MethodPost, "", form, is{"Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte("%zz:%"))}, is{"invalid_client"}},
			"Bearer":              {http.MethodPost, "", form, is{"Authorization: Bearer " + refresh}, is{"invalid_client"}},
			"no secret":           {http.MethodPost, "", form + "&client_id=" + e.ClientID, nil, is{"invalid_client"}},
			"wrong secret":        {http.MethodPost, "", form, is{basic(e.ClientID, "tss_wrong")}, is{"invalid_client"}},
			"nobody":              {http.MethodPost, "", form, nil, is{"invalid_request", "invalid_client"}},
		} {
			got := r.send(c.method, path+c.query, c.body, c.headers...)
			require.Contains(t, c.code, got.code(), "%s %s: %s", path, name, got.body)
			require.NotContains(t, got.body, e.ClientSecret)
			if got.status == http.StatusUnauthorized {
				require.Contains(t, got.header.Get("WWW-Authenticate"), "Basic", "%s %s", path, name)
			}
		}
	}
	for _, seen := range []string{e.ClientSecret, refresh} {
		require.NotContains(t, r.logs.String(), seen)
	}
	r.token(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refresh}}, good).ok() // none of them ended it
}

// Codes, refresh tokens and device codes are good letter by letter; guesses spoil
// nothing.
func TestFlippedCodesAndTokens(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.someone()
	e := r.exchanger()
	good := basic(e.ClientID, e.ClientSecret)
	device := r.send(http.MethodPost, "/oauth/device_authorization", "scope=openid", good).ok()["device_code"].(string)
	code := e.form()
	for name, c := range map[string]struct {
		form  url.Values
		field string
		code  string
	}{
		"code":          {code, "code", "invalid_grant"},
		"refresh token": {url.Values{"grant_type": {"refresh_token"}, "refresh_token": {e.token(t)["refresh_token"].(string)}}, "refresh_token", "invalid_grant"},
		"device code":   {url.Values{"grant_type": {deviceGrant}, "device_code": {device}}, "device_code", "expired_token"},
	} {
		secret := c.form.Get(c.field)
		for i := 0; i < len(secret); i += 3 {
			c.form.Set(c.field, flip(secret, i))
			require.Equal(t, c.code, r.token(c.form, good).code(), "%s, letter %d", name, i)
		}
		for _, spelled := range []string{secret + "=", " " + secret, secret + "\n", secret[:42], secret + "A"} {
			c.form.Set(c.field, spelled)
			require.Equal(t, c.code, r.token(c.form, good).code(), "%s: %q", name, spelled)
		}
		c.form.Set(c.field, secret)
		if c.field == "device_code" {
			require.Equal(t, "authorization_pending", r.token(c.form, good).code())
		} else {
			r.token(c.form, good).ok()
		}
	}
}

// A client gets what the user saw and what is registered for it, whatever it asks
// for on the way.
func TestScopesAreNotWidened(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	tenant, _ := r.someone()
	id, secret := r.client(clientdomain.Confidential, false, appRedirect)
	r.change(id, func(p *clientdomain.Profile) { p.Scopes = []string{"email"} })
	e := exchanger{r.party(id, secret, appRedirect, "openid", "email", "profile", "api"), r.browser()}
	page := e.b.signIn(e.authorize(e.b, "x"), "ann@example.com").shows(http.StatusOK, "see your e-mail address")
	require.NotContains(t, page.body, "whatever you may do")
	e.b.submit(page, "/auth/consent", "decision", "allow")
	form := e.form()
	form.Set("scope", "openid email profile api")
	got := r.token(form, basic(id, secret)).ok()
	require.Equal(t, "openid email", got["scope"])
	_, err := r.provider.Verify(t.Context(), got["access_token"].(string))
	require.ErrorIs(t, err, oidc.ErrTokenInvalid)

	started := r.send(http.MethodPost, "/oauth/device_authorization", "scope=openid+api+email", basic(id, secret)).ok()
	e.b.submit(e.b.get("/auth/device?user_code="+started["user_code"].(string)), "/auth/device/decision", "decision", "allow", "tenant", tenant.String())
	got = r.token(url.Values{"grant_type": {deviceGrant}, "device_code": {started["device_code"].(string)}, "scope": {"openid api"}}, basic(id, secret)).ok()
	require.Equal(t, "openid email", got["scope"])
}
