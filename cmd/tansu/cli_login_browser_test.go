package main

import (
	"io"
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"
)

// browse answers the authorization request with these parameters, as a browser
// that follows the redirect of the server.
func browse(t *testing.T, p *fakeProvider, answer func(url.Values) url.Values) func(string) error {
	return func(address string) error {
		u, err := url.Parse(address)
		require.NoError(t, err)
		p.mu.Lock()
		p.auth = u.Query()
		p.mu.Unlock()
		back, err := url.Parse(p.auth.Get("redirect_uri"))
		require.NoError(t, err)
		require.Equal(t, "127.0.0.1", back.Hostname())

		// Another page that knows the port but not the state gets nowhere.
		stranger := *back
		stranger.RawQuery = "code=evil&state=guess&iss=" + url.QueryEscape(p.issuer)
		resp, err := http.Get(stranger.String())
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, http.StatusBadRequest, resp.StatusCode)

		back.RawQuery = answer(url.Values{"state": {p.auth.Get("state")}, "iss": {p.issuer}, "code": {"the-code"}}).Encode()
		resp, err = http.Get(back.String())
		require.NoError(t, err)
		defer resp.Body.Close()
		_, err = io.Copy(io.Discard, resp.Body)
		require.Equal(t, "no-store", resp.Header.Get("Cache-Control"))
		return err
	}
}

func TestLoginWithABrowser(t *testing.T) {
	t.Parallel()
	p, srv := servedProvider(t)
	r := newSignInRig(t)
	r.openURL = browse(t, p, func(v url.Values) url.Values { return v })
	out := r.tansu(t.Context(), "login", "--browser", "--url", srv.URL, "--tenant", "acme", "--profile", "mine").wantOK(t)
	require.Contains(t, out.stderr, srv.URL+"/oauth/authorize?")
	require.Contains(t, out.stderr, "Profile mine is in use now")
	require.Equal(t, "S256", p.auth.Get("code_challenge_method"))
	require.Equal(t, "code", p.auth.Get("response_type"))
	require.Empty(t, p.auth.Get("tenant"), "a slug is looked up afterwards")
	require.GreaterOrEqual(t, len(p.auth.Get("state")), 43)
	r.tansu(t.Context(), "whoami").wantOK(t)
	r.tansu(t.Context(), "login", "--browser", "--url", srv.URL, "--tenant", tenantB).wantOK(t)
	require.Equal(t, tenantB, p.auth.Get("tenant"))
}

func TestBrowserAnswersThatAreRefused(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		answer func(url.Values) url.Values
		want   string
	}{
		{"another server", func(v url.Values) url.Values { v.Set("iss", "https://evil.example"); return v }, `came from "https://evil.example"`},
		{"no server", func(v url.Values) url.Values { v.Del("iss"); return v }, `came from ""`},
		{"denied", func(v url.Values) url.Values { v.Set("error", "access_denied"); return v }, "refused in the browser"},
		{"error", func(v url.Values) url.Values {
			v.Set("error", "server_error")
			v.Set("error_description", "oh\x1b[31m")
			return v
		}, "server_error: oh\uFFFD[31m"},
		{"no code", func(v url.Values) url.Values { v.Del("code"); return v }, "holds no code"},
		{"wrong code", func(v url.Values) url.Values { v.Set("code", "x"); return v }, "invalid_grant"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			p, srv := servedProvider(t)
			r := newSignInRig(t)
			r.openURL = browse(t, p, tc.answer)
			out := r.tansu(t.Context(), "login", "--browser", "--url", srv.URL)
			require.Equal(t, exitAuth, out.code, out.stderr)
			require.Contains(t, out.stderr, tc.want)
			require.Zero(t, p.minted)
		})
	}
}
