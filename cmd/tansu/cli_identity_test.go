package main

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestIdentityCommandsSendWhatTheAPIDocuments is a table of command lines and
// the requests that they lead to.
func TestIdentityCommandsSendWhatTheAPIDocuments(t *testing.T) {
	t.Parallel()
	jwks := filepath.Join(t.TempDir(), "jwks.json")
	require.NoError(t, os.WriteFile(jwks, []byte(`{"keys":[]}`), 0o600))
	for _, tc := range []struct {
		args    string
		request string // method, path and query
		body    string
	}{
		{"members list --limit 3", "GET /v1/members?limit=3", ""},
		{"members show u", "GET /v1/members/u", ""},
		{"members add u --role admin,support --role viewer", "POST /v1/members", `{"user_id":"u","roles":["admin","support","viewer"]}`},
		{"members set-roles u developer support", "PUT /v1/members/u/roles", `{"roles":["developer","support"]}`},
		{"members remove ../u", "DELETE /v1/members/..%2Fu", ""},
		{"invites list --status open", "GET /v1/invites?limit=50&status=open", ""},
		{"invites list --created-by user:u", "GET /v1/invites?created_by=user%3Au&limit=50", ""},
		{"invites show i", "GET /v1/invites/i", ""},
		{"invites create ada@example.com --role admin", "POST /v1/invites", `{"email":"ada@example.com","roles":["admin"]}`},
		{"invites resend i", "POST /v1/invites/i/resend", `{}`},
		{"invites revoke i --reason r", "POST /v1/invites/i/revoke", `{"reason":"r"}`},
		{"roles list", "GET /v1/roles", ""},
		{"roles show support", "GET /v1/roles/support", ""},
		{"roles permissions", "GET /v1/permissions", ""},
		{"roles create support --permission jobs.read,jobs.manage", "POST /v1/roles", `{"name":"support","title":"support","permissions":["jobs.read","jobs.manage"]}`},
		{"roles update support --title Desk", "PUT /v1/roles/support", `{"title":"Desk","permissions":["jobs.read"]}`},
		{"roles update support --permission a.b", "PUT /v1/roles/support", `{"title":"Support","permissions":["a.b"]}`},
		{"roles delete support", "DELETE /v1/roles/support", ""},
		{"origins show", "GET /v1/origins", ""},
		{"origins set https://a.example.com https://b.example.com:8443", "PUT /v1/origins", `{"origins":["https://a.example.com","https://b.example.com:8443"]}`},
		{"origins set --none", "PUT /v1/origins", `{"origins":[]}`},
		{"keys list --status revoked", "GET /v1/api-keys?limit=50&status=revoked", ""},
		{"keys list --created-by operator --status active", "GET /v1/api-keys?created_by=operator&limit=50&status=active", ""},
		{"keys show k", "GET /v1/api-keys/k", ""},
		{"keys create ci --permission events.read", "POST /v1/api-keys", `{"name":"ci","permissions":["events.read"]}`},
		{"keys rename k nightly", "PUT /v1/api-keys/k/name", `{"name":"nightly"}`},
		{"keys revoke k", "POST /v1/api-keys/k/revoke", `{}`},
		{"service-accounts list", "GET /v1/service-accounts", ""},
		{"service-accounts list --created-by user:u", "GET /v1/service-accounts?created_by=user%3Au", ""},
		{"service-accounts create billing --role viewer", "POST /v1/service-accounts", `{"name":"billing","roles":["viewer"]}`},
		{"service-accounts update a --role viewer", "PUT /v1/service-accounts/a", `{"name":"Billing","roles":["viewer"]}`},
		{"service-accounts rotate-secret a --overlap 1h", "POST /v1/service-accounts/a/rotate-secret", `{"overlap_seconds":3600}`},
		{"service-accounts enable a", "POST /v1/service-accounts/a/enable", `{}`},
		{"service-accounts disable a --reason r", "POST /v1/service-accounts/a/disable", `{"reason":"r"}`},
		{"service-accounts delete a", "DELETE /v1/service-accounts/a", ""},
		{"users list --status active", "GET /v1/users?limit=50&status=active", ""},
		{"users show u", "GET /v1/users/u", ""},
		{"users create ada@example.com --name Ada --verified", "POST /v1/users", `{"email":"ada@example.com","name":"Ada","verified":true}`},
		{"users disable u --reason r", "POST /v1/users/u/disable", `{"reason":"r"}`},
		{"users enable u", "POST /v1/users/u/enable", `{}`},
		{"users erase u --reason r", "POST /v1/users/u/erase", `{"reason":"r"}`},
		{"sessions list", "GET /v1/sessions", ""},
		{"sessions revoke s", "DELETE /v1/sessions/s", ""},
		{"clients list", "GET /v1/clients?limit=50", ""},
		{"clients create Shop --redirect-uri https://shop.example.com/a,b", "POST /v1/clients",
			`{"name":"Shop","type":"confidential","token_endpoint_auth":"secret","grants":["authorization_code","refresh_token"],"first_party":false,"redirect_uris":["https://shop.example.com/a,b"]}`},
		{"clients create TV --type public --grant device_code --scope openid", "POST /v1/clients",
			`{"name":"TV","type":"public","token_endpoint_auth":"none","grants":["device_code"],"first_party":false,"scopes":["openid"]}`},
		{"clients create Bank --auth private_key_jwt --jwks @" + jwks, "POST /v1/clients",
			`{"name":"Bank","type":"confidential","token_endpoint_auth":"private_key_jwt","grants":["authorization_code","refresh_token"],"first_party":false,"jwks":{"keys":[]}}`},
		{"clients update c --name Store", "PUT /v1/clients/c",
			`{"name":"Store","grants":["authorization_code"],"first_party":true,"redirect_uris":["https://shop.example.com/"],"scopes":["openid"]}`},
		{"clients rotate-secret c", "POST /v1/clients/c/rotate-secret", `{"overlap_seconds":86400}`},
		{"clients disable c --reason r", "POST /v1/clients/c/disable", `{"reason":"r"}`},
		{"clients delete c", "DELETE /v1/clients/c", ""},
		{"idp list", "GET /v1/identity-providers", ""},
		{"idp show i", "GET /v1/identity-providers/i", ""},
		{"idp add Login --issuer https://login.example.com --client-id tansu --secret @" + jwks + " --group a=b=viewer,developer --group c=viewer --default-role viewer --just-in-time --api-audience https://api.example.com",
			"POST /v1/identity-providers", `{"name":"Login","issuer":"https://login.example.com","client_id":"tansu","client_secret":"{\"keys\":[]}","just_in_time":true,"api_audience":"https://api.example.com",
				"mapping":[{"group":"a=b","roles":["viewer","developer"]},{"group":"c","roles":["viewer"]}],"default_roles":["viewer"]}`},
		{"idp update i --name Other", "PUT /v1/identity-providers/i",
			`{"name":"Other","client_id":"c","just_in_time":true,"api_audience":"y","groups_claim":"roles","scopes":["openid"],"mapping":[{"group":"g","roles":["viewer"]}]}`},
		{"idp update i --group h=admin --just-in-time=false --api-audience=", "PUT /v1/identity-providers/i",
			`{"name":"Login","client_id":"c","just_in_time":false,"groups_claim":"roles","scopes":["openid"],"mapping":[{"group":"h","roles":["admin"]}]}`},
		{"idp set-secret i --secret @" + jwks, "PUT /v1/identity-providers/i/secret", `{"client_secret":"{\"keys\":[]}"}`},
		{"idp test i", "POST /v1/identity-providers/i/test", ""},
		{"idp enable i", "POST /v1/identity-providers/i/enable", `{}`},
		{"idp disable i --reason r", "POST /v1/identity-providers/i/disable", `{"reason":"r"}`},
		{"idp remove i", "DELETE /v1/identity-providers/i", ""},
		{"idp domains list i", "GET /v1/identity-providers/i", ""},
		{"idp domains add i acme.example", "POST /v1/identity-providers/i/domains", `{"domain":"acme.example"}`},
		{"idp domains verify i acme.example", "POST /v1/identity-providers/i/domains/acme.example/verify", ""},
		{"idp domains remove i ../x", "DELETE /v1/identity-providers/i/domains/..%2Fx", ""},
		{"whoami", "GET /v1/me", ""},
	} {
		t.Run(tc.args, func(t *testing.T) {
			t.Parallel()
			f := newFake(t)
			f.answer("/", `{"items":[]}`)
			f.answer("GET /v1/roles/support", `{"name":"support","title":"Support","permissions":["jobs.read"],"version":3}`)
			f.answer("GET /v1/service-accounts/a", `{"id":"a","name":"Billing","roles":["admin"],"version":3}`)
			f.answer("GET /v1/clients/c", `{"id":"c","name":"Shop","type":"confidential","token_endpoint_auth":"secret","grants":["authorization_code"],`+
				`"redirect_uris":["https://shop.example.com/"],"scopes":["openid"],"first_party":true,"version":3}`)
			f.answer("GET /v1/identity-providers/i", `{"id":"i","name":"Login","client_id":"c","scopes":["openid"],"groups_claim":"roles","just_in_time":true,"api_audience":"y",`+
				`"mapping":[{"group":"g","roles":["viewer"]}],"version":3}`)
			args := strings.Fields(tc.args)
			tansu(t, f.URL, append(args, "--tenant", "acme")...).wantOK(t)
			r, body := f.last()
			target := r.URL.EscapedPath()
			if r.URL.RawQuery != "" {
				target += "?" + r.URL.RawQuery
			}
			require.Equal(t, tc.request, r.Method+" "+target)
			require.Equal(t, "acme", r.Header.Get("X-Tenant-Id"))
			require.Equal(t, r.Method == http.MethodGet, r.Header.Get("Idempotency-Key") == "")
			if tc.body != "" {
				require.JSONEq(t, tc.body, body)
			}
			if r.Method == http.MethodPut && args[1] == "update" {
				require.Equal(t, `"3"`, r.Header.Get("If-Match"), "nothing that others changed meanwhile is undone")
			}
		})
	}
}

