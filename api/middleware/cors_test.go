package middleware_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"tansu.cloud/api/middleware"
	"tansu.cloud/api/problem"
)

func preflight(origin, method, headers string) *http.Request {
	r := httptest.NewRequest("OPTIONS", "/v1/tenants", nil)
	r.Header.Set("Origin", origin)
	r.Header.Set("Access-Control-Request-Method", method)
	if headers != "" {
		r.Header.Set("Access-Control-Request-Headers", headers)
	}
	return r
}

func TestPreflights(t *testing.T) {
	t.Parallel()
	h := stack(&bytes.Buffer{}, middleware.Route{}, func(http.ResponseWriter, *http.Request) { t.Error("a preflight is answered at the edge") })
	const app = "https://app.example.com"
	for _, c := range []struct {
		origin, method, headers string
		admitted                bool
	}{
		{app, "POST", "authorization,content-type,idempotency-key,x-tenant-id", true},
		{app, "DELETE", "if-match", true},
		{app, "GET", "", true},
		{app, "TRACE", "", false},
		{app, "GET", "x-surprise", false},
		{"https://evil.example.com", "GET", "", false},
		{"https://app.example.com.evil.com", "GET", "", false},
		{"http://app.example.com", "GET", "", false},
		{"null", "GET", "", false},
		{"*", "GET", "", false},
	} {
		rec := serve(h, preflight(c.origin, c.method, c.headers))
		require.Equal(t, http.StatusNoContent, rec.Code)
		require.Zero(t, rec.Body.Len())
		if c.admitted {
			require.Equal(t, c.origin, rec.Header().Get("Access-Control-Allow-Origin"), c)
			require.Equal(t, c.method, rec.Header().Get("Access-Control-Allow-Methods"), c)
			require.Equal(t, "600", rec.Header().Get("Access-Control-Max-Age"))
		} else {
			require.Empty(t, rec.Header().Get("Access-Control-Allow-Origin"), c)
			require.Empty(t, rec.Header().Get("Access-Control-Allow-Methods"), c)
		}
		require.Empty(t, rec.Header().Get("Access-Control-Allow-Credentials"))
		require.Contains(t, rec.Header()["Vary"], "Origin, Access-Control-Request-Method, Access-Control-Request-Headers")
	}
}

func TestAnswersToOtherOrigins(t *testing.T) {
	t.Parallel()
	h := stack(&bytes.Buffer{}, middleware.Route{}, func(w http.ResponseWriter, r *http.Request) {
		middleware.Refuse(w, r, problem.New(problem.NotFound, "There is no such thing."))
	})
	rec := serve(h, get("/", "Origin", "https://app.example.com"))
	require.Equal(t, "https://app.example.com", rec.Header().Get("Access-Control-Allow-Origin"), "refusals can be read too")
	for _, name := range []string{"Etag", "Tansu-Position", "Location", "Link", "Ratelimit", "Ratelimit-Policy", "Retry-After", "Idempotency-Replayed"} {
		require.Contains(t, rec.Header().Get("Access-Control-Expose-Headers"), name)
	}
	require.Empty(t, rec.Header().Get("Access-Control-Allow-Credentials"))
	require.Contains(t, rec.Header()["Vary"], "Origin")
	require.Empty(t, serve(h, get("/", "Origin", "https://evil.example.com")).Header().Get("Access-Control-Allow-Origin"))

	disowned := stack(&bytes.Buffer{}, middleware.Route{}, func(w http.ResponseWriter, _ *http.Request) { middleware.Disown(w) })
	require.Empty(t, serve(disowned, get("/", "Origin", "https://app.example.com")).Header().Get("Access-Control-Allow-Origin"))
}
