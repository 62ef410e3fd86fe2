package middleware_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"tansu.cloud/api/middleware"
	"tansu.cloud/platform/limits"
)

// few is used up at once and does not come back during a test.
func few(n int) limits.Rate { return limits.Rate{Tokens: n, Per: time.Hour, Burst: n} }

// limited is the layers around a route that finds its caller in a header.
func limited(t testing.TB, rates middleware.Rates) http.Handler {
	t.Helper()
	counting, err := middleware.NewRateLimits(limits.NewLocal(), rates)
	require.NoError(t, err)
	return stack(&bytes.Buffer{}, middleware.Route{}, func(w http.ResponseWriter, r *http.Request) {
		payer := middleware.Payer{Tenant: r.Header.Get("X-Tenant-Id"), Actor: r.Header.Get("Actor")}
		payer.Operator = payer.Actor == "operator"
		if p := counting.Admit(w, r, payer); p != nil {
			middleware.Refuse(w, r, p)
		}
	})
}

func from(method, path, tenant, actor string) *http.Request {
	r := httptest.NewRequest(method, path, nil)
	r.Header.Set("X-Tenant-Id", tenant)
	r.Header.Set("Actor", actor)
	return r
}

// requireLeft: so many are left, and all are back in so many seconds, or a little
// sooner on a busy machine.
func requireLeft(t *testing.T, answer *httptest.ResponseRecorder, name string, left, seconds int) {
	t.Helper()
	var back int
	header := answer.Header().Get("RateLimit")
	_, err := fmt.Sscanf(header, fmt.Sprintf(`"%s";r=%d;t=%%d`, name, left), &back)
	require.NoError(t, err, header)
	require.InDelta(t, seconds-10, back, 10)
}

func TestRateLimitHeaders(t *testing.T) {
	t.Parallel()
	h := limited(t, middleware.Rates{
		Read: limits.Rate{Tokens: 2, Per: time.Minute, Burst: 2}, Write: few(1),
		TenantRead: limits.Rate{Tokens: 600, Per: time.Minute, Burst: 600}, TenantWrite: few(100),
	})
	first := serve(h, from("GET", "/v1/things", "a", "user:1"))
	require.Equal(t, 200, first.Code)
	require.Equal(t, `"principal";q=2;w=60, "tenant";q=600;w=60`, first.Header().Get("RateLimit-Policy"))
	requireLeft(t, first, "principal", 1, 30)
	require.Empty(t, first.Header().Get("Retry-After"))
	requireLeft(t, serve(h, from("HEAD", "/v1/things", "a", "user:1")), "principal", 0, 60)

	refused := serve(h, from("GET", "/v1/things", "a", "user:1"))
	require.Equal(t, 429, refused.Code)
	require.Equal(t, "application/problem+json", refused.Header().Get("Content-Type"))
	require.Contains(t, refused.Body.String(), `"code":"rate_limited"`)
	requireLeft(t, refused, "principal", 0, 60)
	retry, err := strconv.Atoi(refused.Header().Get("Retry-After"))
	require.NoError(t, err)
	require.InDelta(t, 20, retry, 10)

	require.Equal(t, 200, serve(h, from("POST", "/v1/things", "a", "user:1")).Code, "another class")
	require.Equal(t, 429, serve(h, from("DELETE", "/v1/things", "a", "user:1")).Code)
	require.Equal(t, 200, serve(h, from("GET", "/v1/things", "a", "user:2")).Code, "another principal")
	require.Equal(t, 200, serve(h, from("GET", "/v1/things", "b", "user:1")).Code, "the same in another tenant")
}

func TestATenantHasAnAllowanceForAll(t *testing.T) {
	t.Parallel()
	h := limited(t, middleware.Rates{Read: few(100), TenantRead: few(3)})
	for i := range 3 {
		require.Equal(t, 200, serve(h, from("GET", "/", "a", fmt.Sprintf("user:%d", i))).Code)
	}
	refused := serve(h, from("GET", "/", "a", "user:9"))
	require.Equal(t, 429, refused.Code)
	requireLeft(t, refused, "tenant", 0, 3600)
	require.Equal(t, 200, serve(h, from("GET", "/", "b", "user:9")).Code, "another tenant")
}

func TestTheOperatorHasATenantsAllowance(t *testing.T) {
	t.Parallel()
	h := limited(t, middleware.Rates{Read: few(1), TenantRead: few(5), Write: few(1), TenantWrite: few(2)})
	for method, allowed := range map[string]int{"GET": 5, "PUT": 2} {
		for range allowed {
			require.Equal(t, 200, serve(h, from(method, "/", "", "operator")).Code)
		}
		require.Equal(t, 429, serve(h, from(method, "/", "", "operator")).Code)
	}
}

