package rest_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tansu.cloud/api/rest"
)

func quick(d *rest.Deps) { d.Config.WaitDefault = 20 * time.Millisecond }

func TestACommandDoesNotWaitForEver(t *testing.T) {
	t.Parallel()
	r := newRig(t, quick)
	r.models.hold()
	a := r.send("POST", "/v1/tenants", `{"slug":"acme","name":"A"}`)
	a.ok(201)
	require.Equal(t, "pending", a.Header().Get("Tansu-Read-Model"))
	require.Equal(t, "1", a.Header().Get("Tansu-Position"))
	require.Empty(t, a.Header().Get("Preference-Applied"))
	r.send("GET", "/v1/tenants/acme", "").problem(404, "tenant.not_found")
	r.models.release()
	r.send("GET", "/v1/tenants/acme", "").ok(200)
}

func TestRespondAsync(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.models.hold()
	a := r.send("POST", "/v1/tenants", `{"slug":"acme","name":"A"}`, "Prefer: respond-async, wait=10")
	a.ok(202)
	require.Equal(t, "respond-async", a.Header().Get("Preference-Applied"))
	require.Equal(t, "1", a.Header().Get("Tansu-Position"))
	require.Empty(t, a.Header().Get("Tansu-Read-Model"))
}

func TestPreferWait(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.models.hold()
	a := r.send("POST", "/v1/tenants", `{"slug":"acme","name":"A"}`, "Prefer: wait=0")
	a.ok(201)
	require.Equal(t, "wait=0", a.Header().Get("Preference-Applied"))
	require.Equal(t, "pending", a.Header().Get("Tansu-Read-Model"))
	r.models.release()
	a = r.send("PUT", "/v1/tenants/acme/name", `{"name":"B"}`, `Prefer: handling=strict, WAIT="99"; x=y`)
	a.ok(200)
	require.Equal(t, "wait=30", a.Header().Get("Preference-Applied"), "capped")
	require.Empty(t, a.Header().Get("Tansu-Read-Model"))
}

// TestMinPosition: a read waits for what the client has seen, and never
// answers with less.
func TestMinPosition(t *testing.T) {
	t.Parallel()
	r := newRig(t, quick)
	r.tenant("acme")
	r.models.hold()
	r.send("PUT", "/v1/tenants/acme/name", `{"name":"B"}`, "Prefer: respond-async").ok(202)

	require.Equal(t, "Tenant acme", r.send("GET", "/v1/tenants/acme", "", "Tansu-Min-Position: 1").ok(200)["name"])
	a := r.send("GET", "/v1/tenants/acme", "", "Tansu-Min-Position: 2")
	a.problem(503, "consistency_timeout")
	require.Equal(t, "1", a.Header().Get("Retry-After"))
	for _, target := range []string{"/v1/tenants", "/v1/dead-letters", "/v1/dead-letters/00000000-0000-0000-0000-000000000001"} {
		r.send("GET", target, "", "Tansu-Min-Position: 2", "Prefer: wait=0").problem(503, "consistency_timeout")
	}
	require.NotContains(t, r.logs.String(), `"level":"ERROR"`)

	answered := make(chan map[string]any)
	go func() {
		answered <- r.send("GET", "/v1/tenants/acme", "", "Tansu-Min-Position: 2", "Prefer: wait=10").json()
	}()
	r.models.release()
	require.Equal(t, "B", (<-answered)["name"])
}

// TestPositionsThatDoNotExist: nobody can have seen them.
func TestPositionsThatDoNotExist(t *testing.T) {
	t.Parallel()
	r := newRig(t, quick)
	r.tenant("acme")
	for _, target := range []string{"/v1/events", "/v1/events/1", "/v1/tenants", "/v1/tenants/acme", "/v1/dead-letters"} {
		r.send("GET", target, "", "Tansu-Min-Position: 1").ok(200)
		p := r.send("GET", target, "", "Tansu-Min-Position: 2", "Prefer: wait=30").problem(400, "header_invalid")
		require.Equal(t, []string{"/header/Tansu-Min-Position beyond_log"}, pointers(p))
	}
}
