package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestCommandsSendWhatTheAPIDocuments is a table of command lines and the
// requests that they lead to.
func TestCommandsSendWhatTheAPIDocuments(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "settings.json")
	require.NoError(t, os.WriteFile(file, []byte(`{"plan": "pro"}`), 0o600))
	for _, tc := range []struct {
		args    []string
		stdin   string
		request string // method, path and query
		body    string
	}{
		{args: []string{"tenants", "create", "acme", "--name", "Acme", "--settings", `{"a":1}`},
			request: "POST /v1/tenants", body: `{"slug":"acme","name":"Acme","settings":{"a":1}}`},
		{args: []string{"tenants", "create", "acme", "--name", "Acme", "--admin-email", "ada@example.com", "--quota", "members=25"},
			request: "POST /v1/tenants", body: `{"slug":"acme","name":"Acme","admin_email":"ada@example.com","quotas":{"members":25}}`},
		{args: []string{"tenants", "set-quotas", "acme", "--quota", "members=25,webhooks=10"},
			request: "PUT /v1/tenants/acme/quotas", body: `{"quotas":{"members":25,"webhooks":10}}`},
		{args: []string{"tenants", "rename", "acme", "New Name"}, request: "PUT /v1/tenants/acme/name", body: `{"name":"New Name"}`},
		{args: []string{"tenants", "set-settings", "acme", "@" + file}, request: "PUT /v1/tenants/acme/settings", body: `{"settings":{"plan":"pro"}}`},
		{args: []string{"tenants", "set-settings", "acme", "-"}, stdin: "{}", request: "PUT /v1/tenants/acme/settings", body: `{"settings":{}}`},
		{args: []string{"tenants", "suspend", "acme", "--reason", "late"}, request: "POST /v1/tenants/acme/suspend", body: `{"reason":"late"}`},
		{args: []string{"tenants", "reactivate", "acme"}, request: "POST /v1/tenants/acme/reactivate", body: `{}`},
		{args: []string{"tenants", "archive", "a/../b", "--reason", "gone"}, request: "POST /v1/tenants/a%2F..%2Fb/archive", body: `{"reason":"gone"}`},
		{args: []string{"tenants", "list", "--status", "active", "--name", "Ac me", "--sort", "-name", "--limit", "7"},
			request: "GET /v1/tenants?limit=7&name=Ac+me&sort=-name&status=active"},
		{args: []string{"events", "list", "--after", "9", "--type", "a.b,c.d", "--stream-type", "tenant", "--stream-id", "x", "--actor", "operator"},
			request: "GET /v1/events?actor=operator&after=9&limit=50&order=asc&stream_id=x&stream_type=tenant&type=a.b%2Cc.d"},
		{args: []string{"events", "list", "--after", "9", "--order", "desc"}, request: "GET /v1/events?before=9&limit=50&order=desc"},
		{args: []string{"events", "show", "17"}, request: "GET /v1/events/17"},
		{args: []string{"streams", "list", "tenant/a/b", "--after", "2"}, request: "GET /v1/streams/tenant/a%2Fb/events?after=2&limit=50&order=asc"},
		{args: []string{"streams", "show", "tenant/a", "--at", "3"}, request: "GET /v1/streams/tenant/a/state?version=3"},
		{args: []string{"streams", "show", "tenant/a", "--at", "2026-01-31T13:00:00+01:00"},
			request: "GET /v1/streams/tenant/a/state?at=2026-01-31T12%3A00%3A00Z"},
		{args: []string{"streams", "diff", "tenant/a", "--from", "1", "--to", "4"}, request: "GET /v1/streams/tenant/a/diff?from=1&to=4"},
		{args: []string{"dead-letters", "list", "--projection", "p", "--status", "parked"}, request: "GET /v1/dead-letters?limit=50&projection=p&status=parked"},
		{args: []string{"dead-letters", "show", "d1"}, request: "GET /v1/dead-letters/d1"},
		{args: []string{"dead-letters", "redrive", "d1"}, request: "POST /v1/dead-letters/d1/redrive", body: `{}`},
		{args: []string{"dead-letters", "discard", "d1", "--reason", "x"}, request: "POST /v1/dead-letters/d1/discard", body: `{"reason":"x"}`},
		{args: []string{"jobs", "list", "--state", "dead", "--kind", "webhook.deliver"}, request: "GET /v1/jobs?kind=webhook.deliver&limit=50&state=dead"},
		{args: []string{"jobs", "get", "j1"}, request: "GET /v1/jobs/j1"},
		{args: []string{"jobs", "redrive", "j1"}, request: "POST /v1/jobs/j1/redrive", body: `{}`},
		{args: []string{"jobs", "discard", "j1", "--reason", "x"}, request: "POST /v1/jobs/j1/discard", body: `{"reason":"x"}`},
		{args: []string{"audit", "verify"}, request: "GET /v1/audit/verify"},
		{args: []string{"api", "get", "/v1/x%2Fy?b=2&a=1"}, request: "GET /v1/x%2Fy?a=1&b=2"},
		{args: []string{"api", "POST", "/v1/x", "--data", `{"a": 1}`}, request: "POST /v1/x", body: `{"a":1}`},
	} {
		t.Run(strings.Join(tc.args, " "), func(t *testing.T) {
			t.Parallel()
			f := newFake(t)
			f.answer("/", `{"ok":true,"items":[]}`)
			var stdout, stderr lockedBuffer
			args := append([]string{"--tenant", "acme"}, tc.args[1:]...)
			code := tansuIO(t.Context(), f.URL, &stdout, &stderr, tc.stdin, append(tc.args[:1:1], args...)...)
			require.Zero(t, code, stderr.String())
			r, body := f.last()
			target := r.URL.EscapedPath()
			if r.URL.RawQuery != "" {
				target += "?" + r.URL.RawQuery
			}
			require.Equal(t, tc.request, r.Method+" "+target)
			require.Equal(t, "acme", r.Header.Get("X-Tenant-Id"))
			if r.Method == http.MethodGet {
				require.Empty(t, r.Header.Get("Idempotency-Key"))
				return
			}
			require.JSONEq(t, tc.body, body)
			require.Len(t, r.Header.Get("Idempotency-Key"), 36)
			require.Equal(t, "application/json", r.Header.Get("Content-Type"))
		})
	}
}

