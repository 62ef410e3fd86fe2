package rest_test

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tansu.cloud/api/oidc"
	"tansu.cloud/api/rest"
	"tansu.cloud/platform/federation/upstreamtest"
)

// TestNoTokenReachesAnotherTenant sends every operation of the document with the
// tokens of one tenant, about each thing of another tenant: by header, and by id.
func TestNoTokenReachesAnotherTenant(t *testing.T) {
	t.Parallel()
	r, upstream := newRig(t, func(d *rest.Deps) { d.Config.PlainWebhooks = true }), upstreamtest.New(t)
	r.clock.goOn()
	r.tenant("acme")
	r.tenant("other")
	victim, foreign := r.person("ada", "acme", "owner"), r.person("eve", "other", "owner")
	acme := "X-Tenant-Id: acme"
	var ids []string
	for path, body := range map[string]string{
		"/v1/webhooks": hookBody, "/v1/api-keys": `{"name":"k","permissions":["events.read"]}`,
		"/v1/service-accounts": `{"name":"s","roles":["viewer"]}`, "/v1/invites": `{"email":"x@example.com","roles":["viewer"]}`,
		"/v1/roles": `{"name":"support","title":"Only here","permissions":["events.read"]}`,
	} {
		made := r.send("POST", path, body, acme).ok(201)
		if id, ok := made["id"].(string); ok {
			ids = append(ids, id)
		}
	}
	ids = append(ids, "support", victim.user.String(), victim.session.String(), r.tenantID("acme").String())
	key := r.send("POST", "/v1/api-keys", `{"name":"all","permissions":["events.read","members.manage","webhooks.manage","api_keys.manage"]}`, "X-Tenant-Id: other").ok(201)
	account := r.send("POST", "/v1/service-accounts", `{"name":"s","roles":["admin"]}`, "X-Tenant-Id: other").ok(201)
	program := r.vault.token(oidc.Claims{
		Subject: account["client_id"].(string), ServiceAccountID: uuid.MustParse(account["id"].(string)), TenantID: r.tenantID("other"),
	})
	// Both tenants have the same provider, which knows a person of each by one subject.
	r.link(victim.user, "acme", r.accepting(upstream, "acme", upstreamtest.Audience), upstream.URL, "eve")
	r.link(foreign.user, "other", r.accepting(upstream, "other", upstreamtest.Audience), upstream.URL, "not ada")
	const external = "token of a provider"
	tokens := map[string]string{
		external: bearer(upstream.AccessToken("not ada", soon(), map[string]any{"exp": soon().Add(time.Hour).Unix()})),
		"user":   foreign.auth, "API key": "Authorization: Bearer " + key["key"].(string), "service account": "Authorization: Bearer " + program,
	}
	r.send("GET", "/v1/members", "", tokens[external], "X-Tenant-Id: other").ok(200)
	own := map[string]bool{"erase-subject": true} // data subjects are whatever a tenant calls so in its own log
	before, tried := r.send("GET", "/v1/events", "", acme).Header().Get("Tansu-Position"), 0
	system := r.position()

	placeholder := regexp.MustCompile(`\{[a-z_]+\}`)
	for path, item := range document(t).Paths.Map() {
		for method, op := range item.Operations() {
			if op.Security == nil || len(*op.Security) == 0 {
				continue
			}
			body := ""
			if op.RequestBody != nil {
				example, err := json.Marshal(op.RequestBody.Value.Content["application/json"].Example)
				require.NoError(t, err)
				body = string(example)
			}
			for _, id := range ids {
				target := placeholder.ReplaceAllString(path, id)
				for kind, auth := range tokens {
					at := kind + ": " + method + " " + target
					tried++
					a, other := r.send(method, target, body, auth, acme), "X-Tenant-Id: other"
					if kind == external {
						a.problem(401, "unauthorized")
						r.send(method, target, body, auth).problem(401, "unauthorized")
					} else {
						a.problem(403, "tenant_mismatch")
						other = "-X-Tenant-Id"
					}
					if own[op.OperationID] || target == path {
						continue // without an id it is about the token's own tenant
					}
					a = r.send(method, target, body, auth, other)
					if strings.HasPrefix(path, "/v1/events/") || strings.HasSuffix(path, "/diff") || strings.HasSuffix(path, "/replay") {
						require.Contains(t, []int{403, 404, 422}, a.Code, at) // positions are those of the own log
					} else {
						require.Contains(t, []int{403, 404}, a.Code, "%s: %s", at, a.Body)
					}
					require.NotContains(t, a.Body.String(), "Only here", at)
				}
				if target == path {
					break
				}
			}
		}
	}
	require.Greater(t, tried, 1000)
	require.Equal(t, before, r.send("GET", "/v1/events", "", acme).Header().Get("Tansu-Position"), "nothing was appended to the tenant's log")
	require.Equal(t, system, r.position(), "nor to the system tenant's")
}
