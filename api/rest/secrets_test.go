package rest_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

// TestSecretsAreToldOnce: in the answer that makes them; neither reads, repeats
// nor the log have them.
func TestSecretsAreToldOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.tenant("acme")
	acme := "X-Tenant-Id: acme"
	for _, c := range []struct{ path, body, field, prefix string }{
		{"/v1/api-keys", `{"name":"k","permissions":["events.read"]}`, "key", "tsk_"},
		{"/v1/service-accounts", `{"name":"s","roles":["viewer"]}`, "client_secret", "tss_"},
		{"/v1/clients", clientBody, "client_secret", "tss_"},
	} {
		made := r.send("POST", c.path, c.body, acme, "Idempotency-Key: k")
		body := made.ok(201)
		secret := body[c.field].(string)
		require.True(t, strings.HasPrefix(secret, c.prefix), secret)
		delete(body, c.field)
		again := r.send("POST", c.path, c.body, acme, "Idempotency-Key: k")
		require.Equal(t, body, again.ok(201), "without the secret")
		require.Equal(t, "true", again.Header().Get("Idempotency-Replayed"))
		require.Equal(t, body, r.send("GET", made.Header().Get("Location"), "", acme).ok(200))
		if c.field == "client_secret" {
			rotated := r.send("POST", made.Header().Get("Location")+"/rotate-secret", "", acme).ok(200)
			require.NotEqual(t, secret, rotated[c.field])
			require.Contains(t, rotated, "previous_secret_until")
		}
		for _, log := range []string{"acme", "system"} {
			events := r.send("GET", "/v1/events", "", "X-Tenant-Id: "+log).Body.String()
			require.NotContains(t, events, c.prefix)
		}
	}
	require.Len(t, r.vault.keys, 1, "the keys of repeats are gone")
	require.Len(t, r.vault.secrets, 4)
	require.Len(t, r.vault.retired, 2)
	require.Len(t, r.vault.kept, 4, "at once")
}

func TestRefusedSecretsAreNotKept(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.tenant("acme")
	acme := "X-Tenant-Id: acme"
	r.send("POST", "/v1/api-keys", `{"name":"","permissions":["events.read"]}`, acme).problem(422, "api_key.command_invalid")
	r.send("POST", "/v1/api-keys", `{"name":"k","permissions":["tenants.create"]}`, acme).problem(422, "api_key.command_invalid")
	r.send("POST", "/v1/service-accounts", `{"name":"s","roles":["unheard-of"]}`, acme).problem(422, "role.unknown")
	r.send("POST", "/v1/service-accounts/"+uuid.NewString()+"/rotate-secret", "", acme).problem(404, "service_account.not_found")
	r.send("POST", "/v1/clients", strings.Replace(clientBody, "https", "ftp", 1)).problem(422, "client.command_invalid")
	require.Empty(t, r.vault.keys)
	require.Empty(t, r.vault.secrets)
}

// TestAPIKeysWork: in their tenant, as far as they permit.
func TestAPIKeysWork(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.tenant("acme")
	made := r.send("POST", "/v1/api-keys", `{"name":"k","permissions":["events.read","api_keys.read"]}`, "X-Tenant-Id: acme").ok(201)
	auth := "Authorization: Bearer " + made["key"].(string)
	r.send("GET", "/v1/events", "", auth).ok(200)
	me := r.send("GET", "/v1/me", "", auth).ok(200)
	require.Equal(t, "api_key:"+made["id"].(string), me["actor"])
	require.Equal(t, []any{"api_keys.read", "events.read"}, me["permissions"])
	r.send("GET", "/v1/webhooks", "", auth).problem(403, "forbidden")
	r.send("GET", "/v1/events", "", auth, "X-Tenant-Id: system").problem(403, "tenant_mismatch")
	require.NotEmpty(t, r.send("GET", "/v1/api-keys", "", auth).ok(200)["items"].([]any)[0].(map[string]any)["last_used_at"])
	wrong := auth[:len(auth)-1] + "!"
	r.send("GET", "/v1/events", "", wrong).problem(401, "unauthorized")
}