func TestResumingNeedsNoBody(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.answer("/", `{"id":"x"}`)
	tansu(t, f.URL, "tenants", "resume-provisioning", "acme", "--if-version", "4").wantOK(t)
	r, body := f.last()
	require.Equal(t, "POST /v1/tenants/acme/resume-provisioning", r.Method+" "+r.URL.Path)
	require.Equal(t, `"4"`, r.Header.Get("If-Match"))
	require.Empty(t, body)
}

func TestWriteFlags(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.answer("PUT /v1/tenants/acme/name", acme)
	out := tansu(t, f.URL, "tenants", "rename", "acme", "A", "--if-version", "3", "--idempotency-key", "k1", "-o", "jsonl").wantOK(t)
	r, _ := f.last()
	require.Equal(t, `"3"`, r.Header.Get("If-Match"))
	require.Equal(t, "k1", r.Header.Get("Idempotency-Key"))
	require.Equal(t, acme+"\n", out.stdout)
}

func TestTokenSources(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	file := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(file, []byte(testToken+"\n"), 0o600))
	require.Equal(t, exitAuth, tansu(t, f.URL, "events", "list", "--token", "wrong").code)
	tansu(t, f.URL, "events", "list", "--token-file", file).wantOK(t)
	tansu(t, f.URL, "events", "list").wantOK(t)
}

func TestStreamsDiff(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.answer("GET /v1/streams/tenant/a/diff", `{"from":{"version":1},"to":{"version":3},"patch":[`+
		`{"op":"replace","path":"/name","value":"New"},{"op":"move","from":"/a","path":"/b"},{"op":"add","path":"/s","value":{"x": 1}}]}`)
	r := tansu(t, f.URL, "streams", "diff", "tenant/a", "--from", "1").wantOK(t)
	golden(t, "streams_diff_table", r.stdout)
	require.Contains(t, tansu(t, f.URL, "streams", "diff", "tenant/a", "--from", "1", "-o", "json").wantOK(t).stdout, `"from": {`)
}

