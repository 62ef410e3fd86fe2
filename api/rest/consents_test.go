package rest_test

import (
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

func TestPeopleSeeAndWithdrawWhatTheyLetIn(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	id := r.tenant("acme")
	ada, eve := r.person("ada", "acme", "viewer"), r.person("eve", "acme", "owner")
	shop := r.letIn(ada, "acme")
	client := strings.Split(shop, "/")[3]
	list := r.send("GET", "/v1/consents", "", ada.auth).ok(200)["items"]
	require.Equal(t, []any{map[string]any{
		"client_id": client, "client": "Shop", "tenant": map[string]any{"id": id, "slug": "acme", "name": "Tenant acme", "status": "active"},
		"scopes": []any{"openid"}, "sites": []any{"https://shop.example.com"}, "devices": false, "granted_at": "2026-01-02T03:04:05Z",
	}}, list)
	require.Empty(t, r.send("GET", "/v1/consents", "", eve.auth).ok(200)["items"])
	require.Empty(t, r.send("GET", "/v1/consents", "").ok(200)["items"], "programs let nobody in")

	r.send("DELETE", shop, "", eve.auth).problem(404, "consent.not_found") // another's
	r.send("DELETE", shop, "").problem(404, "consent.not_found")
	for _, other := range []string{"/v1/consents/" + client + "/x", "/v1/consents/x/" + id, "/v1/consents/" + client + "/" + uuid.NewString()} {
		r.send("DELETE", other, "", ada.auth).problem(404, "consent.not_found")
	}
	require.Equal(t, 204, r.send("DELETE", shop, "", ada.auth).Code)
	require.Equal(t, "user:"+ada.user.String(), r.vault.withdrawnBy.Actor)
	require.NotEmpty(t, r.vault.withdrawnBy.CorrelationID)
	r.send("DELETE", shop, "", ada.auth).problem(404, "consent.not_found")
	require.Empty(t, r.send("GET", "/v1/consents", "", ada.auth).ok(200)["items"])

	idp := r.send("POST", "/v1/identity-providers", providerBody, "X-Tenant-Id: acme").ok(201)["id"].(string)
	confined := r.signInBy(ada.user, "acme", idp)
	shop = r.letIn(ada, "acme")
	r.send("GET", "/v1/consents", "", confined.auth).problem(403, "session.confined")
	r.send("DELETE", shop, "", confined.auth).problem(403, "session.confined")
	require.Len(t, r.send("GET", "/v1/consents", "", ada.auth).ok(200)["items"], 1)
}
