package federation_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	jose "github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/require"

	"tansu.cloud/platform/federation"
	"tansu.cloud/platform/federation/upstreamtest"
	"tansu.cloud/platform/outbound"
)

const redirect = "https://tansu.example.com/auth/callback/p1"

func client(t *testing.T, now func() time.Time) *federation.Client {
	t.Helper()
	c, err := federation.New(federation.Config{
		HTTP: outbound.NewClient(outbound.Config{Allowed: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}), Now: now,
	})
	require.NoError(t, err)
	return c
}

func provider(u *upstreamtest.Upstream) federation.Provider {
	return federation.Provider{Issuer: u.URL, ClientID: upstreamtest.ClientID, Secret: upstreamtest.Secret, Scopes: []string{"openid", "email"}, GroupsClaim: "groups"}
}

// visit is what the upstream sends a browser back with.
func visit(t *testing.T, address string) url.Values {
	t.Helper()
	browser := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := browser.Get(address)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	back, err := res.Location()
	require.NoError(t, err, res.Status)
	require.True(t, strings.HasPrefix(back.String(), redirect), back)
	return back.Query()
}

func TestSomebodySignsIn(t *testing.T) {
	t.Parallel()
	u := upstreamtest.New(t)
	c := client(t, nil)
	u.SignIn(map[string]any{
		"sub": "eve", "name": " Eve ", "email": "eve@example.com", "email_verified": "true", "groups": []any{"a", 7, "", strings.Repeat("x", 300), "b"},
	})
	address, begun, err := c.Begin(t.Context(), provider(u), redirect, federation.Wish{LoginHint: "eve@example.com", Anew: true})
	require.NoError(t, err)
	require.NotContains(t, address, upstreamtest.Secret)
	require.NotContains(t, address, begun.Verifier)
	require.Contains(t, address, "prompt=login")
	person, err := c.Finish(t.Context(), provider(u), redirect, begun, visit(t, address))
	require.NoError(t, err)
	require.Equal(t, federation.Person{Subject: "eve", Email: "eve@example.com", EmailVerified: true, Name: "Eve", Groups: []string{"a", "b"}}, person)
	require.Equal(t, "eve@example.com", u.Hint)
	require.Zero(t, u.Asked["/userinfo"])
	require.Equal(t, 1, u.Asked["/.well-known/openid-configuration"], "discovery is remembered")
}

func TestUserinfoCompletesTheIDToken(t *testing.T) {
	t.Parallel()
	u := upstreamtest.New(t)
	c := client(t, nil)
	finish := func() (federation.Person, error) {
		address, begun, err := c.Begin(t.Context(), provider(u), redirect, federation.Wish{})
		require.NoError(t, err)
		return c.Finish(t.Context(), provider(u), redirect, begun, visit(t, address))
	}
	u.SignIn(map[string]any{"sub": "eve"})
	u.Do(func(u *upstreamtest.Upstream) {
		u.UserInfo = map[string]any{"groups": "one", "email": "e@example.com", "email_verified": true, "preferred_username": "eve"}
		u.Document = func(d map[string]any) { d["token_endpoint_auth_methods_supported"] = []string{"client_secret_post"} }
	})
	person, err := finish()
	require.NoError(t, err)
	require.Equal(t, federation.Person{Subject: "eve", Email: "e@example.com", EmailVerified: true, Name: "eve", Groups: []string{"one"}}, person)
	u.Do(func(u *upstreamtest.Upstream) { u.UserInfo = map[string]any{"sub": "ann", "groups": "one"} })
	_, err = finish()
	require.ErrorIs(t, err, federation.ErrInvalid)
	u.SignIn(map[string]any{"sub": "eve", "email": "e@example.com", "email_verified": "yes", "groups": map[string]any{"a": 1}})
	person, err = finish()
	require.NoError(t, err)
	require.False(t, person.EmailVerified)
	require.Empty(t, person.Groups)
	u.SignIn(map[string]any{"sub": "eve", "_claim_names": map[string]any{"groups": "src1"}, "_claim_sources": map[string]any{"src1": map[string]any{"endpoint": "https://graph.example.com"}}})
	_, err = finish()
	require.ErrorIs(t, err, federation.ErrTooManyGroups)
}

