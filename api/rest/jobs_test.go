package rest_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestJobsAreListed(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.tenant("acme")
	first, second := r.jobs.died("1"), r.jobs.died("2")
	page := r.send("GET", "/v1/jobs?limit=1", "").ok(http.StatusOK)
	require.Equal(t, second, page["items"].([]any)[0].(map[string]any)["id"])
	next := r.send("GET", "/v1/jobs?limit=1&cursor="+page["next_cursor"].(string), "").ok(http.StatusOK)
	one := next["items"].([]any)[0].(map[string]any)
	require.Equal(t, first, one["id"])
	require.NotContains(t, next, "next_cursor")
	require.Equal(t, []string{"attempts", "claims", "enqueued_at", "finished_at", "id", "key", "kind", "last_error", "run_at", "state"},
		sortedKeysOf(one), "and no payload")

	require.Empty(t, r.send("GET", "/v1/jobs?state=running", "").ok(http.StatusOK)["items"])
	require.Empty(t, r.send("GET", "/v1/jobs", "", "X-Tenant-Id: acme").ok(http.StatusOK)["items"], "another tenant has its own")
	r.send("GET", "/v1/jobs/"+first, "", "X-Tenant-Id: acme").problem(http.StatusNotFound, "job.not_found")
	r.send("GET", "/v1/jobs?limit=1&cursor="+page["next_cursor"].(string), "", "X-Tenant-Id: acme").problem(http.StatusBadRequest, "cursor_invalid")
	require.Equal(t, []string{"/query/state not_allowed"}, pointers(r.send("GET", "/v1/jobs?state=lost", "").problem(http.StatusUnprocessableEntity, "validation_failed")))
}

func TestJobsAreRedrivenOncePerDeath(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	id := r.jobs.died("1")
	before := r.position()
	order := r.send("POST", "/v1/jobs/"+id+"/redrive", "", "Idempotency-Key: k")
	require.Equal(t, map[string]any{"id": id, "kind": "mail", "key": "1", "order": "redrive"}, order.ok(http.StatusOK))
	require.Empty(t, order.Header().Get("Tansu-Read-Model"))
	again := r.send("POST", "/v1/jobs/"+id+"/redrive", "", "Idempotency-Key: k")
	again.ok(http.StatusOK)
	require.Equal(t, "true", again.Header().Get("Idempotency-Replayed"))
	r.send("POST", "/v1/jobs/"+id+"/redrive", "").ok(http.StatusOK) // it has not run since
	r.send("POST", "/v1/jobs/"+id+"/discard", `{"reason":"moved"}`).problem(http.StatusConflict, "job.not_dead")
	require.Equal(t, []string{"job.redriven"}, r.events(before))

	r.jobs.diesAgain(id)
	r.send("POST", "/v1/jobs/"+id+"/discard", `{"reason":" "}`).problem(http.StatusUnprocessableEntity, "job.command_invalid")
	r.send("POST", "/v1/jobs/"+id+"/discard", `{"reason":"moved"}`).ok(http.StatusOK)
	require.Equal(t, []string{"job.redriven", "job.discarded"}, r.events(before))
	require.Equal(t, "discarded", r.send("GET", "/v1/jobs/"+id, "").ok(http.StatusOK)["state"])
	r.send("POST", "/v1/jobs/"+id+"/redrive", "").problem(http.StatusConflict, "job.not_dead")
	r.send("POST", "/v1/jobs/nonsense/redrive", "").problem(http.StatusNotFound, "job.not_found")
}

func TestManyJobsAreRedrivenInOrder(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	first1 := r.jobs.died("1")
	r.jobs.died("2")
	r.jobs.died("3")
	before := r.position()
	first := r.send("POST", "/v1/jobs/redrive", `{"kind":"mail","limit":2}`, "Idempotency-Key: k")
	require.Equal(t, map[string]any{"requested": 2.0, "more": true}, first.ok(http.StatusOK))
	repeated := r.send("POST", "/v1/jobs/redrive", `{"kind":"mail","limit":2}`, "Idempotency-Key: k")
	require.Equal(t, map[string]any{"requested": 2.0, "more": true}, repeated.ok(http.StatusOK))
	require.Equal(t, "true", repeated.Header().Get("Idempotency-Replayed"))
	require.Equal(t, first.Header().Get("Tansu-Position"), repeated.Header().Get("Tansu-Position"))
	r.send("POST", "/v1/jobs/redrive", `{"limit":1}`, "Idempotency-Key: k").problem(http.StatusUnprocessableEntity, "idempotency_key_reused")
	until := time.Now().UTC().Format(time.RFC3339Nano)
	r.jobs.diesAgain(first1)
	require.Equal(t, map[string]any{"requested": 1.0, "more": false},
		r.send("POST", "/v1/jobs/redrive", `{"died_until":"`+until+`"}`).ok(http.StatusOK), "without the one that died again")
	require.Equal(t, map[string]any{"requested": 1.0, "more": false}, r.send("POST", "/v1/jobs/redrive", "").ok(http.StatusOK))
	require.Equal(t, map[string]any{"requested": 0.0, "more": false}, r.send("POST", "/v1/jobs/redrive", `{}`, "Prefer: respond-async").ok(http.StatusAccepted))
	require.Equal(t, []string{"job.redriven", "job.redriven", "job.redriven", "job.redriven"}, r.events(before))
	events := r.send("GET", "/v1/events?type=job.redriven", "").ok(http.StatusOK)["items"].([]any)
	for i, key := range []string{"1", "2", "3", "1"} {
		require.Equal(t, key, events[i].(map[string]any)["data"].(map[string]any)["key"])
	}
}