func TestIdentityMistakesAreCaughtBeforeTheyAreSent(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	for _, args := range []string{
		"members add u", "members set-roles u", "invites create a@b.c", "roles create support", "keys create ci",
		"keys create ci --permission a.b --expires-in -1h", "service-accounts create x", "service-accounts disable a",
		"users disable u", "users erase u", "clients disable c", "clients create x --jwks {",
		"idp add x --issuer https://login.example.com --client-id c --secret plain", "idp add x --secret @/dev/null",
		"idp add x --issuer https://login.example.com --client-id c --secret @/dev/null --group viewer", "idp disable i", "idp set-secret i",
	} {
		require.Equal(t, exitUsage, tansu(t, f.URL, strings.Fields(args)...).code, args)
	}
	require.Empty(t, f.seen)
}

func TestSecretsAreShownOnce(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	key := `{"id":"k","name":"ci","permissions":["events.read"],"hint":"x7Qa","status":"active","version":1,"created_at":"2026-01-31T12:00:00Z"}`
	f.answer("POST /v1/api-keys", strings.TrimSuffix(key, "}")+`,"key":"tsk_full"}`)
	f.answer("GET /v1/api-keys", `{"items":[`+key+`]}`)
	f.answer("GET /v1/api-keys/k", key)
	f.answer("POST /v1/service-accounts", `{"id":"a","client_id":"tsa_1","client_secret":"tss_1","name":"Billing","roles":["viewer"],"status":"enabled"}`)
	f.answer("POST /v1/clients", `{"id":"c","client_secret":"tss_2","name":"Shop","type":"confidential","status":"enabled"}`)

	r := tansu(t, f.URL, "keys", "create", "ci", "--permission", "events.read", "--expires-in", "24h").wantOK(t)
	require.Contains(t, r.stdout, "tsk_full")
	require.Contains(t, r.stderr, "not shown again")
	_, body := f.last()
	require.Regexp(t, `"expires_at":"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ"`, body)
	require.NotContains(t, tansu(t, f.URL, "keys", "show", "k").wantOK(t).stdout, "tsk_full")
	golden(t, "keys_list_table", tansu(t, f.URL, "keys", "list").wantOK(t).stdout)
	golden(t, "service_accounts_create_table", tansu(t, f.URL, "service-accounts", "create", "Billing", "--role", "viewer").wantOK(t).stdout)
	require.Contains(t, tansu(t, f.URL, "clients", "create", "Shop").wantOK(t).stdout, "tss_2")
}

func TestAnInviteThatWasNotSentSaysSo(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.answer("POST /v1/invites", `{"id":"i","email":"ada@example.com","roles":["admin"],"status":"open","sent":false}`)
	require.Contains(t, tansu(t, f.URL, "invites", "create", "ada@example.com", "--role", "admin").wantOK(t).stdout, "tansu invites resend i")
}
