package rest_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestTenantCommands is a table of requests on one tenant "acme" (active) and
// one "gone" (archived): what they answer and which events they append.
func TestTenantCommands(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, method, path, body string
		headers                  []string
		status                   int
		code                     string // of the problem
		errors                   []string
		events                   []string
	}{
		{name: "create", method: "POST", path: "/v1/tenants", body: `{"slug":"fresh","name":"New","settings":{"plan":"team"}}`,
			status: 201, events: []string{"tenant.created"}},
		{name: "create without name", method: "POST", path: "/v1/tenants", body: `{"slug":"fresh"}`,
			status: 422, code: "validation_failed", errors: []string{"/name required"}},
		{name: "create with unknown field", method: "POST", path: "/v1/tenants", body: `{"slug":"fresh","name":"N","password":"hunter2"}`,
			status: 422, code: "validation_failed", errors: []string{"/password unknown_field"}},
		{name: "create with other casing", method: "POST", path: "/v1/tenants", body: `{"Slug":"new","name":"N"}`,
			status: 422, code: "validation_failed", errors: []string{"/Slug unknown_field", "/slug required"}},
		{name: "create with wrong types", method: "POST", path: "/v1/tenants", body: `{"slug":7,"name":["x"],"settings":"x"}`,
			status: 422, code: "validation_failed", errors: []string{"/name wrong_type", "/settings wrong_type", "/slug wrong_type"}},
		{name: "create with bad slug", method: "POST", path: "/v1/tenants", body: `{"slug":"A_b","name":"N"}`,
			status: 422, code: "tenant.slug_invalid", errors: []string{"/slug invalid_characters"}},
		{name: "create with reserved slug", method: "POST", path: "/v1/tenants", body: `{"slug":"admin","name":"N"}`,
			status: 422, code: "tenant.slug_invalid", errors: []string{"/slug reserved"}},
		{name: "create with taken slug", method: "POST", path: "/v1/tenants", body: `{"slug":"acme","name":"N"}`,
			status: 409, code: "tenant.slug_taken", errors: []string{"/slug taken"}},
		{name: "create with the slug of an archived tenant", method: "POST", path: "/v1/tenants", body: `{"slug":"gone","name":"N"}`,
			status: 409, code: "tenant.slug_taken", errors: []string{"/slug taken"}},
		{name: "rename", method: "PUT", path: "/v1/tenants/{id}/name", body: `{"name":"Other"}`, status: 200, events: []string{"tenant.renamed"}},
		{name: "rename by slug", method: "PUT", path: "/v1/tenants/acme/name", body: `{"name":"Other"}`, status: 200, events: []string{"tenant.renamed"}},
		{name: "rename to the same", method: "PUT", path: "/v1/tenants/acme/name", body: `{"name":"Tenant acme"}`, status: 200},
		{name: "rename by upper-case id", method: "PUT", path: "/v1/tenants/{ID}/name", body: `{"name":"Other"}`, status: 200, events: []string{"tenant.renamed"}},
		{name: "rename nobody", method: "PUT", path: "/v1/tenants/nobody/name", body: `{"name":"Other"}`, status: 404, code: "tenant.not_found"},
		{name: "rename an unknown id", method: "PUT", path: "/v1/tenants/7b8f9a1e-0000-4000-8000-000000000000/name", body: `{"name":"Other"}`,
			status: 404, code: "tenant.not_found"},
		{name: "rename the archived", method: "PUT", path: "/v1/tenants/gone/name", body: `{"name":"Other"}`, status: 409, code: "tenant.archived"},
		{name: "rename at the present version", method: "PUT", path: "/v1/tenants/acme/name", body: `{"name":"Other"}`,
			headers: []string{`If-Match: "1"`}, status: 200, events: []string{"tenant.renamed"}},
		{name: "rename at one of several versions", method: "PUT", path: "/v1/tenants/acme/name", body: `{"name":"Other"}`,
			headers: []string{`If-Match: "7", W/"1", "1"`}, status: 200, events: []string{"tenant.renamed"}},
		{name: "rename whatever exists", method: "PUT", path: "/v1/tenants/acme/name", body: `{"name":"Other"}`,
			headers: []string{`If-Match: *`}, status: 200, events: []string{"tenant.renamed"}},
		{name: "rename at another version", method: "PUT", path: "/v1/tenants/acme/name", body: `{"name":"Other"}`,
			headers: []string{`If-Match: "2"`}, status: 412, code: "precondition_failed"},
		{name: "weak tags match nothing", method: "PUT", path: "/v1/tenants/acme/name", body: `{"name":"Other"}`,
			headers: []string{`If-Match: W/"1"`}, status: 412, code: "precondition_failed"},
		{name: "version 0 is no tag", method: "PUT", path: "/v1/tenants/acme/name", body: `{"name":"Other"}`,
			headers: []string{`If-Match: "0"`}, status: 412, code: "precondition_failed"},
		{name: "none of several versions", method: "PUT", path: "/v1/tenants/acme/name", body: `{"name":"Other"}`,
			headers: []string{`If-Match: "7", "8"`}, status: 412, code: "precondition_failed"},
		{name: "malformed If-Match", method: "PUT", path: "/v1/tenants/acme/name", body: `{"name":"Other"}`,
			headers: []string{`If-Match: 1`}, status: 400, code: "header_invalid", errors: []string{"/header/If-Match malformed"}},
		{name: "If-Match on nobody", method: "PUT", path: "/v1/tenants/7b8f9a1e-0000-4000-8000-000000000000/name", body: `{"name":"Other"}`,
			headers: []string{`If-Match: "1"`}, status: 404, code: "not_found"},
		{name: "settings", method: "PUT", path: "/v1/tenants/acme/settings", body: `{"settings":{"a":[1,2,{"b":null}]}}`,
			status: 200, events: []string{"tenant.settings_changed"}},
		{name: "settings too deep", method: "PUT", path: "/v1/tenants/acme/settings", body: `{"settings":` + nested(`{"a":`, `}`, 9, "1") + `}`,
			status: 422, code: "tenant.settings_invalid", errors: []string{"/settings too_deep"}},
		{name: "settings too long", method: "PUT", path: "/v1/tenants/acme/settings", body: `{"settings":{"a":"` + strings.Repeat("x", 17<<10) + `"}}`,
			status: 422, code: "tenant.settings_invalid", errors: []string{"/settings too_long"}},
		{name: "settings missing", method: "PUT", path: "/v1/tenants/acme/settings", body: `{}`,
			status: 422, code: "validation_failed", errors: []string{"/settings required"}},
		{name: "suspend", method: "POST", path: "/v1/tenants/acme/suspend", body: `{"reason":"overdue"}`, status: 200, events: []string{"tenant.suspended"}},
		{name: "suspend without reason", method: "POST", path: "/v1/tenants/acme/suspend", body: `{"reason":" "}`,
			status: 422, code: "tenant.reason_invalid", errors: []string{"/reason required"}},
		{name: "suspend without body", method: "POST", path: "/v1/tenants/acme/suspend", status: 400, code: "malformed_json"},
		{name: "reactivate the active", method: "POST", path: "/v1/tenants/acme/reactivate", status: 409, code: "tenant.not_suspended"},
		{name: "archive", method: "POST", path: "/v1/tenants/acme/archive", body: `{"reason":"closed"}`, status: 200, events: []string{"tenant.archived"}},
		{name: "archive twice", method: "POST", path: "/v1/tenants/gone/archive", body: `{"reason":"closed"}`, status: 409, code: "tenant.archived"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			acme, gone := r.tenant("acme"), r.tenant("gone")
			r.send("POST", "/v1/tenants/"+gone+"/archive", `{"reason":"test"}`).ok(200)
			before := r.position()

			path := strings.NewReplacer("{id}", acme, "{ID}", strings.ToUpper(acme)).Replace(c.path)
			a := r.send(c.method, path, c.body, c.headers...)
			if c.code != "" {
				require.Equal(t, c.errors, pointers(a.problem(c.status, c.code)))
			} else {
				body := a.ok(c.status)
				require.Equal(t, fmt.Sprintf(`"%v"`, body["version"]), a.Header().Get("ETag"))
				require.Equal(t, fmt.Sprint(r.position()), a.Header().Get("Tansu-Position"))
				require.Empty(t, a.Header().Get("Tansu-Read-Model"))
				read := r.send("GET", "/v1/tenants/"+body["id"].(string), "")
				require.Equal(t, body, read.ok(200), "what was answered can be read at once")
				require.Equal(t, a.Header().Get("ETag"), read.Header().Get("ETag"))
			}
			if c.status == http.StatusPreconditionFailed {
				require.Equal(t, `"1"`, a.Header().Get("ETag"))
			}
			if c.events == nil {
				c.events = []string{}
			}
			require.Equal(t, c.events, r.events(before))
		})
	}
}

