package rest_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"
	"github.com/stretchr/testify/require"

	"tansu.cloud/api/rest"
)

func TestTheCommittedDocumentIsUpToDate(t *testing.T) {
	t.Parallel()
	now, err := rest.OpenAPI()
	require.NoError(t, err)
	committed, err := os.ReadFile("../openapi.json")
	require.NoError(t, err)
	require.True(t, string(now) == string(committed), "api/openapi.json is not what the routes say; run make generate and commit it")
}

func document(t testing.TB) *openapi3.T {
	t.Helper()
	raw, err := rest.OpenAPI()
	require.NoError(t, err)
	doc, err := openapi3.NewLoader().LoadFromData(raw)
	require.NoError(t, err)
	require.NoError(t, doc.Validate(context.Background()))
	return doc
}

// TestTheDocumentIsComplete: everything has a name, a description and, where it
// carries data, an example that fits its schema.
func TestTheDocumentIsComplete(t *testing.T) {
	t.Parallel()
	doc := document(t)
	require.Equal(t, "3.1.0", doc.OpenAPI)
	require.Equal(t, "Apache-2.0", doc.Info.License.Identifier)
	require.Contains(t, doc.Components.SecuritySchemes, "bearer")
	require.NotEmpty(t, doc.Servers)
	ids := map[string]bool{}
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			at := method + " " + path
			require.NotEmpty(t, op.Summary, at)
			require.NotEmpty(t, op.Description, at)
			require.Len(t, op.Tags, 1, at)
			require.False(t, ids[op.OperationID], at)
			ids[op.OperationID] = true
			for _, p := range op.Parameters {
				require.NotEmpty(t, p.Value.Description, "%s %s", at, p.Value.Name)
			}
			for status, response := range op.Responses.Map() {
				require.NotEmpty(t, *response.Value.Description, "%s %s", at, status)
				for name, header := range response.Value.Headers {
					require.NotEmpty(t, header.Value.Description, "%s %s %s", at, status, name)
				}
				for media, content := range response.Value.Content {
					requireExample(t, content, at+" "+status+" "+media)
				}
			}
			if op.RequestBody != nil {
				requireExample(t, op.RequestBody.Value.Content["application/json"], at+" body")
			}
		}
	}
	for name, schema := range doc.Components.Schemas {
		require.NotEmpty(t, schema.Value.Description, name)
		for field, property := range schema.Value.Properties {
			require.NotEmpty(t, property.Value.Description, "%s.%s", name, field)
		}
	}
}

func requireExample(t *testing.T, content *openapi3.MediaType, at string) {
	t.Helper()
	if content.Schema.Value.Format == "binary" {
		return
	}
	require.NotNil(t, content.Example, at)
	plain, err := json.Marshal(content.Example)
	require.NoError(t, err)
	var value any
	require.NoError(t, json.Unmarshal(plain, &value))
	require.NoError(t, content.Schema.Value.VisitJSON(value), at)
}

// contract sends a request and checks it and the answer against the document.
type contract struct {
	*rig
	router routers.Router
	seen   map[string]bool
}

func (c *contract) send(method, target, body string, headers ...string) answer {
	c.t.Helper()
	req := request(method, "http://tansu.test"+target, body, headers...)
	route, params, err := c.router.FindRoute(req)
	require.NoError(c.t, err, "%s %s", method, target)
	input := &openapi3filter.RequestValidationInput{Request: req, PathParams: params, Route: route,
		Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, IncludeResponseStatus: true}}
	require.NoError(c.t, openapi3filter.ValidateRequest(context.Background(), input), "%s %s", method, target)

	rec := httptest.NewRecorder()
	c.handler.ServeHTTP(rec, request(method, target, body, headers...))
	require.NoError(c.t, openapi3filter.ValidateResponse(context.Background(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: input, Status: rec.Code, Header: rec.Header(),
		Body: io.NopCloser(strings.NewReader(rec.Body.String())), Options: input.Options,
	}), "%s %s: %s", method, target, rec.Body)
	c.seen[route.Operation.OperationID] = true
	return answer{rec, c.t}
}

