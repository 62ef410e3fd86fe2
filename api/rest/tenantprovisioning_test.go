package rest_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"tansu.cloud/api/rest"
	"tansu.cloud/commands"
	"tansu.cloud/eventstore"
)

func provisioningRig(t *testing.T) *rig {
	t.Helper()
	return newRig(t, func(d *rest.Deps) { d.Config.Provision = true })
}

func byWorker[C any](id string, command C) commands.Request[C] {
	return commands.Request[C]{
		Tenant: eventstore.SystemTenant, Stream: id, Expected: eventstore.AnyVersion, Command: command,
		Caller: commands.Caller{Actor: "system:provisioning", Permissions: func(string) bool { return true }},
	}
}

func statuses(body map[string]any) (found []string) {
	for _, step := range body["provisioning"].(map[string]any)["steps"].([]any) {
		step := step.(map[string]any)
		found = append(found, step["name"].(string)+" "+step["status"].(string))
	}
	return found
}

func TestProvisioningIsVisible(t *testing.T) {
	t.Parallel()
	r := provisioningRig(t)
	created := r.send("POST", "/v1/tenants", `{"slug":"acme","name":"Acme","quotas":{"members":7}}`).ok(http.StatusCreated)
	id := created["id"].(string)
	require.Equal(t, "provisioning", created["status"])
	require.Equal(t, []string{"space pending", "quotas pending"}, statuses(created))
	r.send("GET", "/v1/events", "", "X-Tenant-Id: acme").ok(http.StatusOK)
	r.send("PUT", "/v1/tenants/acme/name", `{"name":"Acme Ltd"}`).ok(http.StatusOK)

	_, err := r.deps.Commands.FailProvisioning(t.Context(), byWorker(id, commands.FailProvisioning{Step: "space", Error: "no room"}))
	require.NoError(t, err)
	shown := r.send("GET", "/v1/tenants/acme", "").ok(http.StatusOK)
	require.Equal(t, "provisioning_failed", shown["status"])
	require.Equal(t, []string{"space failed", "quotas pending"}, statuses(shown))
	require.Contains(t, r.send("GET", "/v1/tenants/acme", "").Body.String(), "no room")

	resumed := r.send("POST", "/v1/tenants/acme/resume-provisioning", "").ok(http.StatusOK)
	require.Equal(t, "provisioning", resumed["status"])
	_, err = r.deps.Commands.CompleteProvisioningStep(t.Context(), byWorker(id, commands.CompleteProvisioningStep{Step: "space"}))
	require.NoError(t, err)
	shown = r.send("GET", "/v1/tenants/acme", "").ok(http.StatusOK)
	require.Equal(t, "active", shown["status"])
	require.Equal(t, []string{"space done", "quotas done"}, statuses(shown))
	require.EqualValues(t, 7, shown["quotas"].(map[string]any)["members"])
	r.send("POST", "/v1/tenants/acme/resume-provisioning", "").problem(http.StatusConflict, "tenant.provisioned")
}

// Who asks for time gets the tenant as it is then, and so does who has somebody
// invited.
func TestWhoWaitsSeesTheTenantProvisioned(t *testing.T) {
	t.Parallel()
	r := provisioningRig(t)
	for _, c := range []struct{ slug, body, header string }{
		{"one", `{"slug":"one","name":"One"}`, "Prefer: wait=20"},
		{"two", `{"slug":"two","name":"Two","admin_email":"ada@example.com"}`, "Prefer: wait=20"},
	} {
		done := make(chan error, 1)
		go func() { done <- r.prepare(t.Context(), c.slug) }()
		body := r.send("POST", "/v1/tenants", c.body, c.header).ok(http.StatusCreated)
		require.NoError(t, <-done)
		require.Equal(t, "active", body["status"])
		require.Equal(t, body["version"], r.send("GET", "/v1/tenants/"+c.slug, "").ok(http.StatusOK)["version"])
	}
	body := r.send("POST", "/v1/tenants", `{"slug":"three","name":"Three","admin_email":"ada@example.com"}`, "Prefer: respond-async").ok(http.StatusAccepted)
	require.Equal(t, "provisioning", body["status"])
	p := r.send("POST", "/v1/tenants", `{"slug":"four","name":"Four","admin_email":"ada","quotas":{}}`).problem(422, "tenant.admin_email_invalid")
	require.Equal(t, "/admin_email", p["errors"].([]any)[0].(map[string]any)["pointer"])
}

// prepare does what workers do to a tenant when it comes.
func (r *rig) prepare(ctx context.Context, slug string) error {
	for {
		r.models.mu.Lock()
		changed, id := r.models.changed, ""
		for _, row := range r.models.tenants {
			if row.Slug == slug {
				id = row.ID.String()
			}
		}
		r.models.mu.Unlock()
		if id == "" {
			<-changed
			continue
		}
		done, err := r.deps.Commands.CompleteProvisioningStep(ctx, byWorker(id, commands.CompleteProvisioningStep{Step: "space"}))
		if next := done.State.Provisioning.Next(); err == nil && next != "" {
			_, err = r.deps.Commands.CompleteProvisioningStep(ctx, byWorker(id, commands.CompleteProvisioningStep{Step: next}))
		}
		return err
	}
}

func TestQuotasAndTheirUse(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	id := r.tenant("acme")
	changed := r.send("PUT", "/v1/tenants/acme/quotas", `{"quotas":{"members":3}}`).ok(http.StatusOK)
	require.EqualValues(t, 3, changed["quotas"].(map[string]any)["members"])
	p := r.send("PUT", "/v1/tenants/acme/quotas", `{"quotas":{"members":-3}}`).problem(422, "tenant.quotas_invalid")
	require.Equal(t, []string{"/quotas/members out_of_range"}, pointers(p))
	current := r.send("GET", "/v1/tenants/current", "", "X-Tenant-Id: "+id).ok(http.StatusOK)
	require.Equal(t, id, current["id"])
	quotas := current["quotas"].([]any)
	require.Len(t, quotas, 10)
	require.Equal(t, map[string]any{"name": "members", "title": "Members", "limit": 3.0, "used": 0.0, "enforced": true}, quotas[0])
	require.NotContains(t, quotas[9], "used", "it is not counted")
	require.Equal(t, false, quotas[9].(map[string]any)["enforced"])
}
