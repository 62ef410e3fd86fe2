package middleware_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tansu.cloud/api/middleware"
	"tansu.cloud/platform/limits"
	limitsredis "tansu.cloud/platform/limits/redis"
	"tansu.cloud/platform/redis"
	"tansu.cloud/platform/redistest"
)

// withQuota is the layers around a route whose callers' tenant has a quota. What it
// has spent of it is in a header.
func withQuota(t *testing.T, engine limits.Limits, quota *limits.Rate) http.Handler {
	t.Helper()
	plenty := few(1000)
	counting, err := middleware.NewRateLimits(engine, middleware.Rates{
		Read: plenty, Write: plenty, TenantRead: plenty, TenantWrite: plenty, Address: plenty, Login: plenty,
	})
	require.NoError(t, err)
	return stack(&bytes.Buffer{}, middleware.Route{}, func(w http.ResponseWriter, r *http.Request) {
		payer := middleware.Payer{Tenant: r.Header.Get("X-Tenant-Id"), Actor: r.Header.Get("Actor"), Quota: *quota}
		p := counting.Admit(w, r, payer)
		w.Header().Set("Spent", strconv.Itoa(middleware.From(r.Context()).Spent))
		if p != nil {
			middleware.Refuse(w, r, p)
		}
	})
}

func TestAQuotaIsTheTotalOfATenantOverAllClasses(t *testing.T) {
	t.Parallel()
	quota := few(3)
	h := withQuota(t, limits.NewLocal(), &quota)
	for i, method := range []string{"GET", "POST", "DELETE"} {
		passed := serve(h, from(method, "/v1/things", "a", "user:"+strconv.Itoa(i)))
		require.Equal(t, 200, passed.Code)
		require.Equal(t, strconv.Itoa(i+1), passed.Header().Get("Spent"))
	}
	refused := serve(h, from("GET", "/v1/things", "a", "user:9"))
	require.Equal(t, 429, refused.Code)
	require.Contains(t, refused.Body.String(), `"code":"rate_limited"`)
	require.Contains(t, refused.Body.String(), "requests_per_minute")
	require.Equal(t, `"principal";q=1000;w=3600, "tenant";q=1000;w=3600, "tenant-quota";q=3;w=3600`, refused.Header().Get("RateLimit-Policy"))
	requireLeft(t, refused, "tenant-quota", 0, 3600)
	require.NotEmpty(t, refused.Header().Get("Retry-After"))
	require.Equal(t, 200, serve(h, from("GET", "/v1/things", "b", "user:9")).Code, "another tenant")

	quota = limits.Rate{Tokens: 1_000_000, Per: time.Second, Burst: 1_000_000}
	require.Eventually(t, func() bool { return serve(h, from("GET", "/", "a", "user:1")).Code == 200 }, time.Minute, time.Millisecond)
	quota = middleware.PerMinute(0)
	refused = serve(h, from("GET", "/", "a", "user:1"))
	require.Equal(t, 429, refused.Code, "nothing at all")
	require.Equal(t, "60", refused.Header().Get("Retry-After"))
	quota = limits.Rate{}
	require.Equal(t, 200, serve(h, from("GET", "/", "a", "user:1")).Code, "no quota")
}

func TestNodesShareAQuotaThroughRedis(t *testing.T) {
	t.Parallel()
	server := redistest.Private(t)
	prefix, quota := uuid.NewString(), few(10)
	var nodes []http.Handler
	for range 3 {
		shared, _, _ := redistest.Node(t, redis.Config{URL: server.URL(), Prefix: prefix, Timeout: 30 * time.Second}, limitsredis.New)
		require.Eventually(t, func() bool { return shared.Healthy() == nil }, 30*time.Second, time.Millisecond)
		nodes = append(nodes, withQuota(t, shared, &quota))
	}
	passed := 0
	var last *httptest.ResponseRecorder
	for range 10 {
		for _, node := range nodes {
			if last = serve(node, from("GET", "/", "a", "user:1")); last.Code == 200 {
				passed++
			}
		}
	}
	require.Equal(t, 10, passed)
	require.Equal(t, 429, last.Code)
	require.Contains(t, last.Header().Get("RateLimit"), "tenant-quota")
}
