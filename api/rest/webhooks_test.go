package rest_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tansu.cloud/api/rest"
)

const hookBody = `{"url":"https://example.com/hooks","description":"d","topics":[{"stream_type":"tenant"},{"type":"a.b","actor":"operator"}],"filter":"data.total > 100"}`

// webhook registers one and returns its id.
func (r *rig) webhook() string {
	r.t.Helper()
	return r.send("POST", "/v1/webhooks", hookBody).ok(201)["id"].(string)
}

// TestWebhookCommands is a table of requests on one webhook: what they answer
// and which events they append.
func TestWebhookCommands(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, method, path, body string
		headers                  []string
		status                   int
		code                     string // of the problem
		errors                   []string
		events                   []string
	}{
		{name: "create", method: "POST", path: "/v1/webhooks", body: hookBody, status: 201, events: []string{"webhook.registered"}},
		{name: "create for everything", method: "POST", path: "/v1/webhooks", body: `{"url":"https://example.com"}`, status: 201, events: []string{"webhook.registered"}},
		{name: "create without address", method: "POST", path: "/v1/webhooks", body: `{}`, status: 422, code: "validation_failed", errors: []string{"/url required"}},
		{name: "create with plain http", method: "POST", path: "/v1/webhooks", body: `{"url":"http://example.com"}`,
			status: 422, code: "webhook.command_invalid", errors: []string{"/url scheme"}},
		{name: "create with an unknown field", method: "POST", path: "/v1/webhooks", body: `{"url":"https://example.com","secret":"x"}`,
			status: 422, code: "validation_failed", errors: []string{"/secret unknown_field"}},
		{name: "create with an unknown field of a topic", method: "POST", path: "/v1/webhooks", body: `{"url":"https://example.com","topics":[{"x":"y"}]}`,
			status: 422, code: "validation_failed", errors: []string{"/topics/0/x unknown_field"}},
		{name: "create with a broken filter", method: "POST", path: "/v1/webhooks", body: `{"url":"https://example.com","filter":"type =="}`,
			status: 422, code: "webhook.filter_invalid", errors: []string{"/filter syntax"}},
		{name: "create with a filter on nothing", method: "POST", path: "/v1/webhooks", body: `{"url":"https://example.com","filter":"colour == \"red\""}`,
			status: 422, code: "webhook.filter_invalid", errors: []string{"/filter syntax"}},
		{name: "change", method: "PUT", path: "/v1/webhooks/{id}", body: `{"url":"https://example.org/"}`, status: 200, events: []string{"webhook.changed"}},
		{name: "change nothing", method: "PUT", path: "/v1/webhooks/{id}", body: hookBody, status: 200},
		{name: "change at the present version", method: "PUT", path: "/v1/webhooks/{id}", body: `{"url":"https://example.org/"}`, headers: []string{`If-Match: "1"`},
			status: 200, events: []string{"webhook.changed"}},
		{name: "change at another version", method: "PUT", path: "/v1/webhooks/{id}", body: `{"url":"https://example.org/"}`, headers: []string{`If-Match: "2"`},
			status: 412, code: "precondition_failed"},
		{name: "change nobody", method: "PUT", path: "/v1/webhooks/7b8f9a1e-0000-4000-8000-000000000000", body: hookBody, status: 404, code: "webhook.not_found"},
		{name: "change what is no id", method: "PUT", path: "/v1/webhooks/x", body: hookBody, status: 404, code: "webhook.not_found"},
		{name: "disable", method: "POST", path: "/v1/webhooks/{id}/disable", body: `{"reason":"maintenance"}`, status: 200, events: []string{"webhook.disabled"}},
		{name: "disable without reason", method: "POST", path: "/v1/webhooks/{id}/disable", body: `{"reason":""}`,
			status: 422, code: "webhook.command_invalid", errors: []string{"/reason required"}},
		{name: "enable the enabled", method: "POST", path: "/v1/webhooks/{id}/enable", status: 200},
		{name: "rotate", method: "POST", path: "/v1/webhooks/{id}/rotate-secret", status: 200, events: []string{"webhook.secret_rotated"}},
		{name: "rotate at once", method: "POST", path: "/v1/webhooks/{id}/rotate-secret", body: `{"overlap_seconds":0}`, status: 200, events: []string{"webhook.secret_rotated"}},
		{name: "rotate too slowly", method: "POST", path: "/v1/webhooks/{id}/rotate-secret", body: `{"overlap_seconds":604801}`,
			status: 422, code: "validation_failed", errors: []string{"/overlap_seconds out_of_range"}},
		{name: "rotate nobody's", method: "POST", path: "/v1/webhooks/7b8f9a1e-0000-4000-8000-000000000000/rotate-secret", status: 404, code: "webhook.not_found"},
		{name: "re-drive", method: "POST", path: "/v1/webhooks/{id}/redrive", body: `{"reason":"repaired"}`, status: 200, events: []string{"webhook.redrive_requested"}},
		{name: "replay", method: "POST", path: "/v1/webhooks/{id}/replay", body: `{"from_position":1}`, status: 200, events: []string{"webhook.replay_requested"}},
		{name: "replay beyond the log", method: "POST", path: "/v1/webhooks/{id}/replay", body: `{"from_position":1,"to_position":999}`,
			status: 422, code: "webhook.command_invalid", errors: []string{"/to_position beyond_log"}},
		{name: "replay from beyond the log", method: "POST", path: "/v1/webhooks/{id}/replay", body: `{"from_position":999}`,
			status: 422, code: "webhook.command_invalid", errors: []string{"/from_position beyond_log"}},
		{name: "replay from 0", method: "POST", path: "/v1/webhooks/{id}/replay", body: `{"from_position":0}`,
			status: 422, code: "validation_failed", errors: []string{"/from_position out_of_range"}},
		{name: "delete", method: "DELETE", path: "/v1/webhooks/{id}", status: 204, events: []string{"webhook.deleted"}},
		{name: "delete at another version", method: "DELETE", path: "/v1/webhooks/{id}", headers: []string{`If-Match: "2"`}, status: 412, code: "precondition_failed"},
		{name: "delete nobody", method: "DELETE", path: "/v1/webhooks/7b8f9a1e-0000-4000-8000-000000000000", status: 404, code: "webhook.not_found"},
		{name: "test nobody", method: "POST", path: "/v1/webhooks/7b8f9a1e-0000-4000-8000-000000000000/test", status: 404, code: "webhook.not_found"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			id := r.webhook()
			before, secrets := r.position(), r.hooks.kept()
			a := r.send(c.method, strings.ReplaceAll(c.path, "{id}", id), c.body, c.headers...)
			if c.code != "" {
				require.Equal(t, c.errors, pointers(a.problem(c.status, c.code)))
				require.Equal(t, secrets, r.hooks.kept(), "a refused command leaves no secret behind")
			} else {
				require.Equal(t, c.status, a.Code, a.Body)
				require.Equal(t, fmt.Sprint(r.position()), a.Header().Get("Tansu-Position"))
			}
			if c.events == nil {
				c.events = []string{}
			}
			require.Equal(t, c.events, r.events(before))
		})
	}
}

