package rest_test

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tansu.cloud/api/rest"
	"tansu.cloud/eventstore"
)

// walk follows next_cursor to the end and returns one field of all items.
func (r *rig) walk(target, field string, headers ...string) []any {
	r.t.Helper()
	all := []any{}
	next := target
	for range 100 {
		a := r.send("GET", next, "", headers...)
		page := a.ok(200)
		for _, item := range page["items"].([]any) {
			all = append(all, item.(map[string]any)[field])
		}
		cursor, more := page["next_cursor"].(string)
		if !more {
			return all
		}
		require.Contains(r.t, a.Header().Get("Link"), `rel="next"`)
		next = target + "&cursor=" + url.QueryEscape(cursor)
	}
	r.t.Fatal("the pages do not end")
	return nil
}

func numbers(n ...int) []any {
	all := []any{}
	for _, i := range n {
		all = append(all, float64(i))
	}
	return all
}

func TestListEvents(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	acme, other := r.tenant("acme"), r.tenant("other")
	for i := range 3 {
		r.send("PUT", "/v1/tenants/acme/name", fmt.Sprintf(`{"name":"N%d"}`, i)).ok(200)
	}
	for query, positions := range map[string][]any{
		"limit=2":                             numbers(1, 2, 3, 4, 5),
		"limit=5":                             numbers(1, 2, 3, 4, 5),
		"limit=2&order=desc":                  numbers(5, 4, 3, 2, 1),
		"limit=2&after=3":                     numbers(4, 5),
		"limit=2&before=4":                    numbers(1, 2, 3),
		"limit=1&after=1&before=4":            numbers(2, 3),
		"limit=1&after=1&before=5&order=desc": numbers(4, 3, 2),
		"after=5":                             numbers(),
		"after=4&before=4":                    numbers(),
		"limit=1&type=tenant.renamed":         numbers(3, 4, 5),
		"type=tenant.created,tenant.renamed&limit=4": numbers(1, 2, 3, 4, 5),
		"stream_type=tenant&stream_id=" + other:      numbers(2),
		"stream_id=" + acme + "&order=desc&limit=2":  numbers(5, 4, 3, 1),
		"actor=operator&limit=3":                     numbers(1, 2, 3, 4, 5),
		"actor=nobody":                               numbers(),
		"stream_type=projection":                     numbers(),
	} {
		require.Equal(t, positions, r.walk("/v1/events?"+query, "position"), query)
	}
	require.Equal(t, "5", r.send("GET", "/v1/events?limit=1", "").Header().Get("Tansu-Position"))

	event := r.send("GET", "/v1/events/3", "")
	body := event.ok(200)
	require.Equal(t, []string{"data", "event_id", "hash", "metadata", "position", "recorded_at", "schema_version", "stream_id", "stream_type", "type", "version"}, sortedKeysOf(body))
	require.Equal(t, acme, body["stream_id"])
	require.EqualValues(t, 2, body["version"])
	require.Equal(t, "N0", body["data"].(map[string]any)["name"])
	require.Equal(t, `"`+body["hash"].(string)+`"`, event.Header().Get("ETag"))
	r.send("GET", "/v1/events/6", "").problem(404, "not_found")
}

func TestStreams(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	id := r.tenant("acme")
	created := time.Now()
	for _, name := range []string{"B", "C"} {
		r.send("PUT", "/v1/tenants/acme/name", `{"name":"`+name+`"}`).ok(200)
	}
	base := "/v1/streams/tenant/" + id
	require.Equal(t, numbers(1, 2, 3), r.walk(base+"/events?limit=1", "version"))
	require.Equal(t, numbers(3, 2, 1), r.walk(base+"/events?limit=2&order=desc", "version"))
	require.Equal(t, numbers(2), r.walk(base+"/events?after=1&before=3", "version"))
	require.Equal(t, numbers(), r.walk(base+"/events?after=3", "version"))
	r.send("GET", "/v1/streams/tenant/nobody/events", "").problem(404, "not_found")

	state := func(query string) map[string]any { return r.send("GET", base+"/state"+query, "").ok(200) }
	require.Equal(t, "C", state("")["state"].(map[string]any)["name"])
	require.Equal(t, "B", state("?version=2")["state"].(map[string]any)["name"])
	require.EqualValues(t, 2, state("?version=2")["version"])
	require.Equal(t, "C", state("?at=" + url.QueryEscape(time.Now().Format(time.RFC3339Nano)))["state"].(map[string]any)["name"])
	require.Equal(t, 304, r.send("GET", base+"/state?version=2", "", `If-None-Match: "2"`).Code)
	r.send("GET", base+"/state?version=4", "").problem(404, "stream.version_not_found")
	r.send("GET", base+"/state?at="+url.QueryEscape(created.Add(-time.Hour).Format(time.RFC3339)), "").problem(404, "stream.not_found")
	r.send("GET", base+"/state?version=1&at=2026-01-31T12:00:00Z", "").problem(422, "stream.moment_invalid")
	r.send("GET", "/v1/streams/unheard-of/x/state", "").problem(404, "stream.not_found")

	diff := r.send("GET", base+"/diff?from=1&to=3", "").ok(200)
	require.EqualValues(t, 1, diff["from"].(map[string]any)["version"])
	require.EqualValues(t, 3, diff["to"].(map[string]any)["version"])
	patched := false
	for _, op := range diff["patch"].([]any) {
		op := op.(map[string]any)
		patched = patched || op["path"] == "/name" && op["value"] == "C"
	}
	require.True(t, patched, diff["patch"])
	require.Empty(t, r.send("GET", base+"/diff?from=2&to=2", "").ok(200)["patch"])
	require.Equal(t, []string{"/query/from required"}, pointers(r.send("GET", base+"/diff", "").problem(422, "validation_failed")))
}

