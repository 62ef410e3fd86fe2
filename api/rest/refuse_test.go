package rest_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tansu.cloud/api/rest"
	"tansu.cloud/eventstore"
	"tansu.cloud/projections/readmodels/tenantdirectory"
)

// TestRefusals is a table of requests that must change nothing.
func TestRefusals(t *testing.T) {
	t.Parallel()
	big := `{"slug":"acme","name":"` + strings.Repeat("x", 1<<20) + `"}`
	for _, c := range []struct {
		name, method, target, body string
		headers                    []string
		status                     int
		code                       string
		errors                     []string
	}{
		{"no token", "GET", "/v1/tenants", "", []string{"-Authorization"}, 401, "unauthorized", nil},
		{"wrong token", "GET", "/v1/tenants", "", []string{"Authorization: Bearer nope"}, 401, "unauthorized", nil},
		{"wrong scheme", "GET", "/v1/tenants", "", []string{"Authorization: Basic " + token}, 401, "unauthorized", nil},
		{"empty token", "GET", "/v1/tenants", "", []string{"Authorization: Bearer "}, 401, "unauthorized", nil},
		{"metrics without token", "GET", "/metrics", "", []string{"-Authorization"}, 401, "unauthorized", nil},
		{"no such path", "GET", "/v1/nothing", "", nil, 404, "not_found", nil},
		{"no such path without token", "GET", "/nothing", "", []string{"-Authorization"}, 404, "not_found", nil},
		{"trailing slash", "GET", "/v1/tenants/", "", nil, 404, "not_found", nil},
		{"path that is not clean", "GET", "/v1/../v1/tenants", "", nil, 404, "not_found", nil},
		{"doubled slash", "POST", "//v1/tenants", `{}`, nil, 404, "not_found", nil},
		{"wrong method", "DELETE", "/v1/tenants", "", nil, 405, "method_not_allowed", nil},
		{"odd method", "BREW", "/v1/tenants/acme", "", nil, 405, "method_not_allowed", nil},
		{"not acceptable", "GET", "/v1/tenants", "", []string{"Accept: text/html"}, 406, "not_acceptable", nil},
		{"JSON refused by quality", "GET", "/v1/tenants", "", []string{"Accept: application/json;q=0, text/html"}, 406, "not_acceptable", nil},
		{"too large", "POST", "/v1/tenants", big, nil, 413, "payload_too_large", nil},
		{"form", "POST", "/v1/tenants", "slug=acme", []string{"Content-Type: application/x-www-form-urlencoded"}, 415, "unsupported_media_type", nil},
		{"other charset", "POST", "/v1/tenants", "{}", []string{"Content-Type: application/json; charset=latin1"}, 415, "unsupported_media_type", nil},
		{"malformed type", "POST", "/v1/tenants", "{}", []string{"Content-Type: a+;;;"}, 415, "unsupported_media_type", nil},
		{"compressed", "POST", "/v1/tenants", "\x1f\x8b", []string{"Content-Encoding: gzip"}, 415, "unsupported_media_type", nil},
		{"no body", "POST", "/v1/tenants", "", nil, 400, "malformed_json", nil},
		{"broken JSON", "POST", "/v1/tenants", `{"slug":"acme","name":"secret-`, nil, 400, "malformed_json", nil},
		{"two values", "POST", "/v1/tenants", `{"slug":"acme","name":"A"} {}`, nil, 400, "malformed_json", nil},
		{"repeated key", "POST", "/v1/tenants", `{"slug":"acme","slug":"other","name":"A"}`, nil, 400, "malformed_json", nil},
		{"repeated nested key", "POST", "/v1/tenants", `{"slug":"acme","name":"A","settings":{"a":1,"a":2}}`, nil, 400, "malformed_json", nil},
		{"NUL in a text", "POST", "/v1/tenants", `{"slug":"acme","name":"A\u0000B"}`, nil, 400, "malformed_json", nil},
		{"NUL in a key", "POST", "/v1/tenants", `{"slug":"acme","name":"A","settings":{"\u0000":1}}`, nil, 400, "malformed_json", nil},
		{"raw NUL", "POST", "/v1/tenants", "{\"slug\":\"a\x00b\"}", nil, 400, "malformed_json", nil},
		{"invalid UTF-8", "POST", "/v1/tenants", "{\"slug\":\"acme\",\"name\":\"\xff\xfe\"}", nil, 400, "malformed_json", nil},
		{"deep", "POST", "/v1/tenants", nested("[", "]", 100_000, ""), nil, 400, "malformed_json", nil},
		{"deep objects", "POST", "/v1/tenants", nested(`{"a":`, "}", 10_000, "1"), nil, 400, "malformed_json", nil},
		{"huge number", "POST", "/v1/tenants", `{"slug":"acme","name":"A","settings":{"a":1e999999}}`, nil, 400, "malformed_json", nil},
		{"array", "POST", "/v1/tenants", `[]`, nil, 422, "validation_failed", []string{" wrong_type"}},
		{"null", "POST", "/v1/tenants", `null`, nil, 422, "validation_failed", []string{" wrong_type"}},
		{"NUL in the path", "GET", "/v1/tenants/a%00b", "", nil, 400, "url_invalid", nil},
		{"invalid UTF-8 in the path", "GET", "/v1/tenants/%ff", "", nil, 400, "url_invalid", nil},
		{"NUL in the query", "GET", "/v1/tenants?name=%00", "", nil, 400, "url_invalid", nil},
		{"invalid UTF-8 in the query", "GET", "/v1/tenants?name=%ff", "", nil, 400, "url_invalid", nil},
		{"bad escape in the query", "GET", "/v1/tenants?name=%zz", "", nil, 400, "url_invalid", nil},
		{"repeated parameter", "GET", "/v1/tenants?limit=1&limit=2", "", nil, 400, "url_invalid", nil},
		{"long id", "GET", "/v1/tenants/" + strings.Repeat("a", 64), "", nil, 422, "validation_failed", []string{"/path/id wrong_length"}},
		{"word for a number", "GET", "/v1/events?limit=many", "", nil, 422, "validation_failed", []string{"/query/limit wrong_type"}},
		{"overflow", "GET", "/v1/events?after=99999999999999999999", "", nil, 422, "validation_failed", []string{"/query/after wrong_type"}},
		{"negative", "GET", "/v1/events/-1", "", nil, 422, "validation_failed", []string{"/path/position out_of_range"}},
		{"bad time", "GET", "/v1/streams/tenant/x/state?at=yesterday", "", nil, 422, "validation_failed", []string{"/query/at wrong_type"}},
		{"bad cursor", "GET", "/v1/events?cursor=AAAA", "", nil, 400, "cursor_invalid", nil},
		{"bad wait", "GET", "/v1/tenants", "", []string{"Prefer: wait=long"}, 400, "header_invalid", []string{"/header/Prefer malformed"}},
		{"bad position", "GET", "/v1/tenants", "", []string{"Tansu-Min-Position: x"}, 400, "header_invalid", []string{"/header/Tansu-Min-Position wrong_type"}},
		{"bad idempotency key", "POST", "/v1/tenants", `{"slug":"acme","name":"A"}`, []string{"Idempotency-Key: a b"}, 400, "header_invalid", []string{"/header/Idempotency-Key malformed"}},
		{"long idempotency key", "POST", "/v1/tenants", `{"slug":"acme","name":"A"}`, []string{"Idempotency-Key: " + strings.Repeat("k", 256)}, 400, "header_invalid", []string{"/header/Idempotency-Key malformed"}},
		{"control character in a header", "GET", "/v1/tenants", "", []string{"X-Custom: a\x01b"}, 400, "header_invalid", []string{"/header/X-Custom malformed"}},
		{"invalid UTF-8 in a header", "GET", "/v1/tenants", "", []string{"X-Custom: \xff"}, 400, "header_invalid", []string{"/header/X-Custom malformed"}},
		{"headers too large", "GET", "/v1/tenants", "", []string{"X-Custom: " + strings.Repeat("x", 40<<10)}, 431, "headers_too_large", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			a := r.send(c.method, c.target, c.body, c.headers...)
			require.Equal(t, c.errors, pointers(a.problem(c.status, c.code)))
			require.Zero(t, r.position(), "nothing may be appended")
			require.NotContains(t, a.Body.String(), "secret")
			require.NotContains(t, a.Body.String(), token)
		})
	}
}

