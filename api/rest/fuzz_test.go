package rest_test

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tansu.cloud/api/rest"
)

// hostile requests: method, target, header lines and body.
var hostile = [][4]string{
	{"GET", "/v1/tenants?limit=5&sort=-name", "Accept: */*", ""},
	{"POST", "/v1/tenants", "Idempotency-Key: k\nPrefer: wait=0", `{"slug":"acme","name":"A"}`},
	{"POST", "/v1/tenants", "", `{"slug":"a\u0000b","name":"\ud800"}`},
	{"POST", "/v1/tenants", "Content-Type: application/json;charset=x", "{\"slug\":\"\xff\"}"},
	{"POST", "/v1/tenants", "", strings.Repeat("[", 5000)},
	{"POST", "/v1/tenants", "", `{"settings":{"a":1e400},"slug":"x","name":"y"}`},
	{"PUT", "/v1/tenants/seed/name", `If-Match: W/"1", "2"`, `{"name":"B"}`},
	{"PUT", "/v1/tenants/seed/settings", "If-Match: *", `{"settings":{"":{"a":[]}}}`},
	{"POST", "/v1/tenants/seed/suspend", "", `{"reason":"x"}`},
	{"GET", "/v1/tenants/%00", "", ""},
	{"GET", "/v1/tenants/" + strings.Repeat("a", 300), "", ""},
	{"GET", "/v1/events?after=-1&before=x&cursor=%ff", "X-Tenant-Id: seed", ""},
	{"GET", "/v1/events?type=,,,&actor=%F0%9F%92%A9&order=desc", "X-Tenant-Id: system", ""},
	{"GET", "/v1/events/9223372036854775807", "", ""},
	{"GET", "/v1/streams/a%2Fb/..%2f/state?version=9223372036854775807", "If-None-Match: \"", ""},
	{"GET", "/v1/streams/tenant/x/state?at=0000-01-01T00:00:00Z", "", ""},
	{"GET", "/v1/streams/tenant/x/diff?from=1&to=-1", "Tansu-Min-Position: 99", ""},
	{"POST", "/v1/projections/%20/rebuild", "", `{}`},
	{"POST", "/v1/dead-letters/redrive", "", `{"limit":-1}`},
	{"POST", "/v1/dead-letters/x/discard", "", `{"reason":null}`},
	{"GET", "/v1/audit/verify?position=1&hash=zz", "Range: bytes=0-", ""},
	{"GET", "/v1/audit/export", "Accept: application/zip;q=0", ""},
	{"BREW", "/coffee", "Accept: a;,b", ""},
	{"OPTIONS", "*", "", ""},
	{"GET", "//v1//tenants/../x", "Host: a.b.tansu.example", ""},
	{"GET", "/readyz", "Authorization: Bearer", ""},
	{"HEAD", "/v1/tenants/seed", "Traceparent: 00-zz", ""},
}

// FuzzRequests sends anything to the whole interface. No answer may be a server
// error, every refusal must be a problem, and none may append anything.
func FuzzRequests(f *testing.F) {
	for _, seed := range hostile {
		f.Add(seed[0], seed[1], seed[2], seed[3])
	}
	r := newRig(f, func(d *rest.Deps) {
		d.Config.Domain, d.Config.WaitDefault = "tansu.example", 5*time.Millisecond
		d.Logger = slog.New(slog.DiscardHandler)
	})
	r.tenant("seed")
	f.Fuzz(func(t *testing.T, method, target, headers, body string) {
		req := fuzzed(method, target, headers, body)
		if req == nil {
			return // net/http would not hand it on
		}
		r.t = t
		before := r.position()
		rec := httptest.NewRecorder()
		r.handler.ServeHTTP(rec, req)
		require.Less(t, rec.Code, 500, rec.Body)
		if rec.Code < 400 {
			return
		}
		require.Equal(t, before, r.position(), "a refused request appended something")
		require.Equal(t, "application/problem+json", rec.Header().Get("Content-Type"))
		var p struct{ Code, TraceID string }
		require.NoError(t, json.Unmarshal(rec.Body.Bytes(), &p), rec.Body)
		require.NotEmpty(t, p.Code)
		require.NotEmpty(t, p.TraceID)
	})
}

// fuzzed builds a request from text as the server would, nil if it would not.
func fuzzed(method, target, headers, body string) *http.Request {
	u, err := url.ParseRequestURI(target)
	if err != nil || method == "" || strings.ContainsFunc(method, func(c rune) bool { return c <= ' ' || c > '~' || strings.ContainsRune(`()<>@,;:\"/[]?={}`, c) }) {
		return nil
	}
	req := httptest.NewRequest("POST", "/", strings.NewReader(body))
	req.Method, req.URL, req.RequestURI = method, u, target
	req.Header.Set("Authorization", "Bearer "+token)
	for _, line := range strings.Split(headers, "\n") {
		name, value, _ := strings.Cut(line, ":")
		if name = http.CanonicalHeaderKey(strings.TrimSpace(name)); name == "Host" {
			req.Host = strings.TrimSpace(value)
		} else if name != "" {
			req.Header.Add(name, strings.TrimSpace(value))
		}
	}
	return req
}