func TestWithoutCredentialsTheAddressCounts(t *testing.T) {
	t.Parallel()
	h := limited(t, middleware.Rates{Read: few(100), TenantRead: few(100), Address: few(3), Login: few(2)})
	send := func(method, path, remote string) *httptest.ResponseRecorder {
		r := from(method, path, "", "")
		r.RemoteAddr = remote
		return serve(h, r)
	}
	for range 3 {
		require.Equal(t, 200, send("GET", "/v1/tenants", "192.0.2.1:1").Code)
	}
	refused := send("POST", "/v1/tenants", "192.0.2.1:2")
	require.Equal(t, 429, refused.Code, "reads and writes together")
	require.Equal(t, `"address";q=3;w=3600`, refused.Header().Get("RateLimit-Policy"))
	require.Equal(t, 200, send("GET", "/v1/tenants", "192.0.2.2:1").Code, "another address")

	known := from("GET", "/v1/tenants", "a", "user:1")
	known.RemoteAddr = "192.0.2.1:3"
	require.Equal(t, 200, serve(h, known).Code, "a neighbour with credentials that hold")

	for i := range 3 { // of IPv6 a network counts
		require.Equal(t, 200, send("GET", "/docs", fmt.Sprintf("[2001:db8::%d]:1", i)).Code)
	}
	require.Equal(t, 429, send("GET", "/docs", "[2001:db8::ffff]:1").Code)
	require.Equal(t, 200, send("GET", "/docs", "[2001:db8:0:1::1]:1").Code)

	for _, path := range []string{"/oauth/token", "/auth/login"} {
		require.Equal(t, 200, send("POST", path, "192.0.2.3:1").Code)
	}
	require.Equal(t, 429, send("POST", "/oauth/device_authorization", "192.0.2.3:1").Code)
	require.Equal(t, 200, send("GET", "/auth/login", "192.0.2.3:1").Code, "the page can be seen")
	for range 10 {
		require.Equal(t, 200, send("GET", "/readyz", "192.0.2.1:1").Code, "probes are free")
	}
}

func TestForwardedAddressesAreCounted(t *testing.T) {
	t.Parallel()
	h := limited(t, middleware.Rates{Address: few(1)})
	for client, want := range map[string]int{"203.0.113.1": 200, "203.0.113.2": 200} {
		r := get("/", "X-Forwarded-For", client)
		r.RemoteAddr = "10.0.0.1:1"
		require.Equal(t, want, serve(h, r).Code)
		require.Equal(t, 429, serve(h, r).Code)
	}
}

func TestNoRateLimits(t *testing.T) {
	t.Parallel()
	var none *middleware.RateLimits
	rec := httptest.NewRecorder()
	require.Nil(t, none.Admit(rec, get("/"), middleware.Payer{}))
	require.Empty(t, rec.Header())
}

// TestRefusalsAreCounted looks for labels too: a tenant must not be one.
func TestRefusalsAreCounted(t *testing.T) {
	t.Parallel()
	h := limited(t, middleware.Rates{Read: few(1), TenantRead: few(1), Address: few(1), Login: few(1)})
	for range 2 {
		serve(h, from("GET", "/", "tenant-of-metrics", "user:1"))
		serve(h, from("POST", "/auth/login", "", ""))
	}
	var data metricdata.ResourceMetrics
	require.NoError(t, metrics.Collect(context.Background(), &data))
	text, err := json.Marshal(data)
	require.NoError(t, err)
	require.Contains(t, string(text), `"tansu.http.rate_limited"`)
	require.Contains(t, string(text), `"login"`)
	require.NotContains(t, string(text), "tenant-of-metrics")
}

// TestTheRateIsKept presses as a client would, with several connections. It is
// not parallel: it measures.
func TestTheRateIsKept(t *testing.T) {
	// A burst so large that what a busy machine misses can be made up for, and a rate
	// that it can exceed.
	rate := limits.Rate{Tokens: 50, Per: time.Second, Burst: 300}
	h := limited(t, middleware.Rates{Read: rate, TenantRead: limits.Rate{Tokens: 100_000, Per: time.Second, Burst: 100_000}})
	const during = 2 * time.Second
	var passed atomic.Int64
	var took [4]time.Duration // until each was refused the last time
	var clients sync.WaitGroup
	began := time.Now()
	for i := range took {
		clients.Go(func() {
			for ok := true; ok || time.Since(began) < during; { // until nothing is left
				if ok = serve(h, from("GET", "/", "a", "user:1")).Code == http.StatusOK; ok {
					passed.Add(1)
				} else {
					took[i] = time.Since(began)
				}
			}
		})
	}
	clients.Wait()
	nominal := float64(rate.Burst) + slices.Max(took[:]).Seconds()*float64(rate.Tokens)
	t.Logf("%d passed, %.1f %% of nominal", passed.Load(), 100*float64(passed.Load())/nominal)
	require.InEpsilon(t, nominal, passed.Load(), 0.05)
}

func BenchmarkAdmit(b *testing.B) {
	plenty := limits.Rate{Tokens: 1 << 30, Per: time.Second, Burst: 1 << 30}
	counting, err := middleware.NewRateLimits(limits.NewLocal(), middleware.Rates{Read: plenty, TenantRead: plenty})
	require.NoError(b, err)
	r, payer := get("/v1/tenants"), middleware.Payer{Tenant: "01926a3c-7d1e-7c4b-9a51-3f0c1b2d4e5f", Actor: "user:01926a3c-7d1e-7c4b-9a51-3f0c1b2d4e5f"}
	rec := httptest.NewRecorder()
	b.ReportAllocs()
	for b.Loop() {
		if counting.Admit(rec, r, payer) != nil {
			b.Fatal("refused")
		}
	}
}
