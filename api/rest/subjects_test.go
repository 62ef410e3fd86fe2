package rest_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEraseSubject(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	id := r.tenant("acme")
	before := r.position()

	a := r.send("POST", "/v1/subjects/user-4711/erase", `{"reason":"asked for it"}`, "X-Tenant-Id: "+id)
	require.Equal(t, map[string]any{"id": "user-4711", "erased": true, "version": 1.0}, a.ok(200))
	require.Equal(t, `"1"`, a.Header().Get("ETag"))
	require.Empty(t, r.events(before), "the event stands in the tenant's log, not in the system tenant's")
	events := r.send("GET", "/v1/streams/subject/user-4711/events", "", "X-Tenant-Id: "+id).ok(200)["items"].([]any)
	require.Len(t, events, 1)
	require.Equal(t, "subject.erased", events[0].(map[string]any)["type"])

	require.Equal(t, 1.0, r.send("POST", "/v1/subjects/user-4711/erase", "", "X-Tenant-Id: "+id).ok(200)["version"], "erased is erased")
	r.send("POST", "/v1/subjects/user-4711/erase", "", "X-Tenant-Id: "+id, `If-Match: "7"`).problem(412, "precondition_failed")
	r.send("POST", "/v1/subjects/user-4711/erase", `{"reason":7}`, "X-Tenant-Id: "+id).problem(422, "validation_failed")
	r.send("POST", "/v1/subjects/user-4711/erase", "", "X-Tenant-Id: nobody").problem(404, "tenant_not_found")
	require.Equal(t, true, r.send("GET", "/v1/audit/verify", "", "X-Tenant-Id: "+id).ok(200)["ok"])
}