func TestSingleHeadersMustNotBeRepeated(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, name := range []string{"Authorization", "Idempotency-Key", "X-Tenant-Id", "Content-Type", "Tansu-Min-Position"} {
		req := request("GET", "/v1/tenants", "")
		req.Header[name] = []string{"1", "2"}
		rec := httptest.NewRecorder()
		r.handler.ServeHTTP(rec, req)
		require.Equal(t, []string{"/header/" + name + " malformed"}, pointers(answer{rec, t}.problem(400, "header_invalid")))
	}
}

func TestMethodNotAllowedNamesWhatIs(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	require.Equal(t, "GET, HEAD, POST", r.send("PATCH", "/v1/tenants", "").Header().Get("Allow"))
	require.Equal(t, "PUT", r.send("GET", "/v1/tenants/acme/name", "").Header().Get("Allow"))
	require.Equal(t, `Bearer realm="tansu"`, r.send("GET", "/v1/tenants", "", "-Authorization").Header().Get("WWW-Authenticate"))
	require.Contains(t, r.send("GET", "/v1/tenants", "", "Authorization: Bearer x").Header().Get("WWW-Authenticate"), "invalid_token")
}

// TestOddAcceptHeaders: none of these may break the negotiation of the answer.
func TestOddAcceptHeaders(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for accept, status := range map[string]int{
		"":                                    200,
		"*/*":                                 200,
		"application/*":                       200,
		"text/html, application/json;q=0.5":   200,
		"Application/JSON":                    200,
		"application/json;q=oops":             200,
		"text/html,application/xml,*/*;q=0.8": 200,
		"a;,b":                                406,
		";":                                   406,
		",,,":                                 406,
		"application/json;q=0":                406,
	} {
		require.Equal(t, status, r.send("GET", "/v1/tenants", "", "Accept: "+accept).Code, accept)
	}
}

