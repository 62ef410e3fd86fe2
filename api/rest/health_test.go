package rest_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tansu.cloud/api/rest"
)

func TestProbes(t *testing.T) {
	t.Parallel()
	health := rest.Health{Components: map[string]rest.Component{"log": {Ready: true}, "projections": {Detail: "catching up"}}}
	r := newRig(t, func(d *rest.Deps) { d.Health = func(context.Context) rest.Health { return health } })

	require.Equal(t, map[string]any{"status": "ok"}, r.send("GET", "/livez", "", "-Authorization").ok(200))
	r.send("GET", "/startupz", "", "-Authorization").problem(503, "unavailable")
	a := r.send("GET", "/readyz", "", "-Authorization")
	require.Empty(t, pointers(a.problem(503, "unavailable")), "strangers do not see the parts")
	require.Equal(t, "1", a.Header().Get("Retry-After"))
	require.Equal(t, []string{"/components/projections not_ready"}, pointers(r.send("GET", "/readyz", "").problem(503, "unavailable")))
	require.Empty(t, pointers(r.send("GET", "/readyz", "", "Authorization: Bearer wrong").problem(503, "unavailable")))

	health.Started, health.Ready = true, true
	require.Equal(t, map[string]any{"status": "ok"}, r.send("GET", "/startupz", "", "-Authorization").ok(200))
	require.Equal(t, map[string]any{"status": "ok"}, r.send("GET", "/readyz", "", "-Authorization").ok(200))
	ready := r.send("GET", "/readyz", "")
	require.Contains(t, ready.ok(200), "components")
	require.Equal(t, "no-store", ready.Header().Get("Cache-Control"))
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	a := r.send("GET", "/metrics", "", "Accept: application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1")
	require.Equal(t, 200, a.Code)
	require.Equal(t, "tansu_up 1\n", a.Body.String())
	public := newRig(t, func(d *rest.Deps) { d.Config.PublicMetrics = true })
	require.Equal(t, 200, public.send("GET", "/metrics", "", "-Authorization").Code)
}

func TestDocs(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	a := r.send("GET", "/docs", "", "-Authorization", "Accept: text/html,application/xhtml+xml")
	require.Equal(t, 200, a.Code)
	require.Equal(t, "text/html; charset=utf-8", a.Header().Get("Content-Type"))
	page := a.Body.String()
	policy := a.Header().Get("Content-Security-Policy")
	require.True(t, strings.HasPrefix(policy, "default-src 'none'; style-src 'sha256-"), policy)
	require.NotContains(t, policy, "unsafe")

	style := regexp.MustCompile(`(?s)<style>(.*?)</style>`).FindStringSubmatch(page)
	require.Len(t, style, 2)
	sum := sha256.Sum256([]byte(style[1]))
	require.Contains(t, policy, "'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'", "the browser would drop the style")

	// nothing from elsewhere, no script, every link inside leads somewhere
	require.NotContains(t, page, "<script")
	require.NotRegexp(t, `(?i)(src|href)="(https?:)?//`, page)
	require.NotRegexp(t, `(?i) (style|on[a-z]+)="`, page)
	for _, link := range regexp.MustCompile(`href="#([^"]+)"`).FindAllStringSubmatch(page, -1) {
		require.Contains(t, page, ` id="`+link[1]+`"`)
	}
	for _, text := range []string{"Create a tenant", "tenant_suspended", "curl -X POST", "$TANSU_URL/v1/tenants/acme/suspend", "prefers-color-scheme:dark", "Tansu-Min-Position"} {
		require.Contains(t, page, text)
	}
	require.NotContains(t, page, "ZgotmplZ")
	again := r.send("GET", "/docs", "", "-Authorization", "If-None-Match: "+a.Header().Get("ETag"))
	require.Equal(t, 304, again.Code)
	require.Equal(t, policy, again.Header().Get("Content-Security-Policy"), "the browser would drop the style of what it kept")
	require.Empty(t, again.Header().Get("Content-Type"))
	require.Equal(t, 200, r.send("GET", "/openapi.json", "", "-Authorization", "Accept: application/json, */*").Code)
}