func TestWebhookIsReadAsItWasAnswered(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	created := r.send("POST", "/v1/webhooks", hookBody)
	body := created.ok(201)
	require.Regexp(t, "^whsec_", body["secret"])
	require.Equal(t, `"1"`, created.Header().Get("ETag"))
	delete(body, "secret")
	read := r.send("GET", created.Header().Get("Location"), "")
	require.Equal(t, body, read.ok(200))
	require.Equal(t, 304, r.send("GET", created.Header().Get("Location"), "", `If-None-Match: "1"`).Code)
	require.Equal(t, []any{body}, r.send("GET", "/v1/webhooks", "").ok(200)["items"])
	require.NotContains(t, r.send("GET", "/v1/events", "").Body.String(), "whsec_", "the log knows no secret")

	path := created.Header().Get("Location")
	rotated := r.send("POST", path+"/rotate-secret", "").ok(200)
	require.NotEqual(t, body["secret_fingerprint"], rotated["secret_fingerprint"])
	require.Equal(t, body["secret_fingerprint"], rotated["previous_secret"].(map[string]any)["fingerprint"])
	require.NotContains(t, r.send("POST", path+"/rotate-secret", `{"overlap_seconds":0}`).ok(200), "previous_secret")

	require.Equal(t, 204, r.send("DELETE", path, "").Code)
	r.send("GET", path, "").problem(404, "webhook.not_found")
	require.Empty(t, r.send("GET", "/v1/webhooks", "").ok(200)["items"])
}