// Who wants to know that somebody has just shown who they are does not get to hear of
// a session that the provider had.
func TestSomebodySignsInAnew(t *testing.T) {
	t.Parallel()
	now := time.Now().Truncate(time.Second)
	for name, c := range map[string]struct {
		said any // auth_time
		wish federation.Wish
		want error
	}{
		"anew":                    {now.Unix(), federation.Wish{Proven: true}, nil},
		"by a clock that is late": {now.Add(-time.Minute).Unix(), federation.Wish{Proven: true}, nil},
		"before":                  {now.Add(-61 * time.Second).Unix(), federation.Wish{Proven: true}, federation.ErrNotAnew},
		"never":                   {0, federation.Wish{Proven: true}, federation.ErrNotAnew},
		"some time":               {nil, federation.Wish{Proven: true}, federation.ErrNotAnew},
		"in words":                {"now", federation.Wish{Proven: true}, federation.ErrNotAnew},
		"if they like":            {now.Add(-time.Hour).Unix(), federation.Wish{Anew: true}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			u, client := upstreamtest.New(t), client(t, func() time.Time { return now })
			u.SignIn(map[string]any{"sub": "eve", "auth_time": c.said})
			address, begun, err := client.Begin(t.Context(), provider(u), redirect, c.wish)
			require.NoError(t, err)
			asked, err := url.Parse(address)
			require.NoError(t, err)
			require.Equal(t, "login", asked.Query().Get("prompt"))
			require.Equal(t, c.wish.Proven, asked.Query().Get("max_age") == "0")
			_, err = client.Finish(t.Context(), provider(u), redirect, begun, visit(t, address))
			require.ErrorIs(t, err, c.want)
		})
	}
}

// TestWhatIsWrongIsRefused is the table of everything that a provider, or somebody
// between it and us, can do wrong.
func TestWhatIsWrongIsRefused(t *testing.T) {
	t.Parallel()
	stranger, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	type up = upstreamtest.Upstream
	claim := func(name string, value any) func(*up) {
		return func(u *up) {
			u.IDToken = func(c map[string]any) {
				if c[name] = value; value == nil {
					delete(c, name)
				}
			}
		}
	}
	parameter := func(name, value string) func(*up) {
		return func(u *up) {
			u.Answer = func(q url.Values) {
				if q.Set(name, value); value == "" {
					q.Del(name)
				}
			}
		}
	}
	for name, c := range map[string]struct {
		spoil func(*up)
		want  error
	}{
		"another nonce":          {claim("nonce", "x"), federation.ErrInvalid},
		"no nonce":               {claim("nonce", nil), federation.ErrInvalid},
		"another issuer":         {claim("iss", "https://evil.example"), federation.ErrInvalid},
		"another audience":       {claim("aud", "other"), federation.ErrInvalid},
		"no audience":            {claim("aud", nil), federation.ErrInvalid},
		"several audiences":      {claim("aud", []string{upstreamtest.ClientID, "other"}), federation.ErrInvalid},
		"made for another party": {claim("azp", "other"), federation.ErrInvalid},
		"expired":                {claim("exp", time.Now().Add(-time.Minute).Unix()), federation.ErrInvalid},
		"no expiry":              {claim("exp", nil), federation.ErrInvalid},
		"not yet valid":          {claim("nbf", time.Now().Add(time.Hour).Unix()), federation.ErrInvalid},
		"no subject":             {claim("sub", nil), federation.ErrInvalid},
		"empty subject":          {claim("sub", ""), federation.ErrInvalid},
		"long subject":           {claim("sub", strings.Repeat("x", 256)), federation.ErrInvalid},
		"another access token":   {claim("at_hash", "AAAAAAAAAAAAAAAAAAAAAA"), federation.ErrInvalid},
		"another key":            {func(u *up) { u.SignKey = stranger }, federation.ErrInvalid},
		"not signed":             {func(u *up) { u.Algorithm = "none" }, federation.ErrInvalid},
		"signed with the secret": {func(u *up) { u.Algorithm, u.SignKey = jose.HS256, []byte(strings.Repeat(upstreamtest.Secret, 2)) }, federation.ErrInvalid},
		"signed with a public key": {func(u *up) {
			der, err := x509.MarshalPKIXPublicKey(u.PublicKey())
			require.NoError(t, err)
			u.Algorithm, u.SignKey = jose.HS256, der
		}, federation.ErrInvalid},
		"another state":           {parameter("state", "x"), federation.ErrInvalid},
		"no state":                {parameter("state", ""), federation.ErrInvalid},
		"iss of another":          {parameter("iss", "https://evil.example"), federation.ErrInvalid},
		"iss left out":            {parameter("iss", ""), federation.ErrInvalid},
		"no code":                 {parameter("code", ""), federation.ErrInvalid},
		"long code":               {parameter("code", strings.Repeat("x", 5000)), federation.ErrInvalid},
		"another code":            {parameter("code", "x"), federation.ErrRejected},
		"refused":                 {parameter("error", "access_denied"), federation.ErrDenied},
		"error with markup":       {parameter("error", "<script>"), federation.ErrDenied},
		"discovery of another":    {func(u *up) { u.Document = func(d map[string]any) { d["issuer"] = "https://evil.example" } }, federation.ErrUnreachable},
		"no token endpoint":       {func(u *up) { u.Document = func(d map[string]any) { delete(d, "token_endpoint") } }, federation.ErrUnreachable},
		"keys elsewhere, by file": {func(u *up) { u.Document = func(d map[string]any) { d["jwks_uri"] = "file:///etc/passwd" } }, federation.ErrUnreachable},
		"keys inside":             {func(u *up) { u.Document = func(d map[string]any) { d["jwks_uri"] = "http://169.254.169.254/keys" } }, federation.ErrInvalid},
		"token endpoint inside":   {func(u *up) { u.Document = func(d map[string]any) { d["token_endpoint"] = "http://10.0.0.1/token" } }, federation.ErrUnreachable},
		"sends people by script": {func(u *up) {
			u.Document = func(d map[string]any) { d["authorization_endpoint"] = "javascript:alert(1)" }
		}, federation.ErrUnreachable},
		"an endless document": {func(u *up) { u.Document = func(d map[string]any) { d["x"] = strings.Repeat("x", 2<<20) } }, federation.ErrUnreachable},
		"down":                {func(u *up) { u.Down = true }, federation.ErrUnreachable},
		"only shared secrets sign": {func(u *up) {
			u.Document = func(d map[string]any) { d["id_token_signing_alg_values_supported"] = []string{"HS256", "none"} }
		}, federation.ErrInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			u := upstreamtest.New(t)
			u.SignIn(map[string]any{"sub": "eve", "email": "e@example.com", "groups": []string{"a"}})
			u.Do(c.spoil)
			client := client(t, nil)
			address, begun, err := client.Begin(t.Context(), provider(u), redirect, federation.Wish{})
			if err == nil {
				_, err = client.Finish(t.Context(), provider(u), redirect, begun, visit(t, address))
			}
			require.ErrorIs(t, err, c.want)
			for _, secret := range []string{upstreamtest.Secret, "<script>", "evil", "169.254"} {
				require.NotContains(t, err.Error(), secret)
			}
		})
	}
}

