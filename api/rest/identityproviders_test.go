package rest_test

import (
	"fmt"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tansu.cloud/api/rest"
	"tansu.cloud/domain/identity/provider"
	"tansu.cloud/platform/federation/upstreamtest"
)

const providerBody = `{"name":"Login","issuer":"https://login.example.com","client_id":"tansu","client_secret":"s3cr3t-4711",
	"mapping":[{"group":"staff","roles":["developer"]}],"default_roles":["viewer"],"just_in_time":true}`

// publish sets the records that a provider asks for a domain to have.
func (r *rig) publish(idp, slug, domain string) {
	r.t.Helper()
	found, err := r.people.IdentityProvider(r.t.Context(), r.tenantID(slug), uuid.MustParse(idp))
	require.NoError(r.t, err)
	for _, d := range found.Domains {
		if d.Name == domain {
			r.dns.Store("_tansu-challenge."+domain+".", []string{"v=spf1 -all", "tansu-verify=" + d.Token})
		}
	}
}

func TestIdentityProvidersAreRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.tenant("acme")
	acme := "X-Tenant-Id: acme"
	for name, c := range map[string]struct{ issuer, more, code, pointer string }{
		"plain http":            {"http://login.example.com", "", "identity_provider.command_invalid", "/issuer"},
		"another scheme":        {"ftp://login.example.com", "", "identity_provider.command_invalid", "/issuer"},
		"a query":               {"https://login.example.com?x=1", "", "identity_provider.command_invalid", "/issuer"},
		"a user":                {"https://a:b@login.example.com", "", "identity_provider.command_invalid", "/issuer"},
		"no host":               {"https:///x", "", "identity_provider.command_invalid", "/issuer"},
		"owner by a group":      {"https://login.example.com", `,"mapping":[{"group":"g","roles":["owner"]}]`, "identity_provider.command_invalid", "/mapping/0/roles/0"},
		"owner by default":      {"https://login.example.com", `,"default_roles":["owner"]`, "identity_provider.command_invalid", "/default_roles/0"},
		"a role that is none":   {"https://login.example.com", `,"default_roles":["nobody"]`, "role.unknown", "/roles"},
		"scopes without openid": {"https://login.example.com", `,"scopes":["email"]`, "identity_provider.command_invalid", "/scopes"},
		"the client as API":     {"https://login.example.com", `,"api_audience":"c"`, "identity_provider.command_invalid", "/api_audience"},
		"a group twice": {"https://login.example.com", `,"mapping":[{"group":"g","roles":["viewer"]},{"group":"g","roles":["admin"]}]`,
			"identity_provider.command_invalid", "/mapping/1/group"},
	} {
		t.Run(name, func(t *testing.T) {
			got := r.send("POST", "/v1/identity-providers", fmt.Sprintf(`{"name":"n","issuer":%q,"client_id":"c","client_secret":"s"%s}`, c.issuer, c.more), acme)
			p := got.problem(422, c.code)
			require.Equal(t, c.pointer, p["errors"].([]any)[0].(map[string]any)["pointer"])
		})
	}
	r.vault.locked(func() { require.Empty(t, r.vault.secrets, "secrets of refused ones are dropped") })
	for range provider.MaxPerTenant {
		r.send("POST", "/v1/identity-providers", providerBody, acme).ok(201)
	}
	r.send("POST", "/v1/identity-providers", providerBody, acme).problem(409, "identity_provider.too_many")
	list := r.send("GET", "/v1/identity-providers", "", acme)
	require.Len(t, list.ok(200)["items"], 5)
	require.NotContains(t, list.Body.String(), "s3cr3t")
	require.NotContains(t, r.logs.String(), "s3cr3t")
	r.send("GET", "/v1/events?limit=100", "", acme).ok(200)
	require.NotContains(t, r.send("GET", "/v1/events?limit=100", "", acme).Body.String(), "s3cr3t")
}

