package rest

import (
	"maps"
	"net/http"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"tansu.cloud/api/problem"
)

// apiVersion is that of the interface; it changes when a client may have to.
const apiVersion = "1.0.0"

const securityScheme = "bearer"

// newAPI returns huma on a mux, without its own pages and without the formats
// and guesses that would give a request a second reading.
func newAPI(mux *http.ServeMux) huma.API {
	return humago.New(mux, huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{
				Title:       "Tansu",
				Version:     apiVersion,
				Description: introduction,
				License:     &huma.License{Name: "Apache-2.0", Identifier: "Apache-2.0"},
			},
			Servers: []*huma.Server{{URL: "/", Description: "This installation"}},
			Tags:    tags,
			Components: &huma.Components{
				Schemas: huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer),
				SecuritySchemes: map[string]*huma.SecurityScheme{securityScheme: {
					Type: "http", Scheme: "bearer",
					Description: "An access token of a person or a service account (from /oauth/token), an API key, an access token of the identity provider of the tenant that the request names, or the operator token, which is printed at the first start of the installation.",
				}},
			},
		},
		Formats:                      map[string]huma.Format{"application/json": huma.DefaultJSONFormat, "json": huma.DefaultJSONFormat},
		DefaultFormat:                "application/json",
		RejectUnknownQueryParameters: true,
	})
}

var tags = []*huma.Tag{
	{Name: "Tenants", Description: "The tenants of this installation. They live in the system tenant's log."},
	{Name: "Account", Description: "Who calls, what they may do, and where they are signed in."},
	{Name: "Activity", Description: "A tenant's log as sentences for people."},
	{Name: "Members", Description: "The people of a tenant and their roles."},
	{Name: "Invites", Description: "How people become members: a link by e-mail, once, for 7 days."},
	{Name: "Origins", Description: "From which pages a tenant may be used, besides those that the installation names."},
	{Name: "Roles", Description: "What members and service accounts may do: built-in roles and the tenant's own."},
	{Name: "API keys", Description: "Keys for programs, each with permissions of its own."},
	{Name: "Service accounts", Description: "Programs of a tenant that get tokens from the OpenID provider."},
	{Name: "Identity providers", Description: "OpenID providers of a tenant's own, at which its people sign in, and the e-mail domains that lead there."},
	{Name: "Users", Description: "People with an account of this installation. They live in the system tenant's log."},
	{Name: "Clients", Description: "Applications to which people can sign in with their account here. They live in the system tenant's log."},
	{Name: "Events", Description: "A tenant's log, as it is: dense positions, oldest or newest first."},
	{Name: "Feeds", Description: "A tenant's log as it grows, from any position on. Websockets (`GET /v1/ws`) have a document of their own, `/asyncapi.json`."},
	{Name: "Streams", Description: "One aggregate's events, and its state at any version or time."},
	{Name: "Webhooks", Description: "Addresses to which a tenant's events are sent, signed, in order per stream."},
	{Name: "Jobs", Description: "Work with effects outside, such as deliveries, and what to do when it fails for good."},
	{Name: "Projections", Description: "What derives read models from the logs, and how far it is."},
	{Name: "Dead letters", Description: "Streams that a projection has set aside because an event failed."},
	{Name: "Data subjects", Description: "Erasure of personal data that is sealed in the log."},
	{Name: "Audit", Description: "Proof that a log is complete and unchanged."},
	{Name: "Health", Description: "For load balancers and people who look after the installation."},
}

const introduction = `Every state change is an event in a tenant's log; everything that is read comes from that log.

**Authentication.** Send a token as ` + "`Authorization: Bearer <token>`" + `: an access token of a person or a service account, which the OpenID provider gives (` + "`/.well-known/openid-configuration`" + `), an API key, or the operator token. What is taken from a caller (a role, a key, a session) is gone within a second.

**Which tenant.** All tokens but the operator's are for one tenant. Another one in ` + "`X-Tenant-Id`" + ` (id, slug or ` + "`system`" + `) or in the sub-domain answers ` + "`tenant_mismatch`" + `. With the operator token, routes about a log take the tenant from there; without either it is the system tenant. Routes that are about no tenant's log need their permission in the system tenant. Unknown tenants answer ` + "`tenant_not_found`" + `, suspended and archived ones ` + "`tenant_suspended`" + ` and ` + "`tenant_archived`" + `.

**Versions.** ` + "`ETag`" + ` is the version of the stream, in quotes. Commands take it in ` + "`If-Match`" + ` (strong comparison) and answer 412 ` + "`precondition_failed`" + ` with the present one; reads take it in ` + "`If-None-Match`" + ` and answer 304.

**Once only.** Commands take an ` + "`Idempotency-Key`" + ` of up to 255 visible characters. The same key and request get the stored answer with ` + "`Idempotency-Replayed: true`" + `; another request gets 422 ` + "`idempotency_key_reused`" + `; while the first still runs, 409 ` + "`idempotency_in_flight`" + `. Keys are kept for 24 hours.

**Read your writes.** A command answers with ` + "`Tansu-Position`" + `, its place in the log, after the read models show it. It waits 2 seconds, or N with ` + "`Prefer: wait=N`" + ` (up to 30); when that is not enough the answer is the same with ` + "`Tansu-Read-Model: pending`" + `. ` + "`Prefer: respond-async`" + ` answers 202 right after the commit. A read with ` + "`Tansu-Min-Position`" + ` waits likewise, and when the position is not reached in time it answers 503 ` + "`consistency_timeout`" + ` with ` + "`Retry-After`" + ` rather than something older. A position beyond the end of the log is refused.

**Lists** answer ` + "`{\"items\": […], \"next_cursor\": \"…\"}`" + ` and a ` + "`Link`" + ` header; send the cursor back as ` + "`cursor`" + ` with the same filters.

**Problems** are RFC 9457 problem details with a stable ` + "`code`" + ` and the ` + "`traceId`" + ` of the request. Values that were sent are never echoed.`