// TestInvitesAreSent with a link that nobody else gets to see.
func TestInvitesAreSent(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.tenant("acme")
	ada := r.person("ada", "acme", "owner")
	made := r.send("POST", "/v1/invites", `{"email":"Bob@Example.com","roles":["viewer"]}`, ada.auth, "Idempotency-Key: k").ok(201)
	require.Equal(t, true, made["sent"])
	require.Equal(t, "bob@example.com", made["email"])
	require.Equal(t, made, r.send("POST", "/v1/invites", `{"email":"Bob@Example.com","roles":["viewer"]}`, ada.auth, "Idempotency-Key: k").ok(201))
	require.Len(t, r.vault.messages, 1, "a repeat sends nothing")
	require.Equal(t, "bob@example.com", r.vault.messages[0].To)
	require.Contains(t, r.vault.messages[0].Text, "http://localhost:8080/auth/invite?token=one%2Btime%2F"+r.vault.issued[0].ID.String())
	require.Contains(t, r.vault.messages[0].Text, "Tenant acme")
	until, err := time.Parse(time.RFC3339, made["expires_at"].(string))
	require.NoError(t, err)
	require.Contains(t, r.vault.messages[0].Text, "works until "+until.Format("2 January 2006, 15:04 UTC"))
	require.Equal(t, made["id"], r.vault.issued[0].Subject.String())

	path := "/v1/invites/" + made["id"].(string)
	require.Equal(t, true, r.send("POST", path+"/resend", "", ada.auth).ok(200)["sent"])
	require.Len(t, r.vault.issued, 2)
	require.NotEqual(t, r.vault.issued[0].ID, r.vault.issued[1].ID)
	require.Equal(t, "revoked", r.send("POST", path+"/revoke", "", ada.auth).ok(200)["status"])
	require.NotContains(t, r.send("GET", path, "", ada.auth).ok(200), "email")
	require.Equal(t, false, r.send("POST", "/v1/invites", `{"email":"bounce@example.com","roles":["viewer"]}`, ada.auth).ok(201)["sent"])
	r.send("POST", "/v1/invites", `{"email":"not an address","roles":["viewer"]}`, ada.auth).problem(422, "invite.command_invalid")
}

// TestInvitesFloodNobody: neither again and again, nor from several tenants.
func TestInvitesFloodNobody(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.tenant("acme")
	r.tenant("other")
	ada, eve := r.person("ada", "acme", "owner"), r.person("eve", "other", "owner")
	path := "/v1/invites/" + r.send("POST", "/v1/invites", `{"email":"bob@example.com","roles":["viewer"]}`, ada.auth).ok(201)["id"].(string)
	for range 12 {
		r.send("POST", path+"/resend", "", ada.auth).ok(200)
	}
	require.Equal(t, false, r.send("POST", path+"/resend", "", ada.auth).ok(200)["sent"])
	require.Equal(t, false, r.send("POST", "/v1/invites", `{"email":"BOB@example.com","roles":["viewer"]}`, eve.auth).ok(201)["sent"])
	require.Len(t, r.vault.messages, 10)
	require.Equal(t, true, r.send("POST", "/v1/invites", `{"email":"carol@example.com","roles":["viewer"]}`, eve.auth).ok(201)["sent"])
}

func TestActivityIsReadable(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.tenant("acme")
	ada := r.person("Ada", "acme", "owner")
	r.person("Bob", "acme", "viewer", "developer")
	key := r.send("POST", "/v1/api-keys", `{"name":"Nightly {name}","permissions":["roles.manage","webhooks.manage","jobs.read"]}`, ada.auth).ok(201)
	auth := "Authorization: Bearer " + key["key"].(string)
	r.send("POST", "/v1/roles", `{"name":"ops","title":"Ops","permissions":["jobs.read"]}`, auth).ok(201)
	r.send("POST", "/v1/api-keys/"+key["id"].(string)+"/revoke", `{"reason":"lost"}`, ada.auth).ok(200)

	require.Equal(t, []any{
		"Ada revoked an API key.",
		"The API key “Nightly {name}” created the role “Ops”.",
		"Ada created the API key “Nightly {name}”.",
		"Operator made Bob a member with the roles developer, viewer.",
	}, r.walk("/v1/activity?limit=2", "text", ada.auth)[:4])
	require.Equal(t, []any{"lost"}, r.walk("/v1/activity?stream_type=api_key&limit=1", "reason", ada.auth)[:1])
	require.Len(t, r.walk("/v1/activity?actor=user:"+ada.user.String(), "text", ada.auth), 2)
	r.send("POST", "/v1/users/"+ada.user.String()+"/erase", `{"reason":"r"}`).ok(200)
	require.Contains(t, r.walk("/v1/activity", "text", "X-Tenant-Id: acme"), "A former user created the API key “Nightly {name}”.")
	require.Contains(t, r.walk("/v1/activity", "text"), "Operator created the tenant “Tenant acme”.")
}
