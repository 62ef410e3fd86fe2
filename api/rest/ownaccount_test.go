package rest_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tansu.cloud/api/oidc"
)

// tokenOf is one that a client got for a person who is signed in.
func (r *rig) tokenOf(p person, tenant, client string, scope ...string) string {
	r.t.Helper()
	return "Authorization: Bearer " + r.vault.token(oidc.Claims{
		Subject: p.user.String(), UserID: p.user, SessionID: p.session, TenantID: r.tenantID(tenant), ClientID: client, Scope: scope,
	})
}

func (r *rig) clientFor(firstParty string) string {
	r.t.Helper()
	return r.send("POST", "/v1/clients", `{"name":"Shop","type":"public","token_endpoint_auth":"none","redirect_uris":["https://shop.example.com/cb"],`+
		`"grants":["authorization_code"],"scopes":["openid","profile","email","api"],"first_party":`+firstParty+`}`).ok(201)["id"].(string)
}

// What somebody agreed to was about one tenant, and about what the scopes say.
func TestAnApplicationLearnsWhatWasAgreedTo(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.tenant("acme")
	r.tenant("beta")
	ada := r.person("ada", "acme", "viewer")
	r.send("POST", "/v1/members", `{"user_id":"`+ada.user.String()+`","roles":["viewer"]}`, "X-Tenant-Id: beta").ok(201)
	shop, ours := r.clientFor("false"), r.clientFor("true")
	id := ada.user.String()
	whole := map[string]any{"id": id, "name": "ada", "email": "ada@example.com", "verified": true}
	for name, c := range map[string]struct {
		auth        string
		user        map[string]any
		memberships int
	}{
		"one's own":               {ada.auth, whole, 2},
		"a first-party client":    {r.tokenOf(ada, "acme", ours, "openid", "api"), whole, 2},
		"api alone":               {r.tokenOf(ada, "acme", shop, "api"), map[string]any{"id": id}, 1},
		"profile":                 {r.tokenOf(ada, "acme", shop, "profile", "api"), map[string]any{"id": id, "name": "ada"}, 1},
		"email":                   {r.tokenOf(ada, "acme", shop, "email", "api"), map[string]any{"id": id, "email": "ada@example.com", "verified": true}, 1},
		"a client that is gone":   {r.tokenOf(ada, "acme", uuid.NewString(), "api"), map[string]any{"id": id}, 1},
		"a client of no form":     {r.tokenOf(ada, "acme", "x", "api"), map[string]any{"id": id}, 1},
		"of the other tenant too": {r.tokenOf(ada, "beta", shop, "api"), map[string]any{"id": id}, 1},
	} {
		me := r.send("GET", "/v1/me", "", c.auth).ok(200)
		require.Equal(t, c.user, me["user"], name)
		require.Len(t, me["memberships"], c.memberships, name)
		if c.memberships == 1 {
			require.Equal(t, me["tenant"], me["memberships"].([]any)[0].(map[string]any)["tenant"], name)
		}
	}
	consent := r.letIn(ada, "acme")
	app := r.tokenOf(ada, "acme", shop, "openid", "profile", "email", "api")
	for _, route := range [][2]string{
		{"GET", "/v1/sessions"}, {"DELETE", "/v1/sessions/" + ada.session.String()}, {"GET", "/v1/consents"}, {"DELETE", consent},
	} {
		r.send(route[0], route[1], "", app).problem(403, "token.delegated")
	}
	r.send("GET", "/v1/webhooks", "", app).ok(200)
	r.send("GET", "/v1/sessions", "", ada.auth).ok(200)
	require.Equal(t, 204, r.send("DELETE", consent, "", r.tokenOf(ada, "acme", ours, "api")).Code)
}