// Whoever controls a provider could be whomever its mapping makes, so nobody sets
// one up that gives more than they have.
func TestAProviderGivesNothingThatItsMakerMayNotDo(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.tenant("acme")
	acme := "X-Tenant-Id: acme"
	r.send("POST", "/v1/roles", `{"name":"federator","title":"F","permissions":["identity_providers.manage","identity_providers.read"]}`, acme).ok(201)
	bob, viewer := r.person("bob", "acme", "federator", "viewer"), r.person("eve", "acme", "viewer")
	r.send("POST", "/v1/identity-providers", providerBody, viewer.auth).problem(403, "forbidden")
	r.send("GET", "/v1/identity-providers", "", viewer.auth).ok(200)
	r.send("POST", "/v1/identity-providers", providerBody, bob.auth).problem(403, "grant.exceeds_own")
	small := `{"name":"n","issuer":"https://login.example.com","client_id":"c","client_secret":"s","default_roles":["viewer"]}`
	idp := r.send("POST", "/v1/identity-providers", small, bob.auth).ok(201)["id"].(string)
	r.send("PUT", "/v1/identity-providers/"+idp, `{"name":"n","client_id":"c","default_roles":["admin"]}`, bob.auth).problem(403, "grant.exceeds_own")
	made := r.send("POST", "/v1/identity-providers", providerBody, acme).ok(201)["id"].(string)
	r.send("PUT", "/v1/identity-providers/"+made, `{"name":"n","client_id":"c","groups_claim":"email","mapping":[{"group":"staff","roles":["developer"]}]}`, bob.auth).
		problem(403, "grant.exceeds_own")
	r.send("POST", "/v1/identity-providers/"+made+"/disable", `{"reason":"r"}`, bob.auth).ok(200)
	r.send("POST", "/v1/identity-providers/"+made+"/enable", "", bob.auth).problem(403, "grant.exceeds_own")
}

// A domain leads to one tenant, which has shown that it is its own.
func TestDomainsAreHeldByOneTenant(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.tenant("acme")
	r.tenant("beta")
	acme, beta := "X-Tenant-Id: acme", "X-Tenant-Id: beta"
	a := r.send("POST", "/v1/identity-providers", providerBody, acme).ok(201)["id"].(string)
	b := r.send("POST", "/v1/identity-providers", providerBody, beta).ok(201)["id"].(string)
	at := func(idp string) string { return "/v1/identity-providers/" + idp + "/domains" }
	for domain, code := range map[string]string{
		"gmail.com": "public", " GMX.de ": "public", "": "required", "localhost": "malformed", "a..b": "malformed", "127.0.0.1": "malformed",
		"exa mple.com": "malformed", "müller.de": "invalid_characters",
	} {
		p := r.send("POST", at(a), fmt.Sprintf(`{"domain":%q}`, domain), acme).problem(422, "identity_provider.command_invalid")
		require.Equal(t, code, p["errors"].([]any)[0].(map[string]any)["code"], domain)
	}
	added := r.send("POST", at(a), `{"domain":" Shared.Example "}`, acme).ok(200)
	shown := added["domains"].([]any)[0].(map[string]any)
	require.Equal(t, []any{"shared.example", false, "_tansu-challenge.shared.example"}, []any{shown["domain"], shown["verified"], shown["record_name"]})
	r.send("POST", at(b), `{"domain":"shared.example"}`, beta).ok(200)
	verify := func(idp, header string) answer { return r.send("POST", at(idp)+"/shared.example/verify", "", header) }
	verify(a, acme).problem(409, "identity_provider.domain_not_verified")
	r.publish(b, "beta", "shared.example")
	verify(a, acme).problem(409, "identity_provider.domain_not_verified") // the token is another tenant's
	r.publish(a, "acme", "shared.example")
	require.True(t, verify(a, acme).ok(200)["domains"].([]any)[0].(map[string]any)["verified"].(bool))
	verify(a, acme).ok(200) // again
	r.publish(b, "beta", "shared.example")
	verify(b, beta).problem(409, "mail_domain.taken")
	verify(a, beta).problem(404, "identity_provider.not_found")
	r.send("DELETE", at(b)+"/shared.example", "", beta).ok(200)
	verify(a, acme).ok(200)
	require.Equal(t, 204, r.send("DELETE", "/v1/identity-providers/"+a, "", acme).Code)
	r.send("POST", at(b), `{"domain":"shared.example"}`, beta).ok(200)
	r.publish(b, "beta", "shared.example")
	verify(b, beta).ok(200) // it is free

	r.send("POST", at(b), `{"domain":"broken.example"}`, beta).ok(200)
	r.send("POST", at(b)+"/broken.example/verify", "", beta).problem(503, "unavailable")
	for range 8 {
		r.send("POST", at(b)+"/broken.example/verify", "", beta)
	}
	r.send("POST", at(b)+"/broken.example/verify", "", beta).problem(429, "rate_limited")
	for i := range provider.MaxDomains - 2 {
		r.send("POST", at(b), fmt.Sprintf(`{"domain":"d%d.example"}`, i), beta).ok(200)
	}
	r.send("POST", at(b), `{"domain":"more.example"}`, beta).problem(409, "identity_provider.too_many_domains")
}