func TestProjections(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	steps := []string{
		`{"name":"p","version":1,"generation":1,"state":"live","lag_events":0,"lag_seconds":0,"parked":0}`,
		`{"name":"p","version":1,"generation":1,"state":"live","lag_events":0,"lag_seconds":0,"parked":0}`,
		`{"name":"p","version":1,"generation":1,"state":"live","lag_events":5,"lag_seconds":0.25,"parked":1,` +
			`"rebuild":{"generation":2,"version":1,"done":10,"total":40,"rate":20,"eta_seconds":1.5}}`,
		`{"name":"p","version":1,"generation":2,"state":"live","lag_events":0,"lag_seconds":0,"parked":0}`,
	}
	var polls atomic.Int64
	f.mux.HandleFunc("GET /v1/projections", func(w http.ResponseWriter, _ *http.Request) {
		step := min(int(polls.Add(1)), len(steps)) - 1
		fmt.Fprintf(w, `{"items":[{"name":"other","state":"live"},%s]}`, steps[step])
	})
	f.answer("POST /v1/projections/p/rebuild", `{"name":"p"}`)
	f.answer("POST /v1/projections/p/pause", `{"name":"p","paused":true}`)

	r := tansu(t, f.URL, "projections", "rebuild", "p", "--wait", "--reason", "new column", "-o", "jsonl").wantOK(t)
	require.Equal(t, steps[3]+"\n", r.stdout)
	require.Empty(t, r.stderr, "no progress bar without a terminal")
	require.EqualValues(t, 5, polls.Load())

	polls.Store(2)
	golden(t, "projections_list_table", tansu(t, f.URL, "projections", "list").wantOK(t).stdout)

	r = tansu(t, f.URL, "projections", "pause", "unknown")
	require.Equal(t, exitNotFound, r.code)
	tansu(t, f.URL, "projections", "pause", "p", "--reason", "x").wantOK(t)
}

func TestRebuildThatIsCancelledFails(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	var polls atomic.Int64
	f.mux.HandleFunc("GET /v1/projections", func(w http.ResponseWriter, _ *http.Request) {
		rebuild := ""
		if polls.Add(1) == 2 {
			rebuild = `,"rebuild":{"generation":2}`
		}
		fmt.Fprintf(w, `{"items":[{"name":"p","generation":1%s}]}`, rebuild)
	})
	f.answer("POST /v1/projections/p/rebuild", `{}`)
	r := tansu(t, f.URL, "projections", "rebuild", "p", "--wait")
	require.Equal(t, exitError, r.code)
	require.Contains(t, r.stderr, "ended without a switch")
}

func TestRedriveAllStopsAlthoughEverythingFailsAgain(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	letters := strings.TrimSuffix(strings.Repeat(`{"id":"d"},`, 150), ",")
	f.mux.HandleFunc("GET /v1/dead-letters", func(w http.ResponseWriter, r *http.Request) {
		next := `,"next_cursor":"c1"`
		if r.URL.Query().Get("cursor") != "" {
			next = ""
		}
		fmt.Fprintf(w, `{"items":[%s]%s}`, letters, next)
	})
	f.mux.HandleFunc("POST /v1/dead-letters/redrive", func(w http.ResponseWriter, r *http.Request) {
		_, body := f.last()
		if strings.Contains(body, `"limit":200`) {
			fmt.Fprint(w, `{"requested":200,"more":true}`)
			return
		}
		fmt.Fprint(w, `{"requested":100,"more":true}`)
	})
	r := tansu(t, f.URL, "dead-letters", "redrive", "--all", "--projection", "p", "-o", "jsonl").wantOK(t)
	require.Equal(t, `{"requested":300,"more":true}`+"\n", r.stdout)
	_, body := f.last()
	require.JSONEq(t, `{"projection":"p","limit":100}`, body)
}

func TestRedriveOfAllJobsTakesEachDeathOnce(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.answer("GET /v1/jobs", `{"items":[{"id":"a","finished_at":"2026-01-31T12:00:00.000002Z"},{"id":"b","finished_at":"2026-01-31T12:00:00.000001Z"}]}`)
	calls := 0
	f.mux.HandleFunc("POST /v1/jobs/redrive", func(w http.ResponseWriter, _ *http.Request) {
		calls++
		fmt.Fprintf(w, `{"requested":1,"more":%t}`, calls == 1)
	})
	r := tansu(t, f.URL, "jobs", "redrive", "--all", "--kind", "k", "-o", "jsonl").wantOK(t)
	require.Equal(t, `{"requested":2,"more":false}`+"\n", r.stdout)
	_, body := f.last()
	require.JSONEq(t, `{"kind":"k","limit":200,"died_until":"2026-01-31T12:00:00.000002Z"}`, body)
}

func TestEveryCommandIsDocumented(t *testing.T) {
	t.Parallel()
	root := newTestRoot(os.Getenv)
	for _, noun := range root.Commands() {
		for _, cmd := range append(noun.Commands(), noun) {
			require.NotEmpty(t, cmd.Short, cmd.CommandPath())
			require.NotEmpty(t, cmd.Long, cmd.CommandPath())
			require.Contains(t, cmd.Example, "tansu ", cmd.CommandPath())
		}
	}
}