func nested(open, end string, depth int, core string) string {
	return strings.Repeat(open, depth) + core + strings.Repeat(end, depth)
}

func TestCreatedTenantHasALocation(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	a := r.send("POST", "/v1/tenants", `{"slug":"acme","name":" Acme "}`)
	body := a.ok(201)
	require.Equal(t, "/v1/tenants/"+body["id"].(string), a.Header().Get("Location"))
	require.Equal(t, "Acme", body["name"])
	require.Equal(t, "active", body["status"])
	require.Equal(t, map[string]any{}, body["settings"])
	require.Equal(t, body, r.send("GET", a.Header().Get("Location"), "").ok(200))
	require.Equal(t, body, r.send("GET", "/v1/tenants/acme", "").ok(200))
	r.send("GET", "/v1/tenants/nobody", "").problem(404, "tenant.not_found")
}

func TestMetadataSaysWhoAndWhy(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.tenant("acme")
	r.send("POST", "/v1/tenants/acme/suspend", `{"reason":"overdue"}`, "X-Request-Id: req-1",
		"Traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01").ok(200)
	event := r.send("GET", "/v1/events/2", "").ok(200)
	metadata := event["metadata"].(map[string]any)
	require.Equal(t, "operator", metadata["actor"])
	require.Equal(t, "overdue", metadata["reason"])
	require.Equal(t, "req-1", metadata["correlation_id"])
	require.Equal(t, "192.0.2.1", metadata["address"])
	require.Contains(t, metadata["traceparent"], "4bf92f3577b34da6a3ce929d0e0e4736")
}

