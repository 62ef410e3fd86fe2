package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestProblemsAreExplained(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.mux.HandleFunc("POST /v1/tenants", func(w http.ResponseWriter, _ *http.Request) {
		problemJSON(w, http.StatusUnprocessableEntity, "tenant.slug_invalid", "The request breaks a rule",
			"1 field is not as it must be; see errors.", fieldError{"/slug", "reserved", "is reserved \x1b[31m"})
	})
	r := tansu(t, f.URL, "tenants", "create", "www", "--name", "W")
	require.Equal(t, exitError, r.code)
	require.Empty(t, r.stdout)
	require.Equal(t, `Error: The request breaks a rule
   1 field is not as it must be; see errors.
   /slug: is reserved �[31m
  code:  tenant.slug_invalid (status 422)
  trace: 4bf92f3577b34da6a3ce929d0e0e4736
`, r.stderr)
}

func TestExitCodes(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		status int
		code   string
		exit   int
		try    string
	}{
		{401, "unauthorized", exitAuth, "TANSU_TOKEN"},
		{403, "forbidden", exitAuth, ""},
		{403, "tenant_suspended", exitConflict, "tansu tenants reactivate"},
		{404, "not_found", exitNotFound, "tansu tenants list"},
		{404, "tenant_not_found", exitNotFound, "tansu tenants list"},
		{409, "version_conflict", exitConflict, "tansu tenants list"},
		{412, "precondition_failed", exitConflict, "tansu tenants list"},
		{422, "idempotency_key_reused", exitConflict, "--idempotency-key"},
		{429, "rate_limited", exitRateLimited, "after 7 seconds"},
		{500, "internal", exitError, ""},
		{503, "unavailable", exitError, "after 7 seconds"},
	} {
		t.Run(fmt.Sprintf("%d %s", tc.status, tc.code), func(t *testing.T) {
			t.Parallel()
			f := newFake(t)
			f.mux.HandleFunc("GET /v1/tenants/acme", func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Retry-After", "7")
				problemJSON(w, tc.status, tc.code, "Title", "Detail.")
			})
			r := tansu(t, f.URL, "tenants", "show", "acme")
			require.Equal(t, tc.exit, r.code)
			require.Contains(t, r.stderr, tc.code)
			require.Contains(t, r.stderr, tc.try)
			require.Equal(t, tc.try != "", strings.Contains(r.stderr, "try:"))
		})
	}
}

func TestUsageErrors(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ args, want string }{
		{"events bogus", `unknown command "bogus"`},
		{"events lst", "did you mean list"},
		{"events show", "accepts 1 arg(s)"},
		{"events show zero", "not a position"},
		{"events list --bogus", "unknown flag"},
		{"events list -o xml", "table, json, yaml or jsonl"},
		{"events list --limit 0", "--limit"},
		{"events tail --every 0s", "--every"},
		{"tenants suspend acme", "--reason is missing"},
		{"tenants set-settings acme {", "not valid JSON"},
		{"tenants set-settings acme @/does/not/exist", "no such file"},
		{"streams show tenant", "TYPE/ID"},
		{"streams show tenant/1 --at yesterday", "neither a version nor a time"},
		{"streams diff tenant/1", "--from"},
		{"dead-letters redrive", "--all"},
		{"dead-letters redrive --all x", "not both"},
		{"dead-letters discard x", "--reason is missing"},
		{"jobs redrive", "--all"},
		{"jobs redrive --all x", "not both"},
		{"jobs discard x", "--reason is missing"},
		{"projections rebuild x --wait --cancel", "exclude each other"},
		{"audit export", "--file is missing"},
		{"audit verify-export /does/not/exist", "no such file"},
		{"audit verify --dsn ::bad::", "--dsn"},
		{"api FETCH /x", "method"},
		{"api GET x", "must begin with a slash"},
		{"api GET /x -H bad", "Name: value"},
		{"tenants list --server nonsense", "--server"},
		{"tenants list --server http://user:pw@host", "--server"},
		{"tenants list --token-file /does/not/exist", "--token-file"},
	} {
		r := tansu(t, "http://127.0.0.1:1", strings.Fields(tc.args)...)
		require.Equal(t, exitUsage, r.code, "%s: %s", tc.args, r.stderr)
		require.Contains(t, r.stderr, tc.want, tc.args)
		require.Empty(t, r.stdout, tc.args)
	}
}