func TestAProviderIsTested(t *testing.T) {
	t.Parallel()
	r, u := newRig(t, func(d *rest.Deps) { d.Config.PlainWebhooks = true }), upstreamtest.New(t)
	r.tenant("acme")
	acme := "X-Tenant-Id: acme"
	add := func(issuer string) string {
		return r.send("POST", "/v1/identity-providers", fmt.Sprintf(`{"name":"n","issuer":%q,"client_id":"c","client_secret":"s"}`, issuer), acme).ok(201)["id"].(string)
	}
	idp := add(u.URL)
	test := func(idp string) (ok bool, failed []string) {
		got := r.send("POST", "/v1/identity-providers/"+idp+"/test", "", acme).ok(200)
		for _, f := range got["findings"].([]any) {
			if finding := f.(map[string]any); !finding["ok"].(bool) {
				require.NotEmpty(t, finding["message"])
				failed = append(failed, finding["check"].(string))
			}
		}
		return got["ok"].(bool), failed
	}
	ok, failed := test(idp)
	require.True(t, ok, failed)
	u.Do(func(u *upstreamtest.Upstream) {
		u.Document = func(d map[string]any) {
			d["response_types_supported"], d["code_challenge_methods_supported"] = []string{"id_token"}, nil
			d["id_token_signing_alg_values_supported"], d["token_endpoint_auth_methods_supported"] = []string{"HS256", "none"}, []string{"private_key_jwt"}
			d["scopes_supported"], d["jwks_uri"] = []string{"openid", "email"}, u.URL+"/token"
		}
	})
	ok, failed = test(idp)
	require.False(t, ok)
	require.Equal(t, []string{"response_type", "pkce", "signature", "client_authentication", "scope", "keys"}, failed)
	_, failed = test(add(u.URL + "/nothing"))
	require.Equal(t, []string{"discovery"}, failed)
	_, failed = test(add("http://10.0.0.1"))
	require.Equal(t, []string{"discovery"}, failed)
	r.send("POST", "/v1/identity-providers/"+uuid.NewString()+"/test", "", acme).problem(404, "identity_provider.not_found")
}

// Somebody for whom a provider vouched sees and ends this one session, and learns
// of no other tenant.
func TestTheAccountIsClosedToAConfinedSession(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.tenant("acme")
	r.tenant("beta")
	ada := r.person("ada", "acme", "viewer")
	r.send("POST", "/v1/members", `{"user_id":"`+ada.user.String()+`","roles":["viewer"]}`, "X-Tenant-Id: beta").ok(201)
	idp := r.send("POST", "/v1/identity-providers", providerBody, "X-Tenant-Id: acme").ok(201)["id"].(string)
	confined := r.signInBy(ada.user, "acme", idp)
	require.Len(t, r.send("GET", "/v1/me", "", ada.auth).ok(200)["memberships"], 2)
	require.Len(t, r.send("GET", "/v1/me", "", confined.auth).ok(200)["memberships"], 1)
	require.Len(t, r.send("GET", "/v1/sessions", "", ada.auth).ok(200)["items"], 2)
	require.Len(t, r.send("GET", "/v1/sessions", "", confined.auth).ok(200)["items"], 1)
	r.send("DELETE", "/v1/sessions/"+ada.session.String(), "", confined.auth).problem(403, "session.confined")
	require.Equal(t, 204, r.send("DELETE", "/v1/sessions/"+confined.session.String(), "", confined.auth).Code)
}
