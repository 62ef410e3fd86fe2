package rest_test

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tansu.cloud/api/middleware"
	"tansu.cloud/api/rest"
	"tansu.cloud/platform/limits"
	"tansu.cloud/platform/stopwatchtest"
)

// slowly is used up at once and does not come back during a test.
func slowly(n int) limits.Rate { return limits.Rate{Tokens: n, Per: time.Hour, Burst: n} }

func limitsOf(t *testing.T, rates middleware.Rates) *middleware.RateLimits {
	t.Helper()
	counting, err := middleware.NewRateLimits(limits.NewLocal(), rates)
	require.NoError(t, err)
	return counting
}

func limitedRig(t *testing.T, rates middleware.Rates) *rig {
	t.Helper()
	return newRig(t, func(d *rest.Deps) {
		d.RateLimits = limitsOf(t, rates)
		withOrigins(t, "https://app.example.com")(d)
		d.Config.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")} // where httptest comes from
	})
}

func TestTooManyRequests(t *testing.T) {
	t.Parallel()
	r := limitedRig(t, middleware.Rates{
		Read: slowly(100), Write: slowly(100), TenantRead: slowly(3), TenantWrite: slowly(1), Address: slowly(2), Login: slowly(1),
	})
	for range 3 {
		require.Equal(t, http.StatusOK, r.send("GET", "/v1/tenants", "").Code)
	}
	refused := r.send("GET", "/v1/tenants", "")
	require.Equal(t, http.StatusTooManyRequests, refused.Code)
	require.Contains(t, refused.Body.String(), `"code":"rate_limited"`)
	require.NotEmpty(t, refused.Header().Get("Retry-After"))
	require.Equal(t, `"principal";q=3;w=3600`, refused.Header().Get("RateLimit-Policy"))
	require.Equal(t, http.StatusCreated, r.send("POST", "/v1/tenants", `{"name":"Acme","slug":"acme"}`).Code, "another class")
	require.Equal(t, http.StatusTooManyRequests, r.send("POST", "/v1/tenants", `{"name":"Other","slug":"other"}`).Code)

	for range 2 {
		require.Equal(t, http.StatusUnauthorized, r.send("GET", "/v1/tenants", "", "Authorization: Bearer wrong").Code)
	}
	require.Equal(t, http.StatusTooManyRequests, r.send("GET", "/v1/tenants", "", "Authorization: Bearer wrong").Code)
	require.Equal(t, http.StatusTooManyRequests, r.send("GET", "/docs", "", "-Authorization").Code)
	require.Equal(t, http.StatusOK, r.send("GET", "/docs", "", "-Authorization", "X-Forwarded-For: 203.0.113.5").Code, "another client of the proxy")
	require.Equal(t, http.StatusOK, r.send("GET", "/livez", "", "-Authorization").Code)
}

// TestTagsSurviveCompression: what a client has got compressed it can change.
func TestTagsSurviveCompression(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	docs := r.send("GET", "/docs", "", "Accept-Encoding: gzip")
	require.Equal(t, "gzip", docs.Header().Get("Content-Encoding"))
	again := r.send("GET", "/docs", "", "Accept-Encoding: gzip", "If-None-Match: "+docs.Header().Get("ETag"))
	require.Equal(t, http.StatusNotModified, again.Code)
	require.Equal(t, docs.Header().Get("ETag"), again.Header().Get("ETag"))

	created := r.send("POST", "/v1/tenants", `{"name":"Acme","slug":"acme"}`)
	require.Equal(t, http.StatusCreated, created.Code)
	rename := func(version string) int {
		return r.send("PUT", created.Header().Get("Location")+"/name", `{"name":"Acme `+version+`"}`, `If-Match: "`+version+`"`).Code
	}
	require.Equal(t, http.StatusOK, rename("1-gzip"))
	require.Equal(t, http.StatusPreconditionFailed, rename("1-zstd"))
	require.Equal(t, http.StatusOK, rename("2"))
}

func TestOtherOrigins(t *testing.T) {
	t.Parallel()
	r := limitedRig(t, middleware.Rates{TenantRead: slowly(1), Address: slowly(1)})
	for range 3 { // preflights are not counted
		rec := r.send("OPTIONS", "/v1/tenants", "", "-Authorization", "Origin: https://app.example.com",
			"Access-Control-Request-Method: POST", "Access-Control-Request-Headers: authorization,idempotency-key")
		require.Equal(t, http.StatusNoContent, rec.Code)
		require.Equal(t, "https://app.example.com", rec.Header().Get("Access-Control-Allow-Origin"))
	}
	rec := r.send("GET", "/v1/tenants", "", "Origin: https://app.example.com")
	require.Equal(t, http.StatusOK, rec.Code)
	require.Equal(t, "https://app.example.com", rec.Header().Get("Access-Control-Allow-Origin"))
	require.Contains(t, rec.Header().Get("Access-Control-Expose-Headers"), "Tansu-Position")
}

