package rest_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tansu.cloud/api/oidc"
	"tansu.cloud/commands"
	"tansu.cloud/eventstore"
	"tansu.cloud/platform/stopwatchtest"
	"tansu.cloud/projections/readmodels/users"
)

// person is a signed-in user with a token for a tenant.
type person struct {
	user, session uuid.UUID
	auth          string // the header
}

// self is how the identity pages act.
var self = commands.Caller{Actor: "test", Permissions: func(string) bool { return true }}

// person registers a user, makes them a member of a tenant and signs them in.
func (r *rig) person(name, tenant string, roles ...string) person {
	r.t.Helper()
	id := r.send("POST", "/v1/users", fmt.Sprintf(`{"email":%q,"name":%q,"verified":true}`, name+"@example.com", name)).ok(201)["id"].(string)
	if len(roles) > 0 {
		body := fmt.Sprintf(`{"user_id":%q,"roles":[%s]}`, id, quotedList(roles))
		r.send("POST", "/v1/members", body, "X-Tenant-Id: "+tenant).ok(201)
	}
	return r.signIn(uuid.MustParse(id), tenant)
}

func quotedList(words []string) (list string) {
	for i, w := range words {
		if i > 0 {
			list += ","
		}
		list += fmt.Sprintf("%q", w)
	}
	return list
}

// signIn starts a session of a user and gets a token for a tenant.
func (r *rig) signIn(user uuid.UUID, tenant string) person {
	r.t.Helper()
	return r.start(tenant, commands.StartSession{UserID: user.String(), Method: "password"})
}

// signInBy starts a session for which a tenant's identity provider vouches.
func (r *rig) signInBy(user uuid.UUID, tenant, idp string) person {
	r.t.Helper()
	return r.start(tenant, commands.StartSession{
		UserID: user.String(), Method: "identity_provider", ConfinedTo: r.tenantID(tenant).String(), ProviderID: idp,
	})
}

func (r *rig) start(tenant string, command commands.StartSession) person {
	r.t.Helper()
	p := person{user: uuid.MustParse(command.UserID), session: uuid.New()}
	started, err := r.deps.Commands.StartSession(context.Background(), commands.Request[commands.StartSession]{
		Tenant: eventstore.SystemTenant, Stream: p.session.String(), Expected: eventstore.AnyVersion, Caller: self, Command: command,
	})
	require.NoError(r.t, err)
	require.NoError(r.t, r.deps.Projections.Wait(context.Background(), users.Name, eventstore.SystemTenant, started.Position))
	p.auth = "Authorization: Bearer " + r.vault.token(oidc.Claims{
		Subject: p.user.String(), UserID: p.user, SessionID: p.session, TenantID: r.tenantID(tenant), ClientID: "tansu-cli",
	})
	return p
}

func (r *rig) tenantID(idOrSlug string) uuid.UUID {
	r.t.Helper()
	if idOrSlug == "system" {
		return eventstore.SystemTenant
	}
	t, err := r.deps.Tenants.Get(context.Background(), idOrSlug)
	require.NoError(r.t, err)
	return t.ID
}

// forget makes authentication read all rights again.
func (r *rig) forget() { r.clock.pass(time.Second) }

func TestAPersonWorksInTheirTenant(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	id := r.tenant("acme")
	r.tenant("other")
	ada := r.person("ada", "acme", "owner")

	me := r.send("GET", "/v1/me", "", ada.auth).ok(200)
	require.Equal(t, "user", me["kind"])
	require.Equal(t, "user:"+ada.user.String(), me["actor"])
	require.Equal(t, map[string]any{"id": ada.user.String(), "email": "ada@example.com", "name": "ada", "verified": true}, me["user"])
	require.Equal(t, map[string]any{"id": id, "slug": "acme", "name": "Tenant acme", "status": "active"}, me["tenant"])
	require.Equal(t, []any{"owner"}, me["roles"])
	require.Contains(t, me["permissions"], "owners.manage")
	require.NotContains(t, me["permissions"], "tenants.create")
	require.Len(t, me["memberships"], 1)

	hook := r.send("POST", "/v1/webhooks", hookBody, ada.auth).ok(201)["id"].(string)
	r.send("GET", "/v1/webhooks/"+hook, "", ada.auth, "X-Tenant-Id: acme").ok(200)
	r.send("GET", "/v1/webhooks/"+hook, "", ada.auth, "X-Tenant-Id: "+id).ok(200)
	require.Empty(t, r.send("GET", "/v1/webhooks", "").ok(200)["items"], "it is not in the system tenant")
	require.Equal(t, "acme", r.send("GET", "/v1/tenants/current", "", ada.auth).ok(200)["slug"])
	last := r.send("GET", "/v1/events?order=desc&limit=1", "", ada.auth).ok(200)["items"].([]any)[0].(map[string]any)
	require.Equal(t, "user:"+ada.user.String(), last["metadata"].(map[string]any)["actor"])

	for _, other := range []string{"other", "system", "no-such-tenant", uuid.NewString(), r.tenantID("other").String()} {
		r.send("GET", "/v1/webhooks", "", ada.auth, "X-Tenant-Id: "+other).problem(403, "tenant_mismatch")
		r.send("GET", "/v1/me", "", ada.auth, "X-Tenant-Id: "+other).problem(403, "tenant_mismatch")
	}
	r.send("GET", "/v1/tenants", "", ada.auth).problem(403, "forbidden")
	r.send("GET", "/v1/users", "", ada.auth).problem(403, "forbidden")
	r.send("POST", "/v1/members", `{"user_id":"`+uuid.NewString()+`","roles":["viewer"]}`, ada.auth).problem(403, "forbidden")

	r.send("POST", "/v1/tenants/acme/suspend", `{"reason":"r"}`).ok(200)
	r.send("GET", "/v1/webhooks", "", ada.auth).problem(403, "tenant_suspended")
	require.Equal(t, "suspended", r.send("GET", "/v1/me", "", ada.auth).ok(200)["tenant"].(map[string]any)["status"])
}