func TestAWrongSecretIsNotRepeated(t *testing.T) {
	t.Parallel()
	u := upstreamtest.New(t)
	u.SignIn(map[string]any{"sub": "eve"})
	p := provider(u)
	p.Secret = "wrong-secret"
	c := client(t, nil)
	address, begun, err := c.Begin(t.Context(), p, redirect, federation.Wish{})
	require.NoError(t, err)
	answer := visit(t, address)
	_, err = c.Finish(t.Context(), p, redirect, begun, answer)
	require.ErrorIs(t, err, federation.ErrRejected)
	require.NotContains(t, err.Error(), "wrong-secret")
	_, err = c.Finish(t.Context(), p, redirect, federation.Begun{}, url.Values{"state": {""}, "code": {"x"}})
	require.ErrorIs(t, err, federation.ErrInvalid, "what has not begun does not end")
}

// A provider that breaks down does not say that it is set up wrongly.
func TestAProviderBreaksDown(t *testing.T) {
	t.Parallel()
	u, c := upstreamtest.New(t), client(t, nil)
	u.SignIn(map[string]any{"sub": "eve"})
	address, begun, err := c.Begin(t.Context(), provider(u), redirect, federation.Wish{})
	require.NoError(t, err)
	answer := visit(t, address)
	u.Do(func(u *upstreamtest.Upstream) { u.Down = true })
	_, err = c.Finish(t.Context(), provider(u), redirect, begun, answer)
	require.ErrorIs(t, err, federation.ErrUnreachable)
}

// TestAProviderIsAskedAgain after a while, and never inside.
func TestAProviderIsAskedAgain(t *testing.T) {
	t.Parallel()
	u := upstreamtest.New(t)
	now := time.Now()
	c := client(t, func() time.Time { return now })
	for range 3 {
		_, _, err := c.Begin(t.Context(), provider(u), redirect, federation.Wish{})
		require.NoError(t, err)
	}
	require.Equal(t, 1, u.Asked["/.well-known/openid-configuration"])
	now = now.Add(11 * time.Minute)
	_, _, err := c.Begin(t.Context(), provider(u), redirect, federation.Wish{})
	require.NoError(t, err)
	require.Equal(t, 2, u.Asked["/.well-known/openid-configuration"])

	closed, err := federation.New(federation.Config{HTTP: outbound.NewClient(outbound.Config{})})
	require.NoError(t, err)
	_, _, err = closed.Begin(t.Context(), provider(u), redirect, federation.Wish{})
	require.ErrorIs(t, err, federation.ErrUnreachable)
	require.Equal(t, 2, u.Asked["/.well-known/openid-configuration"])
	_, err = federation.New(federation.Config{})
	require.Error(t, err)
}