func TestErrorsOfManyFieldsAreBounded(t *testing.T) {
	t.Parallel()
	body := strings.Builder{}
	body.WriteString(`{"slug":"acme","name":"A"`)
	for range 1000 {
		body.WriteString(`,"` + uuid.NewString() + strings.Repeat("k", 100) + `":1`)
	}
	body.WriteString("}")
	a := newRig(t).send("POST", "/v1/tenants", body.String())
	require.Len(t, pointers(a.problem(422, "validation_failed")), 20)
	require.Less(t, a.Body.Len(), 8<<10)
}

// brokenTenants fails in ways that only a server can.
type brokenTenants struct {
	rest.Tenants
	fail func() error
}

func (b brokenTenants) Get(context.Context, string) (tenantdirectory.Tenant, error) {
	return tenantdirectory.Tenant{}, b.fail()
}

func TestServerFailures(t *testing.T) {
	t.Parallel()
	const secret = "postgres://user:hunter2@host"
	for _, c := range []struct {
		name   string
		fail   func() error
		status int
		code   string
		logged string
	}{
		{"unknown error", func() error { return errors.New(secret) }, 500, "internal", secret},
		{"panic", func() error { panic(secret) }, 500, "internal", "goroutine"},
		{"unavailable", func() error { return eventstore.ErrUnavailable }, 503, "unavailable", "unavailable"},
		{"unknown outcome", func() error { return eventstore.ErrOutcomeUnknown }, 503, "outcome_unknown", "unknown"},
		{"out of time", func() error { return context.DeadlineExceeded }, 503, "timeout", "deadline"},
		{"corrupt log", func() error { return &eventstore.CorruptLog{Position: 7, Problem: "altered"} }, 500, "log_corrupt", "position 7"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, func(d *rest.Deps) { d.Tenants = brokenTenants{d.Tenants, c.fail} })
			a := r.send("GET", "/v1/tenants/acme", "")
			p := a.problem(c.status, c.code)
			require.NotContains(t, a.Body.String(), "hunter2")
			require.Contains(t, r.logs.String(), c.logged)
			require.Contains(t, r.logs.String(), p["traceId"])
			if c.status == http.StatusServiceUnavailable {
				require.Equal(t, "1", a.Header().Get("Retry-After"))
			}
		})
	}
}

func TestTheAccessLogHoldsNoSecrets(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.send("POST", "/v1/tenants?token=query-secret", `{"slug":"acme","name":"body-secret"}`, "X-Custom: header-secret", "X-Request-Id: my-request").problem(422, "validation_failed")
	r.tenant("acme")
	logged := r.logs.String()
	require.NotContains(t, logged, "secret")
	require.NotContains(t, logged, token)
	require.Contains(t, logged, `"route":"POST /v1/tenants"`)
	require.Contains(t, logged, `"request_id":"my-request"`)
	require.Contains(t, logged, `"status":201`)
	require.Contains(t, logged, `"actor":"operator"`)
}

func TestBodyThatBreaksOff(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	req := request("POST", "/v1/tenants", `{"slug"`)
	req.Body = io.NopCloser(io.MultiReader(bytes.NewReader([]byte(`{"slug":`)), brokenReader{}))
	req.ContentLength = 100
	rec := httptest.NewRecorder()
	r.handler.ServeHTTP(rec, req)
	answer{rec, t}.problem(400, "malformed_json")
	require.Zero(t, r.position())
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestDepsAreChecked(t *testing.T) {
	t.Parallel()
	_, err := rest.New(rest.Deps{Config: rest.Config{Timeout: 1, Domain: "http://x", BodyLimit: 5}})
	for _, problem := range []string{"Deps.Commands", "Deps.Access", "time-out", "domain", "body limit"} {
		require.ErrorContains(t, err, problem)
	}
}