// TestEveryOperationKeepsItsContract uses each operation at least once, with
// success and refusal, and checks both sides against the document.
func TestEveryOperationKeepsItsContract(t *testing.T) {
	t.Parallel()
	openapi3filter.RegisterBodyDecoder("application/zip", openapi3filter.FileBodyDecoder)
	doc := document(t)
	doc.Servers = nil
	router, err := legacy.NewRouter(doc)
	require.NoError(t, err)
	c := &contract{rig: newRig(t), router: router, seen: map[string]bool{}}

	id := c.send("POST", "/v1/tenants", `{"slug":"acme","name":"Acme","settings":{"a":{"b":[1]}}}`, "Idempotency-Key: k", "Prefer: wait=5").ok(201)["id"].(string)
	c.send("POST", "/v1/tenants", `{"slug":"acme","name":"Acme"}`).problem(409, "tenant.slug_taken")
	c.send("GET", "/v1/tenants?status=active&sort=-name&limit=1&count=exact", "").ok(200)
	c.send("GET", "/v1/tenants/acme", "").ok(200)
	require.Equal(t, 304, c.send("GET", "/v1/tenants/"+id, "", `If-None-Match: "1"`).Code)
	c.send("GET", "/v1/tenants/nobody", "").problem(404, "tenant.not_found")
	c.send("PUT", "/v1/tenants/"+id+"/name", `{"name":"B"}`, `If-Match: "1"`).ok(200)
	c.send("PUT", "/v1/tenants/"+id+"/name", `{"name":"B"}`, `If-Match: "1"`).problem(412, "precondition_failed")
	c.send("PUT", "/v1/tenants/"+id+"/settings", `{"settings":{}}`, "Prefer: respond-async").ok(202)
	c.send("PUT", "/v1/tenants/"+id+"/quotas", `{"quotas":{"members":3}}`).ok(200)
	c.send("POST", "/v1/tenants/"+id+"/resume-provisioning", "").problem(409, "tenant.provisioned")
	c.send("POST", "/v1/tenants/"+id+"/suspend", `{"reason":"r"}`).ok(200)
	c.send("POST", "/v1/tenants/"+id+"/reactivate", `{"reason":"r"}`).ok(200)
	c.send("POST", "/v1/tenants/"+id+"/archive", `{"reason":"r"}`).ok(200)

	c.send("GET", "/v1/events?limit=1&order=desc", "", "X-Tenant-Id: system").ok(200)
	c.send("GET", "/v1/events", "", "X-Tenant-Id: acme").problem(403, "tenant_archived")
	c.send("GET", "/v1/events/1", "").ok(200)
	c.send("GET", "/v1/feed?after=99&type=tenant.created", "", "Last-Event-ID: 99").problem(422, "position_ahead") // feed_test.go follows
	c.send("GET", "/v1/streams/tenant/"+id+"/events", "").ok(200)
	c.send("GET", "/v1/streams/tenant/"+id+"/state?version=1", "").ok(200)
	c.send("GET", "/v1/streams/tenant/"+id+"/diff?from=1&to=2", "").ok(200)

	c.project("tenant_directory")
	letter, other := c.park("tenant_directory", "a"), c.park("tenant_directory", "b")
	c.send("GET", "/v1/projections", "").ok(200)
	c.send("POST", "/v1/projections/tenant_directory/pause", "").ok(200)
	c.send("POST", "/v1/projections/tenant_directory/resume", `{}`).ok(200)
	c.send("POST", "/v1/projections/tenant_directory/rebuild", `{"reason":"r"}`).ok(200)
	c.send("POST", "/v1/projections/tenant_directory/rebuild/cancel", "").ok(200)
	c.send("GET", "/v1/dead-letters?status=parked", "").ok(200)
	c.send("GET", "/v1/dead-letters/"+letter, "").ok(200)
	c.send("POST", "/v1/dead-letters/"+letter+"/redrive", "").ok(200)
	c.send("POST", "/v1/dead-letters/"+other+"/discard", `{"reason":"r"}`).ok(200)
	c.send("POST", "/v1/dead-letters/redrive", `{"limit":5}`).ok(200)
	c.send("POST", "/v1/subjects/user-4711/erase", `{"reason":"r"}`).ok(200)

	hook := c.send("POST", "/v1/webhooks", hookBody, "Idempotency-Key: k").ok(201)["id"].(string)
	c.send("POST", "/v1/webhooks", `{"url":"ftp://x"}`).problem(422, "webhook.command_invalid")
	c.send("GET", "/v1/webhooks", "").ok(200)
	c.send("PUT", "/v1/webhooks/"+hook, `{"url":"https://example.org/"}`, `If-Match: "1"`).ok(200)
	c.send("GET", "/v1/webhooks/"+hook, "").ok(200)
	require.Equal(t, 304, c.send("GET", "/v1/webhooks/"+hook, "", `If-None-Match: "2"`).Code)
	c.send("POST", "/v1/webhooks/"+hook+"/rotate-secret", `{"overlap_seconds":60}`).ok(200)
	c.send("POST", "/v1/webhooks/"+hook+"/test", "").ok(200)
	c.send("GET", "/v1/webhooks/"+hook+"/deliveries?limit=1", "").ok(200)
	c.send("POST", "/v1/webhooks/"+hook+"/redrive", "").ok(200)
	c.send("POST", "/v1/webhooks/"+hook+"/replay", `{"from_position":1,"to_position":2,"reason":"r"}`).ok(200)
	c.send("GET", "/v1/webhooks/"+hook+"/replays", "").ok(200)
	c.send("POST", "/v1/webhooks/"+hook+"/disable", `{"reason":"r"}`).ok(200)
	c.send("POST", "/v1/webhooks/"+hook+"/enable", "", "Prefer: respond-async").ok(202)
	require.Equal(t, 204, c.send("DELETE", "/v1/webhooks/"+hook, "").Code)
	c.send("DELETE", "/v1/webhooks/"+hook, "").problem(404, "webhook.not_found")

	dead, lost := c.jobs.died("1"), c.jobs.died("2")
	c.send("GET", "/v1/jobs?state=dead&kind=mail&limit=1", "").ok(200)
	c.send("GET", "/v1/jobs/"+dead, "").ok(200)
	c.send("GET", "/v1/jobs/x", "").problem(404, "job.not_found")
	c.send("POST", "/v1/jobs/"+dead+"/redrive", "", "Idempotency-Key: k").ok(200)
	c.send("POST", "/v1/jobs/"+dead+"/discard", `{"reason":"r"}`).problem(409, "job.not_dead")
	c.send("POST", "/v1/jobs/"+lost+"/discard", `{"reason":"r"}`, "Prefer: respond-async").ok(202)
	c.jobs.died("3")
	c.send("POST", "/v1/jobs/redrive", `{"kind":"mail","limit":5}`).ok(200)

	c.identity()

	c.send("GET", "/v1/audit/verify", "").ok(200)
	c.send("GET", "/v1/audit/key", "").ok(200)
	require.Equal(t, http.StatusOK, c.send("GET", "/v1/audit/export", "").Code)
	for _, probe := range []string{"/livez", "/readyz", "/startupz"} {
		c.send("GET", probe, "", "-Authorization").ok(200)
	}
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			require.True(t, c.seen[op.OperationID], "%s %s is not tried", method, path)
		}
	}
}