// TestIdempotencyKeysOfPrincipalsAreApart: the same key of two people is two keys.
func TestIdempotencyKeysOfPrincipalsAreApart(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.tenant("acme")
	ada, bob := r.person("ada", "acme", "admin"), r.person("bob", "acme", "admin")
	first := r.send("POST", "/v1/webhooks", hookBody, ada.auth, "Idempotency-Key: k").ok(201)["id"]
	require.NotEqual(t, first, r.send("POST", "/v1/webhooks", hookBody, bob.auth, "Idempotency-Key: k").ok(201)["id"])
	require.Equal(t, first, r.send("POST", "/v1/webhooks", hookBody, ada.auth, "Idempotency-Key: k").ok(201)["id"])
}

// TestStaffWorkInTheSystemTenant: platform permissions come with roles there.
func TestStaffWorkInTheSystemTenant(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.tenant("acme")
	grace := r.person("grace", "system", "viewer")
	r.send("GET", "/v1/tenants/acme", "", grace.auth).ok(200)
	r.send("POST", "/v1/tenants", `{"slug":"b","name":"B"}`, grace.auth).problem(403, "forbidden")
	r.send("GET", "/v1/events", "", grace.auth, "X-Tenant-Id: acme").problem(403, "tenant_mismatch")
	require.Equal(t, "system", r.send("GET", "/v1/tenants/current", "", grace.auth).ok(200)["slug"])
}

// TestNobodyGivesWhatTheyDoNotHave, in any of the ways to give.
func TestNobodyGivesWhatTheyDoNotHave(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.tenant("acme")
	ada, eve := r.person("ada", "acme", "owner"), r.person("eve", "acme", "admin")
	member := "/v1/members/" + eve.user.String()
	r.send("PUT", member+"/roles", `{"roles":["owner"]}`, eve.auth).problem(403, "grant.owners_only")
	r.send("PUT", "/v1/members/"+ada.user.String()+"/roles", `{"roles":["viewer"]}`, eve.auth).problem(403, "grant.owners_only")
	r.send("POST", "/v1/invites", `{"email":"x@example.com","roles":["owner"]}`, eve.auth).problem(403, "grant.owners_only")
	r.send("POST", "/v1/roles", `{"name":"helper","title":"H","permissions":["members.manage","roles.read"]}`, ada.auth).ok(201)
	r.send("PUT", member+"/roles", `{"roles":["helper"]}`, ada.auth).ok(200)
	r.forget()
	r.send("GET", "/v1/webhooks", "", eve.auth).problem(403, "forbidden")
	r.send("PUT", member+"/roles", `{"roles":["admin"]}`, eve.auth).problem(403, "grant.exceeds_own")
	r.send("POST", "/v1/api-keys", `{"name":"k","permissions":["events.read"]}`, eve.auth).problem(403, "forbidden")
	key := r.send("POST", "/v1/api-keys", `{"name":"k","permissions":["api_keys.manage","events.read"]}`, ada.auth).ok(201)["key"].(string)
	r.send("POST", "/v1/api-keys", `{"name":"l","permissions":["webhooks.manage"]}`, "Authorization: Bearer "+key).problem(403, "grant.exceeds_own")
	r.send("POST", "/v1/api-keys", `{"name":"l","permissions":["events.read"]}`, "Authorization: Bearer "+key).ok(201)
	r.send("DELETE", "/v1/members/"+ada.user.String(), "", ada.auth).problem(409, "member.last_owner")
}

