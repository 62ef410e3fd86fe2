package rest_test

import (
	"github.com/stretchr/testify/require"
)

// identity uses each operation about people, programs and rights.
func (c *contract) identity() {
	c.tenant("team")
	c.person("root", "team", "owner")
	team := "X-Tenant-Id: team"
	c.send("GET", "/v1/permissions", "").ok(200)
	c.send("GET", "/v1/me", "").ok(200)
	c.send("GET", "/v1/tenants/current", "").ok(200)

	user := c.send("POST", "/v1/users", `{"email":"Ada@Example.com","name":"Ada"}`, "Idempotency-Key: u").ok(201)["id"].(string)
	c.send("POST", "/v1/users", `{"email":"ada@example.com","name":"Ada"}`).problem(409, "user.email_taken")
	c.send("GET", "/v1/users?status=active&limit=1&count=exact", "").ok(200)
	c.send("GET", "/v1/users/"+user, "").ok(200)
	c.send("GET", "/v1/users/x", "").problem(404, "user.not_found")
	c.send("PUT", "/v1/users/"+user+"/name", `{"name":"Ada L"}`, `If-Match: "1"`).ok(200)
	c.send("POST", "/v1/users/"+user+"/disable", `{"reason":"r"}`).ok(200)
	c.send("POST", "/v1/users/"+user+"/enable", "").ok(200)
	c.send("POST", "/v1/users/"+user+"/reset-mfa", `{"reason":"r"}`).ok(200)
	c.send("GET", "/v1/users/"+user+"/sessions", "").ok(200)

	ada := c.person("ada2", "team", "viewer")
	auth := ada.auth
	c.send("GET", "/v1/me", "", auth).ok(200)
	c.send("GET", "/v1/sessions", "", auth).ok(200)
	require.Equal(c.t, 204, c.send("DELETE", "/v1/sessions/"+c.signIn(ada.user, "team").session.String(), "", auth).Code)
	require.Equal(c.t, 204, c.send("DELETE", "/v1/users/"+ada.user.String()+"/sessions/"+ada.session.String(), "").Code)

	shop := c.letIn(ada, "team")
	c.send("GET", "/v1/consents", "", auth).ok(200)
	require.Equal(c.t, 204, c.send("DELETE", shop, "", auth).Code)

	c.send("POST", "/v1/members", `{"user_id":"`+user+`","roles":["viewer"]}`, team).ok(201)
	c.send("GET", "/v1/members?limit=1", "", team).ok(200)
	c.send("GET", "/v1/members/"+user, "", team).ok(200)
	require.Equal(c.t, 304, c.send("GET", "/v1/members/"+user, "", team, `If-None-Match: "1"`).Code)
	c.send("PUT", "/v1/members/"+user+"/roles", `{"roles":["developer"]}`, team, `If-Match: "1"`).ok(200)
	require.Equal(c.t, 204, c.send("DELETE", "/v1/members/"+user, "", team).Code)
	c.send("GET", "/v1/members/"+user, "", team).problem(404, "member.not_found")
	c.send("POST", "/v1/users/"+user+"/erase", `{"reason":"r"}`).ok(200)

	c.send("POST", "/v1/roles", `{"name":"support","title":"Support","permissions":["events.read"]}`, team).ok(201)
	c.send("POST", "/v1/roles", `{"name":"owner","title":"O","permissions":["events.read"]}`, team).problem(409, "role.built_in")
	c.send("GET", "/v1/roles", "", team).ok(200)
	c.send("GET", "/v1/roles/support", "", team).ok(200)
	c.send("GET", "/v1/roles/owner", "", team).ok(200)
	c.send("PUT", "/v1/roles/support", `{"title":"Help","permissions":["jobs.read"]}`, team).ok(200)
	require.Equal(c.t, 204, c.send("DELETE", "/v1/roles/support", "", team).Code)

	c.send("PUT", "/v1/origins", `{"origins":["https://b.example.com","https://a.example.com"]}`, team).ok(200)
	c.send("PUT", "/v1/origins", `{"origins":["https://*.example.com"]}`, team).problem(422, "space.origins_invalid")
	c.send("GET", "/v1/origins", "", team).ok(200)
	require.Equal(c.t, 304, c.send("GET", "/v1/origins", "", team, `If-None-Match: "1"`).Code)

	invite := c.send("POST", "/v1/invites", `{"email":"bob@example.com","roles":["viewer"]}`, team).ok(201)["id"].(string)
	c.send("GET", "/v1/invites?status=open", "", team).ok(200)
	c.send("GET", "/v1/invites/"+invite, "", team).ok(200)
	c.send("POST", "/v1/invites/"+invite+"/resend", "", team).ok(200)
	c.send("POST", "/v1/invites/"+invite+"/revoke", `{"reason":"r"}`, team).ok(200)
	c.send("POST", "/v1/invites/"+invite+"/resend", "", team).problem(409, "invite.revoked")

	key := c.send("POST", "/v1/api-keys", `{"name":"k","permissions":["events.read"],"expires_at":"2099-01-01T00:00:00Z"}`, team).ok(201)["id"].(string)
	c.send("GET", "/v1/api-keys?status=active", "", team).ok(200)
	c.send("GET", "/v1/api-keys/"+key, "", team).ok(200)
	c.send("PUT", "/v1/api-keys/"+key+"/name", `{"name":"l"}`, team).ok(200)
	c.send("POST", "/v1/api-keys/"+key+"/revoke", "", team).ok(200)

	account := c.send("POST", "/v1/service-accounts", `{"name":"s","roles":["developer"]}`, team).ok(201)["id"].(string)
	c.send("GET", "/v1/service-accounts", "", team).ok(200)
	c.send("GET", "/v1/service-accounts/"+account, "", team).ok(200)
	c.send("PUT", "/v1/service-accounts/"+account, `{"name":"t","roles":["viewer"]}`, team).ok(200)
	c.send("POST", "/v1/service-accounts/"+account+"/rotate-secret", `{"overlap_seconds":60}`, team).ok(200)
	c.send("POST", "/v1/service-accounts/"+account+"/disable", `{"reason":"r"}`, team).ok(200)
	c.send("POST", "/v1/service-accounts/"+account+"/enable", "", team).ok(200)
	require.Equal(c.t, 204, c.send("DELETE", "/v1/service-accounts/"+account, "", team).Code)

	idp := c.send("POST", "/v1/identity-providers", providerBody, team).ok(201)["id"].(string)
	c.send("POST", "/v1/identity-providers", providerBody).problem(403, "identity_provider.system_tenant")
	c.send("GET", "/v1/identity-providers", "", team).ok(200)
	c.send("GET", "/v1/identity-providers/"+idp, "", team).ok(200)
	require.Equal(c.t, 304, c.send("GET", "/v1/identity-providers/"+idp, "", team, `If-None-Match: "1"`).Code)
	c.send("PUT", "/v1/identity-providers/"+idp, `{"name":"n","client_id":"c","default_roles":["viewer"]}`, team, `If-Match: "1"`).ok(200)
	c.send("PUT", "/v1/identity-providers/"+idp, `{"name":"m","client_id":"c"}`, team, `If-Match: "1"`).problem(412, "precondition_failed")
	c.send("PUT", "/v1/identity-providers/"+idp+"/secret", `{"client_secret":"t"}`, team).ok(200)
	c.send("POST", "/v1/identity-providers/"+idp+"/test", "", team).ok(200)
	c.send("POST", "/v1/identity-providers/"+idp+"/domains", `{"domain":"team.example"}`, team).ok(200)
	c.send("POST", "/v1/identity-providers/"+idp+"/domains/team.example/verify", "", team).problem(409, "identity_provider.domain_not_verified")
	c.publish(idp, "team", "team.example")
	c.send("POST", "/v1/identity-providers/"+idp+"/domains/team.example/verify", "", team).ok(200)
	c.send("DELETE", "/v1/identity-providers/"+idp+"/domains/team.example", "", team).ok(200)
	c.send("DELETE", "/v1/identity-providers/"+idp+"/domains/team.example", "", team).problem(404, "identity_provider.domain_not_found")
	c.send("POST", "/v1/identity-providers/"+idp+"/disable", `{"reason":"r"}`, team).ok(200)
	c.send("POST", "/v1/identity-providers/"+idp+"/enable", "", team).ok(200)
	require.Equal(c.t, 204, c.send("DELETE", "/v1/identity-providers/"+idp, "", team).Code)
	c.send("GET", "/v1/identity-providers/"+idp, "", team).problem(404, "identity_provider.not_found")

	client := c.send("POST", "/v1/clients", clientBody).ok(201)["id"].(string)
	c.send("GET", "/v1/clients?limit=1", "").ok(200)
	c.send("GET", "/v1/clients/"+client, "").ok(200)
	c.send("PUT", "/v1/clients/"+client, `{"name":"d","redirect_uris":["https://d.example.com/"],"grants":["authorization_code"]}`).ok(200)
	c.send("POST", "/v1/clients/"+client+"/rotate-secret", "").ok(200)
	c.send("POST", "/v1/clients/"+client+"/disable", `{"reason":"r"}`).ok(200)
	c.send("POST", "/v1/clients/"+client+"/enable", "").ok(200)
	require.Equal(c.t, 204, c.send("DELETE", "/v1/clients/"+client, "").Code)
	c.send("GET", "/v1/clients/"+client, "").problem(404, "client.not_found")

	c.send("GET", "/v1/activity?limit=5&stream_type=member", "", team).ok(200)
}

const clientBody = `{"type":"confidential","token_endpoint_auth":"secret","name":"c","redirect_uris":["https://c.example.com/"],"grants":["authorization_code"],"scopes":["openid"]}`