func TestBrowsersGetAPageWhenTheyAreLimited(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(d *rest.Deps) {
		d.RateLimits = limitsOf(t, middleware.Rates{Login: slowly(1), Address: slowly(1)})
		d.Identity = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("signed in")) })
		d.TooMany = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusTooManyRequests)
			_, _ = w.Write([]byte("a page"))
		})
	})
	browser := "Accept: text/html,application/xhtml+xml,*/*;q=0.8"
	require.Equal(t, 200, r.send("POST", "/auth/login", "", "-Authorization", browser).Code)
	refused := r.send("POST", "/auth/login", "", "-Authorization", browser)
	require.Equal(t, http.StatusTooManyRequests, refused.Code)
	require.Equal(t, "a page", refused.Body.String())
	require.NotEmpty(t, refused.Header().Get("Retry-After"))
	require.NotEmpty(t, refused.Header().Get("RateLimit"))
	r.send("POST", "/oauth/token", "", "-Authorization", browser).problem(429, "rate_limited")
	r.send("POST", "/auth/login", "", "-Authorization", "Accept: */*").problem(429, "rate_limited")

	require.Equal(t, 404, r.send("GET", "/no/such/path", "").Code)
	r.send("GET", "/no/such/path", "").problem(429, "rate_limited")
	require.Equal(t, "a page", r.send("GET", "/oauth/authorize", "", "-Authorization", browser).Body.String())
	r.send("GET", "/docs", "", "-Authorization", browser).problem(429, "rate_limited")
}

func TestATenantsQuotaOfRequests(t *testing.T) {
	t.Parallel()
	plenty := slowly(10_000)
	r := limitedRig(t, middleware.Rates{Read: plenty, Write: plenty, TenantRead: plenty, TenantWrite: plenty, Address: plenty, Login: plenty})
	r.tenant("acme")
	ada, grace := r.person("ada", "acme", "owner"), r.person("grace", "system", "owner")
	r.send("PUT", "/v1/tenants/acme/quotas", `{"quotas":{"requests_per_minute":2}}`).ok(200)
	me := func(who person) answer { return r.send("GET", "/v1/me", "", who.auth) }
	first := r.send("GET", "/v1/tenants/current", "", ada.auth)
	used := first.ok(200)["quotas"].([]any)[6]
	require.Equal(t, map[string]any{"name": "requests_per_minute", "limit": 2.0, "used": 1.0, "enforced": true,
		"title": "Requests of all members and programs in a minute"}, used)
	require.Contains(t, first.Header().Get("RateLimit-Policy"), `"tenant-quota";q=2;w=60`)
	require.Equal(t, 200, me(ada).Code)
	refused := me(ada)
	refused.problem(429, "rate_limited")
	require.Contains(t, refused.Header().Get("RateLimit"), `"tenant-quota";r=0`)
	require.NotEmpty(t, refused.Header().Get("Retry-After"))

	// Those who can raise it are not counted, neither in nor as the tenant.
	require.NotContains(t, r.send("GET", "/v1/me", "", "X-Tenant-Id: acme").Header().Get("RateLimit-Policy"), "quota")
	require.NotContains(t, me(grace).Header().Get("RateLimit-Policy"), "quota")
	r.send("PUT", "/v1/tenants/acme/quotas", `{"quotas":{"requests_per_minute":1000000}}`, grace.auth).ok(200)
	began := stopwatchtest.Start(t)
	require.Eventually(t, func() bool { return me(ada).Code == 200 }, time.Minute, 5*time.Millisecond)
	began.Within(2 * time.Second)
}

func TestATenantsQuotaOfSockets(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.tenant("acme")
	ada := r.person("ada", "acme", "owner")
	r.send("PUT", "/v1/tenants/acme/quotas", `{"quotas":{"sockets":2}}`).ok(200)
	server := httptest.NewServer(r.handler)
	t.Cleanup(server.Close)
	_, bearer, _ := cutAuth(ada.auth)
	used := func() float64 {
		return r.send("GET", "/v1/tenants/current", "", ada.auth).ok(200)["quotas"].([]any)[5].(map[string]any)["used"].(float64)
	}
	first := connect(t, server, bearer, "")
	require.Equal(t, "connected", first.read()["type"])
	require.Equal(t, 1.0, used())
	second := connect(t, server, bearer, "")
	require.Equal(t, "connected", second.read()["type"])

	third := connect(t, server, bearer, "")
	require.Equal(t, "too_many_connections", third.read()["code"])
	require.Equal(t, 4429, third.closed().Code)
	feed := r.send("GET", "/v1/feed", "", ada.auth)
	feed.problem(429, "too_many_connections")
	require.NotEmpty(t, feed.Header().Get("Retry-After"))
	require.Equal(t, 2.0, used())

	r.send("PUT", "/v1/tenants/acme/quotas", `{"quotas":{"sockets":3}}`).ok(200)
	require.Eventually(t, func() bool { return connect(t, server, bearer, "").read()["type"] == "connected" }, time.Minute, 10*time.Millisecond)
}
