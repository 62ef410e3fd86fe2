package rest_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tansu.cloud/commands"
	"tansu.cloud/eventstore"
)

var runner = commands.Caller{Actor: "projections", Permissions: func(string) bool { return true }}

// project switches a projection on, as the runner does.
func (r *rig) project(name string) {
	r.t.Helper()
	_, err := r.deps.Commands.SwitchProjection(context.Background(), commands.Request[commands.SwitchProjection]{
		Tenant: eventstore.SystemTenant, Stream: name, Caller: runner, Expected: eventstore.AnyVersion,
		Command: commands.SwitchProjection{Generation: 1, Version: 1},
	})
	require.NoError(r.t, err)
}

// park sets a stream aside, as the runner does.
func (r *rig) park(projection, stream string) string {
	r.t.Helper()
	id := uuid.Must(uuid.NewV7()).String()
	_, err := r.deps.Commands.ParkStream(context.Background(), commands.Request[commands.ParkStream]{
		Tenant: eventstore.SystemTenant, Stream: projection, Caller: runner, Expected: eventstore.AnyVersion,
		Command: commands.ParkStream{
			DeadLetterID: id, Generation: 1, TenantID: eventstore.SystemTenant.String(), StreamType: "tenant", StreamID: stream,
			Position: 1, Version: 1, EventID: uuid.NewString(), EventType: "tenant.created", Error: "value too long", Attempts: 5,
		},
	})
	require.NoError(r.t, err)
	return id
}

func TestProjectionCommands(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.project("tenant_directory")
	require.Equal(t, "tenant_directory", r.send("GET", "/v1/projections", "").ok(200)["items"].([]any)[0].(map[string]any)["name"])

	for _, c := range []struct {
		action, body string
		status       int
		code         string
		event        string
		check        map[string]any
	}{
		{action: "resume", status: 200, check: map[string]any{"paused": false}},
		{action: "pause", body: `{"reason":"maintenance"}`, status: 200, event: "projection.paused", check: map[string]any{"paused": true}},
		{action: "resume", body: `{}`, status: 200, event: "projection.resumed", check: map[string]any{"paused": false}},
		{action: "rebuild/cancel", status: 409, code: "projection.no_rebuild"},
		{action: "rebuild", body: `{"reason":"try"}`, status: 200, event: "projection.rebuild_started",
			check: map[string]any{"building": map[string]any{"generation": 2.0, "version": 1.0}}},
		{action: "rebuild", status: 409, code: "projection.rebuild_running"},
		{action: "rebuild/cancel", status: 200, event: "projection.rebuild_cancelled", check: map[string]any{"active": map[string]any{"generation": 1.0, "version": 1.0}}},
		{action: "rebuild", body: `{"reason":7}`, status: 422, code: "validation_failed"},
	} {
		before := r.position()
		a := r.send("POST", "/v1/projections/tenant_directory/"+c.action, c.body)
		events := []string{}
		if c.code != "" {
			a.problem(c.status, c.code)
		} else {
			body := a.ok(c.status)
			require.Equal(t, fmt.Sprintf(`"%v"`, body["version"]), a.Header().Get("ETag"))
			for field, value := range c.check {
				require.Equal(t, value, body[field], c.action)
			}
			if c.event != "" {
				events = append(events, c.event)
			}
		}
		require.Equal(t, events, r.events(before), c.action)
	}
	r.send("POST", "/v1/projections/nothing/pause", "").problem(404, "projection.not_found")
	r.send("POST", "/v1/projections/tenant_directory/pause", "", `If-Match: "1"`).problem(412, "precondition_failed")
}

func TestDeadLetters(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.project("tenant_directory")
	var ids []any
	for i := range 5 {
		ids = append(ids, r.park("tenant_directory", fmt.Sprintf("t-%d", i)))
	}
	require.Equal(t, ids, r.walk("/v1/dead-letters?limit=2", "id"))
	require.Equal(t, ids, r.walk("/v1/dead-letters?projection=tenant_directory&status=parked", "id"))
	require.Empty(t, r.walk("/v1/dead-letters?projection=other", "id"))

	first := "/v1/dead-letters/" + ids[0].(string)
	letter := r.send("GET", first, "").ok(200)
	require.Equal(t, "t-0", letter["stream_id"])
	require.Equal(t, "value too long", letter["error"])
	r.send("GET", "/v1/dead-letters/"+uuid.NewString(), "").problem(404, "dead_letter.not_found")
	r.send("GET", "/v1/dead-letters/nonsense", "").problem(404, "dead_letter.not_found")

	before := r.position()
	redriven := r.send("POST", first+"/redrive", "", "Idempotency-Key: k").ok(200)
	require.Equal(t, map[string]any{"id": ids[0], "projection": "tenant_directory", "status": "redriving"}, redriven)
	require.Equal(t, redriven, r.send("POST", first+"/redrive", "", "Idempotency-Key: k").ok(200))
	require.Equal(t, "redriving", r.send("GET", first, "").ok(200)["status"])
	r.send("POST", first+"/discard", `{"reason":"x"}`).problem(409, "dead_letter.redriving")

	second := "/v1/dead-letters/" + ids[1].(string)
	r.send("POST", second+"/discard", `{"reason":""}`).problem(422, "projection.command_invalid")
	r.send("POST", second+"/discard", "").problem(400, "malformed_json")
	require.Equal(t, "discarded", r.send("POST", second+"/discard", `{"reason":"test data"}`).ok(200)["status"])
	require.Equal(t, "test data", r.send("GET", second, "").ok(200)["reason"])
	r.send("POST", second+"/redrive", "").problem(404, "dead_letter.not_found")
	require.Equal(t, []string{"projection.redrive_requested", "projection.dead_letter_discarded"}, r.events(before))
}

func TestRedriveMany(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.project("tenant_directory")
	r.project("other")
	for i := range 5 {
		r.park("tenant_directory", fmt.Sprintf("t-%d", i))
	}
	r.park("other", "t-0")
	before := r.position()

	first := r.send("POST", "/v1/dead-letters/redrive", `{"projection":"tenant_directory","limit":3}`, "Idempotency-Key: k")
	require.Equal(t, map[string]any{"requested": 3.0, "more": true}, first.ok(200))
	require.Equal(t, fmt.Sprint(r.position()), first.Header().Get("Tansu-Position"))
	again := r.send("POST", "/v1/dead-letters/redrive", `{"limit":3,"projection":"tenant_directory"}`, "Idempotency-Key: k")
	require.Equal(t, first.json(), again.ok(200))
	require.Equal(t, "true", again.Header().Get("Idempotency-Replayed"))
	require.Equal(t, first.Header().Get("Tansu-Position"), again.Header().Get("Tansu-Position"))
	r.send("POST", "/v1/dead-letters/redrive", `{"limit":2}`, "Idempotency-Key: k").problem(422, "idempotency_key_reused")
	require.Len(t, r.events(before), 3)

	require.Equal(t, map[string]any{"requested": 3.0, "more": false}, r.send("POST", "/v1/dead-letters/redrive", "").ok(200))
	require.Equal(t, map[string]any{"requested": 0.0, "more": false}, r.send("POST", "/v1/dead-letters/redrive", "{}").ok(200))
	require.Equal(t, 202, r.send("POST", "/v1/dead-letters/redrive", "", "Prefer: respond-async").Code)
	require.Len(t, r.events(before), 6)
	r.send("POST", "/v1/dead-letters/redrive", `{"limit":201}`).problem(422, "validation_failed")
}