// otherLog appends to a tenant's own log.
func (r *rig) otherLog(tenant string) {
	r.t.Helper()
	_, err := r.store.Append(context.Background(), eventstore.Append{
		TenantID: uuid.MustParse(tenant),
		Writes: []eventstore.StreamWrite{{Stream: eventstore.Stream{Type: "subject", ID: "s/1"}, Expected: eventstore.AnyVersion, Events: []eventstore.NewEvent{
			{ID: uuid.Must(uuid.NewV7()), Type: "subject.erased", SchemaVersion: 1, Data: json.RawMessage(`{"subject":"s/1","reason":"asked"}`)},
		}}},
	})
	require.NoError(r.t, err)
}

func TestWhichTenant(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(d *rest.Deps) { d.Config.Domain = "tansu.example" })
	acme, other := r.tenant("acme"), r.tenant("other")
	r.otherLog(acme)
	r.tenant("shut")
	r.send("POST", "/v1/tenants/shut/suspend", `{"reason":"test"}`).ok(200)
	r.tenant("gone")
	r.send("POST", "/v1/tenants/gone/archive", `{"reason":"test"}`).ok(200)

	for _, c := range []struct {
		headers []string
		status  int
		code    string
		events  int
	}{
		{nil, 200, "", 6},
		{[]string{"X-Tenant-Id: system"}, 200, "", 6},
		{[]string{"X-Tenant-Id: " + uuid.Nil.String()}, 200, "", 6},
		{[]string{"X-Tenant-Id: " + acme}, 200, "", 1},
		{[]string{"X-Tenant-Id: acme"}, 200, "", 1},
		{[]string{"Host: acme.tansu.example"}, 200, "", 1},
		{[]string{"Host: ACME.tansu.example:8080"}, 200, "", 1},
		{[]string{"Host: acme.tansu.example.", "X-Tenant-Id: " + acme}, 200, "", 1},
		{[]string{"X-Tenant-Id: " + other}, 200, "", 0},
		{[]string{"Host: tansu.example"}, 200, "", 6},
		{[]string{"Host: api.tansu.example"}, 200, "", 6},
		{[]string{"Host: acme.elsewhere.example"}, 200, "", 6},
		{[]string{"Host: acme.tansu.example", "X-Tenant-Id: other"}, 400, "header_invalid", 0},
		{[]string{"Host: acme.tansu.example", "X-Tenant-Id: system"}, 400, "header_invalid", 0},
		{[]string{"Host: nobody.tansu.example"}, 404, "tenant_not_found", 0},
		{[]string{"Host: a.b.tansu.example"}, 404, "tenant_not_found", 0},
		{[]string{"X-Tenant-Id: nobody"}, 404, "tenant_not_found", 0},
		{[]string{"X-Tenant-Id: ../../etc"}, 404, "tenant_not_found", 0},
		{[]string{"X-Tenant-Id: shut"}, 403, "tenant_suspended", 0},
		{[]string{"X-Tenant-Id: gone"}, 403, "tenant_archived", 0},
		{[]string{"Host: shut.tansu.example"}, 403, "tenant_suspended", 0},
	} {
		a := r.send("GET", "/v1/events", "", c.headers...)
		if c.code != "" {
			a.problem(c.status, c.code)
			continue
		}
		require.Len(t, a.ok(c.status)["items"], c.events, c.headers)
	}
	require.Len(t, r.send("GET", "/v1/streams/subject/s%2F1/events", "", "X-Tenant-Id: acme").ok(200)["items"], 1, "ids may hold slashes")
	r.send("GET", "/v1/streams/subject/s%2F1/events", "", "X-Tenant-Id: other").problem(404, "not_found")
	cursor := r.send("GET", "/v1/events?limit=1", "").ok(200)["next_cursor"].(string)
	r.send("GET", "/v1/events?limit=1&cursor="+cursor, "", "X-Tenant-Id: acme").problem(400, "cursor_invalid")
}

func TestEventHashIsTheChains(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.tenant("acme")
	head, err := r.store.Head(context.Background(), eventstore.SystemTenant)
	require.NoError(t, err)
	require.Equal(t, hex.EncodeToString(head.Hash[:]), r.send("GET", "/v1/events/1", "").ok(200)["hash"])
	require.False(t, strings.Contains(r.logs.String(), `"level":"ERROR"`))
}
