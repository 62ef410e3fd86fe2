package rest_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestIdentityOnPostgres walks through lists, keys and rights on the real read
// models and the real store of credentials.
func TestIdentityOnPostgres(t *testing.T) {
	t.Parallel()
	r := newNode(t)
	r.tenant("acme")
	acme := "X-Tenant-Id: acme"
	ada := r.person("ada", "acme", "owner")
	for i := range 5 {
		r.person(fmt.Sprintf("member-%d", i), "acme", "viewer")
		r.send("POST", "/v1/invites", fmt.Sprintf(`{"email":"guest-%d@example.com","roles":["viewer"]}`, i), ada.auth).ok(201)
		r.send("POST", "/v1/clients", clientBody).ok(201)
	}
	require.Equal(t, []any{"ada", "member-0", "member-1", "member-2", "member-3", "member-4"}, r.walk("/v1/members?limit=2", "name", ada.auth))
	require.Equal(t, []any{"guest-4@example.com", "guest-3@example.com", "guest-2@example.com", "guest-1@example.com", "guest-0@example.com"},
		r.walk("/v1/invites?limit=2&status=open", "email", ada.auth))
	require.Len(t, r.walk("/v1/clients?limit=2", "id"), 5)
	require.Len(t, r.walk("/v1/users?limit=4&status=active", "id"), 6)
	require.EqualValues(t, 6, r.send("GET", "/v1/users?count=exact&limit=1", "").ok(200)["total"])
	page := r.send("GET", "/v1/members?limit=1", "", acme).ok(200)["next_cursor"].(string)
	r.send("GET", "/v1/members?limit=1&cursor="+page, "", "X-Tenant-Id: system").problem(400, "cursor_invalid")

	key := r.send("POST", "/v1/api-keys", `{"name":"k","permissions":["events.read","members.read"]}`, ada.auth).ok(201)
	auth := "Authorization: Bearer " + key["key"].(string)
	require.Len(t, r.walk("/v1/members", "user_id", auth), 6)
	r.send("GET", "/v1/webhooks", "", auth).problem(403, "forbidden")
	account := r.send("POST", "/v1/service-accounts", `{"name":"s","roles":["viewer"]}`, ada.auth).ok(201)
	path := "/v1/service-accounts/" + account["id"].(string)
	rotated := r.send("POST", path+"/rotate-secret", "", ada.auth).ok(200)
	require.NotEqual(t, account["client_secret"], rotated["client_secret"])
	require.Equal(t, 204, r.send("DELETE", path, "", ada.auth).Code)
	require.Empty(t, r.send("GET", "/v1/service-accounts", "", ada.auth).ok(200)["items"])

	r.send("POST", "/v1/roles", `{"name":"ops","title":"Ops","permissions":["webhooks.read"]}`, ada.auth).ok(201)
	bob := r.person("bob", "acme", "ops")
	r.send("GET", "/v1/webhooks", "", bob.auth).ok(200)
	r.send("PUT", "/v1/roles/ops", `{"title":"Ops","permissions":["jobs.read"]}`, ada.auth).ok(200)
	r.send("POST", "/v1/api-keys/"+key["id"].(string)+"/revoke", "", ada.auth).ok(200)
	r.clock.pass(500 * time.Millisecond)
	r.send("GET", "/v1/webhooks", "", bob.auth).problem(403, "forbidden")
	r.send("GET", "/v1/members", "", auth).problem(401, "unauthorized")

	require.Contains(t, r.walk("/v1/activity?limit=3", "text", ada.auth), "ada revoked an API key.")
	r.send("POST", "/v1/users/"+bob.user.String()+"/erase", `{"reason":"asked for it"}`).ok(200)
	erased := r.send("GET", "/v1/users/"+bob.user.String(), "").ok(200)
	require.Equal(t, "erased", erased["status"])
	require.NotContains(t, erased, "email")
	r.clock.pass(time.Second)
	r.send("GET", "/v1/me", "", bob.auth).problem(401, "unauthorized")
	require.Equal(t, true, r.send("GET", "/v1/audit/verify", "", ada.auth).ok(200)["ok"])
}
