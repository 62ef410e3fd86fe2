package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"
)

// fake speaks the documented wire contract for the commands under test and
// keeps the requests it got.
type fake struct {
	*httptest.Server
	mux *http.ServeMux

	mu     sync.Mutex
	events []string // JSON, by position
	seen   []*http.Request
	bodies []string
}

const testToken = "tok_test"

func newFake(t *testing.T) *fake {
	f := &fake{mux: http.NewServeMux()}
	f.mux.HandleFunc("GET /v1/events", f.listEvents)
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body bytes.Buffer
		_, _ = body.ReadFrom(r.Body)
		f.mu.Lock()
		f.seen, f.bodies = append(f.seen, r), append(f.bodies, body.String())
		f.mu.Unlock()
		if r.Header.Get("Authorization") != "Bearer "+testToken {
			problemJSON(w, http.StatusUnauthorized, "unauthorized", "Credentials are missing or wrong", "Send the operator token.")
			return
		}
		f.mux.ServeHTTP(w, r)
	}))
	t.Cleanup(f.Close)
	return f
}

// answer serves a fixed document.
func (f *fake) answer(pattern, body string) {
	f.mux.HandleFunc(pattern, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, body)
	})
}

// last returns the newest request and its body.
func (f *fake) last() (*http.Request, string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.seen[len(f.seen)-1], f.bodies[len(f.bodies)-1]
}

func (f *fake) appendEvents(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for range n {
		p := len(f.events) + 1
		f.events = append(f.events, fmt.Sprintf(`{"position":%d,"stream_type":"tenant","stream_id":"t%d","version":%d,"event_id":"e%d",`+
			`"type":"tenant.created","schema_version":1,"data":{"slug":"s%d"},"metadata":{"actor":"operator"},`+
			`"recorded_at":"2026-01-31T12:00:00Z","hash":"%064x"}`, p, p%2, (p+1)/2, p, p, p))
	}
}

func (f *fake) listEvents(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	q := r.URL.Query()
	after, _ := strconv.Atoi(q.Get("after"))
	if c := q.Get("cursor"); c != "" {
		after, _ = strconv.Atoi(strings.TrimPrefix(c, "c"))
	}
	limit, _ := strconv.Atoi(q.Get("limit"))
	if q.Get("order") == "desc" {
		fmt.Fprintf(w, `{"items":[%s]}`, strings.Join(f.events[max(0, len(f.events)-limit):], ","))
		return
	}
	end := min(len(f.events), after+limit)
	next := ""
	if end < len(f.events) {
		next = fmt.Sprintf(`,"next_cursor":"c%d"`, end)
	}
	fmt.Fprintf(w, `{"items":[%s]%s}`, strings.Join(f.events[min(after, end):end], ","), next)
}

func problemJSON(w http.ResponseWriter, status int, code, title, detail string, fields ...fieldError) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{
		"type": "https://tansu.cloud/problems/" + code, "title": title, "status": status, "detail": detail,
		"code": code, "traceId": "4bf92f3577b34da6a3ce929d0e0e4736", "errors": fields,
	})
}

// result is what an invocation left behind.
type result struct {
	stdout, stderr string
	code           int
}

// tansu runs the client commands against a server.
func tansu(t *testing.T, server string, args ...string) result {
	t.Helper()
	var stdout, stderr lockedBuffer
	code := tansuIO(t.Context(), server, &stdout, &stderr, "", args...)
	return result{stdout.String(), stderr.String(), code}
}

func tansuIO(ctx context.Context, server string, stdout, stderr *lockedBuffer, stdin string, args ...string) int {
	env := map[string]string{"TANSU_SERVER": server, "TANSU_TOKEN": testToken, "XDG_CONFIG_HOME": "/does/not/exist"}
	root := newTestRoot(func(name string) string { return env[name] })
	root.SetArgs(args)
	root.SetIn(strings.NewReader(stdin))
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	reportError(stderr, err)
	return exitCode(err)
}

func newTestRoot(getenv func(string) string) *cobra.Command {
	root := &cobra.Command{Use: "tansu", SilenceErrors: true, SilenceUsage: true}
	c := newCLI(getenv)
	c.poll = 5 * time.Millisecond
	c.addTo(root)
	return root
}

// lockedBuffer may be read while a command writes to it.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// wantOK fails the test unless the command succeeded.
func (r result) wantOK(t *testing.T) result {
	t.Helper()
	require.Zero(t, r.code, r.stderr)
	return r
}