// operation documents an endpoint.
func operation(e endpoint) huma.Operation {
	op := huma.Operation{
		OperationID: e.id, Method: e.method, Path: e.path, Tags: []string{e.tag},
		Summary: e.summary, Description: e.description, DefaultStatus: e.status,
		Errors: e.problems(),
		// The body is read, bounded and given its time before huma sees it. The
		// deadline that huma would set outlives the reading and ends the request.
		BodyReadTimeout: -1, MaxBodyBytes: -1,
	}
	if !e.public {
		op.Security = []map[string][]string{{securityScheme: {}}}
		needs := "Needs the permission `" + e.permission + "`."
		switch {
		case e.anyone && e.tenant:
			needs = "Needs any token of a member."
		case e.anyone:
			needs = "Needs any token."
		case !e.tenant:
			needs = "Needs the permission `" + e.permission + "` in the system tenant."
		}
		op.Description += "\n\n" + needs
	}
	if e.tenant {
		op.Parameters = append(op.Parameters, &huma.Param{
			Name: "X-Tenant-Id", In: "header", Example: "acme",
			Description: "Whose log: a tenant's id or slug, or system. Without it the sub-domain counts, then the tenant of the token; the operator's is the system tenant.",
			Schema:      &huma.Schema{Type: "string"},
		})
	}
	if e.content != nil {
		op.Responses = map[string]*huma.Response{strconv.Itoa(http.StatusOK): {
			Description: "OK", Content: map[string]*huma.MediaType{e.produces: e.content},
		}}
	}
	if _, documented := e.also[http.StatusNotModified]; e.validated && !documented {
		op.Parameters = append(op.Parameters, &huma.Param{
			Name: "If-None-Match", In: "header", Example: `W/"3q2-7wAAAAAAAAAA"`,
			Description: "Answer 304 if this is the present ETag.", Schema: &huma.Schema{Type: "string"},
		})
		e.also = maps.Clone(e.also)
		if e.also == nil {
			e.also = map[int]string{}
		}
		e.also[http.StatusNotModified] = "If-None-Match holds the present ETag."
	}
	for status, description := range e.also {
		if op.Responses == nil {
			op.Responses = map[string]*huma.Response{}
		}
		op.Responses[strconv.Itoa(status)] = &huma.Response{Description: description}
	}
	return op
}

// problems lists the statuses with which the endpoint can refuse.
func (e endpoint) problems() []int {
	statuses := []int{
		http.StatusBadRequest, http.StatusNotAcceptable, http.StatusRequestHeaderFieldsTooLarge,
		http.StatusUnprocessableEntity, http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusServiceUnavailable,
	}
	if !e.public {
		statuses = append(statuses, http.StatusUnauthorized, http.StatusForbidden)
	}
	if e.tenant || strings.Contains(e.path, "{") {
		statuses = append(statuses, http.StatusNotFound)
	}
	if e.method == http.MethodGet {
		return append(statuses, http.StatusPreconditionFailed)
	}
	return append(statuses, http.StatusConflict, http.StatusPreconditionFailed, http.StatusRequestTimeout,
		http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType)
}

// problemTitles describes a status in the document by the codes that it comes with.
func problemTitles(status int) string {
	var codes []string
	for _, e := range problem.Catalogue() {
		if e.Status == status {
			codes = append(codes, "`"+string(e.Code)+"`")
		}
	}
	switch {
	case len(codes) == 0:
		return http.StatusText(status)
	case status == http.StatusConflict || status == http.StatusUnprocessableEntity || status == http.StatusNotFound:
		codes = append(codes, "or a code of the domain")
	}
	return http.StatusText(status) + ": " + strings.Join(codes, ", ") + "."
}