// TestRepeatsGetTheSameSecret: a repeat makes no other webhook and no other
// secret, and what is stored under the key does not hold the secret.
func TestRepeatsGetTheSameSecret(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	first := r.send("POST", "/v1/webhooks", hookBody, "Idempotency-Key: k").ok(201)
	again := r.send("POST", "/v1/webhooks", hookBody, "Idempotency-Key: k")
	require.Equal(t, first, again.ok(201))
	require.Equal(t, "true", again.Header().Get("Idempotency-Replayed"))
	require.Equal(t, 1, r.hooks.kept())

	path := "/v1/webhooks/" + first["id"].(string)
	rotated := r.send("POST", path+"/rotate-secret", "", "Idempotency-Key: r").ok(200)
	require.NotEqual(t, first["secret"], rotated["secret"])
	require.Equal(t, rotated, r.send("POST", path+"/rotate-secret", "", "Idempotency-Key: r").ok(200))
	require.Equal(t, 2, r.hooks.kept())

	require.NoError(t, r.hooks.DropSecret(t.Context(), uuid.Nil, r.hooks.idOf(first["secret"].(string))))
	require.NotContains(t, r.send("POST", "/v1/webhooks", hookBody, "Idempotency-Key: k").ok(201), "secret", "a secret that is gone is not told")

	replay := r.send("POST", path+"/replay", `{"from_position":1}`, "Idempotency-Key: p").ok(200)
	r.tenant("acme")
	require.Equal(t, replay, r.send("POST", path+"/replay", `{"from_position":1}`, "Idempotency-Key: p").ok(200))
}

func TestWebhooksOfTenantsAreApart(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.tenant("acme")
	id := r.webhook()
	for _, c := range [][3]string{
		{"GET", "/v1/webhooks/" + id, ""}, {"PUT", "/v1/webhooks/" + id, hookBody}, {"DELETE", "/v1/webhooks/" + id, ""},
		{"POST", "/v1/webhooks/" + id + "/test", ""}, {"POST", "/v1/webhooks/" + id + "/rotate-secret", ""},
		{"GET", "/v1/webhooks/" + id + "/deliveries", ""}, {"GET", "/v1/webhooks/" + id + "/replays", ""},
	} {
		r.send(c[0], c[1], c[2], "X-Tenant-Id: acme").problem(404, "webhook.not_found")
	}
	require.Empty(t, r.send("GET", "/v1/webhooks", "", "X-Tenant-Id: acme").ok(200)["items"])
	require.Equal(t, 1, r.hooks.kept())
}

func TestDeliveriesInPages(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	path := "/v1/webhooks/" + r.webhook()
	for range 5 {
		tested := r.send("POST", path+"/test", "").ok(200)
		require.Equal(t, map[string]any{"accepted": false, "status": 500.0, "duration_ms": 87.0, "error": "the address answered 500", "response": "oh operator"}, tested)
	}
	ids := r.walk(path+"/deliveries?limit=2", "id")
	require.Len(t, ids, 5)
	require.Empty(t, r.walk(path+"/deliveries?limit=2&outcome=parked", "id"))
	page := r.send("GET", path+"/deliveries?limit=2", "").ok(200)
	r.send("GET", path+"/deliveries?outcome=test&cursor="+page["next_cursor"].(string), "").problem(400, "cursor_invalid")
	r.send("GET", "/v1/webhooks/"+r.webhook()+"/deliveries?cursor="+page["next_cursor"].(string), "").problem(400, "cursor_invalid")
}

func TestAWebhookIsTestedTenTimesInAMinute(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	one, other := "/v1/webhooks/"+r.webhook(), "/v1/webhooks/"+r.webhook()
	for range 10 {
		r.send("POST", one+"/test", "").ok(200)
	}
	refused := r.send("POST", one+"/test", "")
	refused.problem(429, "rate_limited")
	require.Regexp(t, "^[1-6]$", refused.Header().Get("Retry-After"))
	r.send("POST", other+"/test", "").ok(200)
	require.Len(t, r.walk(one+"/deliveries", "id"), 11, "what was refused was not sent")
}

func TestPlainWebhooksAreASetting(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(d *rest.Deps) { d.Config.PlainWebhooks = true })
	r.send("POST", "/v1/webhooks", `{"url":"http://10.1.2.3/"}`).ok(201)
}
