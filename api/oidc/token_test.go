package oidc_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const deviceGrant = "urn:ietf:params:oauth:grant-type:device_code"

// answer is what an endpoint for programs said.
type answer struct {
	t      testing.TB
	status int
	header http.Header
	body   string
}

// token posts to the token endpoint. Headers are "Name: value".
func (r *rig) token(form url.Values, headers ...string) answer {
	r.t.Helper()
	return r.send(http.MethodPost, "/oauth/token", form.Encode(), headers...)
}

// send makes a request of a program.
func (r *rig) send(method, path, body string, headers ...string) answer {
	r.t.Helper()
	req, err := http.NewRequest(method, r.server.URL+path, strings.NewReader(body))
	require.NoError(r.t, err)
	if body != "" {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Set(name, value)
	}
	res, err := http.DefaultTransport.RoundTrip(req)
	require.NoError(r.t, err)
	text, err := io.ReadAll(res.Body)
	require.NoError(r.t, err)
	require.NoError(r.t, res.Body.Close())
	return answer{r.t, res.StatusCode, res.Header, string(text)}
}

func (a answer) json() map[string]any {
	a.t.Helper()
	var v map[string]any
	require.NoError(a.t, json.Unmarshal([]byte(a.body), &v), "%d %s", a.status, a.body)
	return v
}

func (a answer) ok() map[string]any {
	a.t.Helper()
	require.Equal(a.t, http.StatusOK, a.status, a.body)
	require.Equal(a.t, "no-store", a.header.Get("Cache-Control"))
	return a.json()
}

// code returns the error code of a refusal.
func (a answer) code() string {
	a.t.Helper()
	require.GreaterOrEqual(a.t, a.status, 400, a.body)
	require.Equal(a.t, "no-store", a.header.Get("Cache-Control"))
	code, _ := a.json()["error"].(string)
	return code
}