// TestWhatIsTakenIsGoneWithinASecond: nothing is told to authentication; it looks.
func TestWhatIsTakenIsGoneWithinASecond(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.tenant("acme")
	ada := r.person("ada", "acme", "owner")
	key := r.send("POST", "/v1/api-keys", `{"name":"k","permissions":["events.read"]}`, ada.auth).ok(201)
	account := r.send("POST", "/v1/service-accounts", `{"name":"s","roles":["viewer"]}`, ada.auth).ok(201)
	program := "Authorization: Bearer " + r.vault.token(oidc.Claims{
		Subject: account["client_id"].(string), ServiceAccountID: uuid.MustParse(account["id"].(string)), TenantID: r.tenantID("acme"),
	})
	for name, c := range map[string]struct {
		auth, method, path, body string
		status                   int
	}{
		"role":            {r.person("bob", "acme", "viewer").auth, "PUT", "/v1/members/{last}/roles", `{"roles":["nothing"]}`, 403},
		"membership":      {r.person("carol", "acme", "viewer").auth, "DELETE", "/v1/members/{last}", "", 403},
		"key":             {"Authorization: Bearer " + key["key"].(string), "POST", "/v1/api-keys/" + key["id"].(string) + "/revoke", "", 401},
		"service account": {program, "POST", "/v1/service-accounts/" + account["id"].(string) + "/disable", `{"reason":"r"}`, 401},
	} {
		t.Run(name, func(t *testing.T) {
			r := *r
			r.t = t
			path := c.path
			if who := r.send("GET", "/v1/me", "", c.auth).ok(200)["user"]; who != nil {
				path = "/v1/members/" + who.(map[string]any)["id"].(string)
				if c.method == "PUT" {
					path += "/roles"
					r.send("POST", "/v1/roles", `{"name":"nothing","title":"N","permissions":["roles.read"]}`, ada.auth).ok(201)
				}
			}
			r.send("GET", "/v1/events", "", c.auth).ok(200)
			require.Less(t, r.send(c.method, path, c.body, ada.auth).Code, 300)
			r.send("GET", "/v1/events", "", c.auth).ok(200) // as remembered
			r.forget()
			require.Equal(t, c.status, r.send("GET", "/v1/events", "", c.auth).Code)
		})
	}
}

func TestSessionsEnd(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.tenant("acme")
	ada := r.person("ada", "acme", "owner")
	phone, eve := r.signIn(ada.user, "acme"), r.person("eve", "acme", "admin")
	list := r.send("GET", "/v1/sessions", "", ada.auth).ok(200)["items"].([]any)
	require.Len(t, list, 2)
	require.Equal(t, phone.session.String(), list[0].(map[string]any)["id"])
	require.Equal(t, []any{false, true}, []any{list[0].(map[string]any)["current"], list[1].(map[string]any)["current"]})

	r.send("DELETE", "/v1/sessions/"+ada.session.String(), "", eve.auth).problem(404, "session.not_found")
	r.send("DELETE", "/v1/sessions/"+ada.session.String(), "").problem(404, "session.not_found")
	require.Equal(t, 204, r.send("DELETE", "/v1/sessions/"+phone.session.String(), "", ada.auth).Code)
	r.forget()
	a := r.send("GET", "/v1/me", "", phone.auth)
	a.problem(401, "unauthorized")
	require.Equal(t, `Bearer realm="tansu", error="invalid_token"`, a.Header().Get("WWW-Authenticate"))
	r.send("GET", "/v1/me", "", ada.auth).ok(200)

	require.Equal(t, 204, r.send("DELETE", "/v1/users/"+ada.user.String()+"/sessions/"+ada.session.String(), "").Code)
	r.send("DELETE", "/v1/users/"+ada.user.String()+"/sessions/"+eve.session.String(), "").problem(404, "session.not_found")
	r.forget()
	r.send("GET", "/v1/me", "", ada.auth).problem(401, "unauthorized")

	r.send("POST", "/v1/users/"+eve.user.String()+"/disable", `{"reason":"r"}`).ok(200)
	r.forget()
	r.send("GET", "/v1/me", "", eve.auth).problem(401, "unauthorized")
	require.Empty(t, r.send("GET", "/v1/sessions", "").ok(200)["items"], "programs have none")
}

// TestSocketsFollowTheRightsOfTheirToken: the tenant is the token's, another one
// is refused, and the connection ends with the session.
func TestSocketsFollowTheRightsOfTheirToken(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	acme := r.tenant("acme")
	r.tenant("other")
	ada := r.person("ada", "acme", "viewer")
	server := httptest.NewServer(r.handler)
	t.Cleanup(server.Close)
	_, given, _ := cutAuth(ada.auth)

	connected := connect(t, server, given, "")
	require.Equal(t, acme, connected.read()["tenant"])
	for _, other := range []string{"other", "system", "no-such-tenant"} {
		refused := connect(t, server, given, other)
		require.Equal(t, "tenant_mismatch", refused.closed().Text, other)
	}
	require.Equal(t, 204, r.send("DELETE", "/v1/sessions/"+ada.session.String(), "", ada.auth).Code)
	r.forget()
	begun := stopwatchtest.Start(t)
	require.Equal(t, "unauthorized", connected.closed().Text)
	begun.Within(time.Second)
}