func TestConditionalReads(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.tenant("acme")
	for _, c := range []struct {
		header string
		status int
	}{
		{`If-None-Match: "1"`, 304}, {`If-None-Match: W/"1"`, 304}, {`If-None-Match: "9", "1"`, 304}, {`If-None-Match: *`, 304},
		{`If-None-Match: "2"`, 200}, {`If-Match: "1"`, 200}, {`If-Match: *`, 200},
		{`If-Match: "2"`, 412}, {`If-Match: W/"1"`, 412}, {`If-None-Match: nonsense`, 400},
	} {
		a := r.send("GET", "/v1/tenants/acme", "", c.header)
		require.Equal(t, c.status, a.Code, c.header)
		if c.status < 400 || c.status == 412 {
			require.Equal(t, `"1"`, a.Header().Get("ETag"), c.header)
		}
		if c.status == 304 {
			require.Empty(t, a.Body.Bytes())
			require.Empty(t, a.Header().Get("Content-Type"))
		}
	}
}

func TestListTenants(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, slug := range []string{"delta", "alpha", "echo", "bravo", "charlie"} {
		r.tenant(slug)
	}
	r.send("POST", "/v1/tenants/echo/suspend", `{"reason":"test"}`).ok(200)

	slugs := func(query string) []string {
		var all []string
		target := "/v1/tenants?" + query
		for range 10 {
			a := r.send("GET", target, "")
			page := a.ok(200)
			for _, item := range page["items"].([]any) {
				all = append(all, item.(map[string]any)["slug"].(string))
			}
			link := a.Header().Get("Link")
			if page["next_cursor"] == nil {
				require.Empty(t, link)
				return all
			}
			target = strings.TrimSuffix(strings.TrimPrefix(link, "<"), `>; rel="next"`)
			require.Contains(t, target, page["next_cursor"])
		}
		t.Fatal("the pages do not end")
		return nil
	}
	require.Equal(t, []string{"delta", "alpha", "echo", "bravo", "charlie"}, slugs("limit=2"))
	require.Equal(t, []string{"charlie", "bravo", "echo", "alpha", "delta"}, slugs("limit=2&sort=-created_at"))
	require.Equal(t, []string{"alpha", "bravo", "charlie", "delta", "echo"}, slugs("limit=1&sort=slug"))
	require.Equal(t, []string{"echo", "delta", "charlie", "bravo", "alpha"}, slugs("limit=3&sort=-name"))
	require.Equal(t, []string{"echo"}, slugs("status=suspended"))
	require.Equal(t, []string{"bravo"}, slugs("slug=bravo"))
	require.Equal(t, []string{"alpha"}, slugs("name=alph"))
	require.Empty(t, slugs("status=archived"))

	require.EqualValues(t, 4, r.send("GET", "/v1/tenants?limit=1&status=active&count=exact", "").ok(200)["total"])
	require.NotContains(t, r.send("GET", "/v1/tenants", "").ok(200), "total")

	cursor := r.send("GET", "/v1/tenants?limit=2&sort=slug", "").ok(200)["next_cursor"].(string)
	r.send("GET", "/v1/tenants?limit=2&sort=name&cursor="+cursor, "").problem(400, "cursor_invalid")
	r.send("GET", "/v1/tenants?limit=2&sort=slug&status=active&cursor="+cursor, "").problem(400, "cursor_invalid")
	r.send("GET", "/v1/events?cursor="+cursor, "").problem(400, "cursor_invalid")
	r.send("GET", "/v1/tenants?sort=slug&cursor="+cursor[:len(cursor)-1], "").problem(400, "cursor_invalid")
	require.Equal(t, []string{"/query/limit out_of_range"}, pointers(r.send("GET", "/v1/tenants?limit=201", "").problem(422, "validation_failed")))
	require.Equal(t, []string{"/query/sort not_allowed"}, pointers(r.send("GET", "/v1/tenants?sort=password", "").problem(422, "validation_failed")))
	require.Equal(t, []string{"/query/lmit unknown_parameter"}, pointers(r.send("GET", "/v1/tenants?lmit=5", "").problem(422, "validation_failed")))
}