func TestNoServer(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(nil)
	srv.Close()
	r := tansu(t, srv.URL, "tenants", "list")
	require.Equal(t, exitError, r.code)
	require.Contains(t, r.stderr, "tansu dev")

	r = tansu(t, srv.URL, "tenants", "create", "acme", "--name", "Acme", "--idempotency-key", "k-1")
	require.Equal(t, exitError, r.code)
	require.Contains(t, r.stderr, "--idempotency-key k-1")
}

func TestReadsAreRepeatedAfterConnectionErrorsAndCommandsAreNot(t *testing.T) {
	t.Parallel()
	lossy := func(failures int64) (*httptest.Server, *atomic.Int64) {
		var requests atomic.Int64
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if requests.Add(1) <= failures {
				panic(http.ErrAbortHandler)
			}
			fmt.Fprint(w, `{"items":[]}`)
		}))
		t.Cleanup(srv.Close)
		return srv, &requests
	}
	srv, requests := lossy(2)
	tansu(t, srv.URL, "tenants", "list").wantOK(t)
	require.EqualValues(t, 3, requests.Load())

	srv, requests = lossy(9)
	require.Equal(t, exitError, tansu(t, srv.URL, "tenants", "list").code)
	require.EqualValues(t, 3, requests.Load(), "a small number of times")

	srv, requests = lossy(1)
	require.Equal(t, exitError, tansu(t, srv.URL, "tenants", "rename", "acme", "A").code)
	require.EqualValues(t, 1, requests.Load())
}

func TestAnswersThatAreNotTansus(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.mux.HandleFunc("GET /v1/tenants/html", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "<html>", http.StatusBadGateway) })
	f.mux.HandleFunc("GET /v1/tenants/moved", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "https://elsewhere.example/", http.StatusMovedPermanently)
	})
	f.answer("GET /v1/tenants/text", "hello")
	r := tansu(t, f.URL, "tenants", "show", "html")
	require.Equal(t, exitError, r.code)
	require.Contains(t, r.stderr, "check --server")
	r = tansu(t, f.URL, "tenants", "show", "moved")
	require.Contains(t, r.stderr, "redirects to https://elsewhere.example/")
	r = tansu(t, f.URL, "tenants", "show", "text")
	require.Contains(t, r.stderr, "not understood")
}

func TestAnswersAreBounded(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.mux.HandleFunc("GET /v1/tenants", func(w http.ResponseWriter, _ *http.Request) {
		chunk := []byte(strings.Repeat(" ", 1<<20))
		for range maxResponse>>20 + 1 {
			_, _ = w.Write(chunk)
		}
	})
	r := tansu(t, f.URL, "tenants", "list", "--limit", "3", "--timeout", "10m")
	require.Equal(t, exitError, r.code)
	require.Contains(t, r.stderr, "larger than 64 MiB")
	last, _ := f.last()
	require.Equal(t, "1", last.URL.Query().Get("limit"), "a smaller page may fit")
}

func TestRemoteServersAreNamed(t *testing.T) {
	t.Parallel()
	// The name does not resolve: what counts is said before the request.
	r := tansu(t, "http://tansu.invalid", "tenants", "rename", "acme", "A", "--timeout", "1s")
	require.Contains(t, r.stderr, "Warning: the connection to tansu.invalid is not encrypted")
	require.Contains(t, r.stderr, "on http://tansu.invalid\n")
	r = tansu(t, "https://tansu.invalid", "tenants", "show", "acme", "--timeout", "1s")
	require.NotContains(t, r.stderr, "Warning")
}

func TestTimeoutAndInterruption(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	arrived, release := make(chan struct{}, 8), make(chan struct{})
	f.mux.HandleFunc("GET /v1/tenants", func(_ http.ResponseWriter, r *http.Request) {
		arrived <- struct{}{}
		select {
		case <-release:
		case <-r.Context().Done():
		}
	})
	t.Cleanup(func() { close(release) })
	r := tansu(t, f.URL, "tenants", "list", "--timeout", "20ms")
	require.Equal(t, exitError, r.code)
	require.Contains(t, r.stderr, "deadline exceeded")
	for len(arrived) > 0 {
		<-arrived
	}

	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-arrived; cancel() }()
	var stdout, stderr lockedBuffer
	require.Equal(t, exitInterrupted, tansuIO(ctx, f.URL, &stdout, &stderr, "", "tenants", "list"))
	require.Empty(t, stderr.String())
}
