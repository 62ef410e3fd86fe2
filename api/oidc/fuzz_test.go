package oidc_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	clientdomain "tansu.cloud/domain/identity/client"
)

// FuzzAuthorize: whatever a query says, nobody is sent anywhere but to a
// registered address or a page of ours, and nothing breaks.
func FuzzAuthorize(f *testing.F) {
	r := newRig(f)
	id, _ := r.client(clientdomain.Public, true, appRedirect, "com.example.app:/cb")
	f.Add("client_id=" + id + "&redirect_uri=" + url.QueryEscape(appRedirect) + "&response_type=code")
	f.Add(r.request(id, appRedirect).Encode())
	f.Add(r.request("tansu-cli", loopback).Encode())
	f.Add(r.request(id, "https://app.example.com@evil.example/cb").Encode() + "&prompt=none&max_age=0&id_token_hint=a.b.c&resource=x&tenant=y")
	f.Fuzz(func(t *testing.T, query string) {
		rec := httptest.NewRecorder()
		req := httptest.NewRequest(http.MethodGet, "/oauth/authorize", nil)
		req.URL.RawQuery = query
		r.provider.ServeHTTP(rec, req)
		require.Less(t, rec.Code, 500, query)
		to := rec.Header().Get("Location")
		sent, err := url.Parse(to)
		require.NoError(t, err, query)
		switch {
		case to == "", strings.HasPrefix(to, "/auth/"), strings.HasPrefix(to, appRedirect+"?"), strings.HasPrefix(to, "com.example.app:/cb?"):
		case sent.Scheme == "http" && sent.Path == "/callback" && sent.User == nil:
			require.Contains(t, []string{"127.0.0.1", "::1", "localhost"}, sent.Hostname(), query)
		case strings.HasPrefix(to, r.server.URL+"/dashboard/callback?"):
		default:
			require.Fail(t, "sent to "+to, query)
		}
	})
}

// FuzzToken: whatever a client posts, the answer is JSON, not cached and not a
// failure of ours, and without credentials there are no tokens.
func FuzzToken(f *testing.F) {
	r := newRig(f)
	f.Add("grant_type=authorization_code&code=x&redirect_uri=y&client_id=tansu-cli&code_verifier=z", "")
	f.Add("grant_type=refresh_token&refresh_token=x&client_id=tansu-cli&scope=a&tenant=b", "")
	f.Add("grant_type=client_credentials", "Basic dHNhX3g6eQ==")
	f.Add("grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Adevice_code&device_code=x&client_id=tansu-cli", "Basic !!")
	f.Fuzz(func(t *testing.T, body, authorization string) {
		rec := httptest.NewRecorder()
		req := httptest.NewRequest(http.MethodPost, "/oauth/token", strings.NewReader(body))
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header["Authorization"] = []string{authorization}
		r.provider.ServeHTTP(rec, req)
		require.GreaterOrEqual(t, rec.Code, 400, body)
		require.Less(t, rec.Code, 500, body)
		require.Equal(t, "no-store", rec.Header().Get("Cache-Control"))
		require.Contains(t, answer{t: t, status: rec.Code, body: rec.Body.String()}.json(), "error")
	})
}

// FuzzVerify: nothing but what was signed here is a token.
func FuzzVerify(f *testing.F) {
	r := newRig(f)
	f.Add("")
	f.Add("a.b.c")
	f.Add("eyJhbGciOiJub25lIn0.e30.")
	f.Add("eyJhbGciOiJFUzI1NiIsInR5cCI6ImF0K2p3dCJ9.eyJzdWIiOiJ4In0.AAAA")
	f.Fuzz(func(t *testing.T, token string) {
		_, err := r.provider.Verify(context.Background(), token)
		require.Error(t, err, token)
	})
}
