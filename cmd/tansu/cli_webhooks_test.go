package main

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const hook = `{"id":"0192f0c1-0000-7000-8000-00000000000a","url":"https://example.com/hooks","description":"d",` +
	`"topics":[{"stream_type":"order"},{"type":"a.b","actor":"operator"}],"filter":"data.total > 100","status":"enabled",` +
	`"secret_fingerprint":"5b3f1c0a9d8e7f60","version":3,"created_at":"2026-01-31T12:00:00Z","updated_at":"2026-02-01T00:00:00Z"}`

func TestWebhookCommandsSendWhatTheAPIDocuments(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		args    []string
		request string // method, path and query
		body    string
	}{
		{[]string{"list"}, "GET /v1/webhooks", ""},
		{[]string{"show", "w"}, "GET /v1/webhooks/w", ""},
		{[]string{"get", "../w"}, "GET /v1/webhooks/..%2Fw", ""},
		{[]string{"create", "https://example.com/"}, "POST /v1/webhooks", `{"url":"https://example.com/","topics":[]}`},
		{[]string{"create", "https://example.com/", "--description", "d", "--filter", "a", "--topic", "type=a.b,actor=operator", "--topic", "stream_type=order,stream_id=o=1"},
			"POST /v1/webhooks", `{"url":"https://example.com/","description":"d","filter":"a",
			"topics":[{"type":"a.b","actor":"operator"},{"stream_type":"order","stream_id":"o=1"}]}`},
		{[]string{"update", "w", "--url", "https://example.org/"}, "PUT /v1/webhooks/w",
			`{"url":"https://example.org/","description":"d","topics":[{"stream_type":"order"},{"type":"a.b","actor":"operator"}],"filter":"data.total > 100"}`},
		{[]string{"update", "w", "--filter", "", "--topic", "type=x"}, "PUT /v1/webhooks/w",
			`{"url":"https://example.com/hooks","description":"d","topics":[{"type":"x"}],"filter":""}`},
		{[]string{"enable", "w"}, "POST /v1/webhooks/w/enable", `{}`},
		{[]string{"disable", "w", "--reason", "late"}, "POST /v1/webhooks/w/disable", `{"reason":"late"}`},
		{[]string{"rotate-secret", "w", "--overlap", "90m"}, "POST /v1/webhooks/w/rotate-secret", `{"overlap_seconds":5400}`},
		{[]string{"redrive", "w", "--reason", "up"}, "POST /v1/webhooks/w/redrive", `{"reason":"up"}`},
		{[]string{"replay", "w", "--from", "3", "--to", "9", "--reason", "r"}, "POST /v1/webhooks/w/replay", `{"from_position":3,"to_position":9,"reason":"r"}`},
		{[]string{"replay", "w", "--from", "3"}, "POST /v1/webhooks/w/replay", `{"from_position":3}`},
		{[]string{"replays", "w"}, "GET /v1/webhooks/w/replays", ""},
		{[]string{"deliveries", "w", "--outcome", "parked", "--limit", "7"}, "GET /v1/webhooks/w/deliveries?limit=7&outcome=parked", ""},
		{[]string{"delete", "w"}, "DELETE /v1/webhooks/w", ""},
	} {
		t.Run(strings.Join(tc.args, " "), func(t *testing.T) {
			t.Parallel()
			f := newFake(t)
			f.answer("/", `{"items":[]}`)
			f.answer("GET /v1/webhooks/w", hook)
			tansu(t, f.URL, append([]string{"webhooks", "--tenant", "acme"}, tc.args...)...).wantOK(t)
			r, body := f.last()
			target := r.URL.EscapedPath()
			if r.URL.RawQuery != "" {
				target += "?" + r.URL.RawQuery
			}
			require.Equal(t, tc.request, r.Method+" "+target)
			require.Equal(t, "acme", r.Header.Get("X-Tenant-Id"))
			require.Equal(t, r.Method == http.MethodGet, r.Header.Get("Idempotency-Key") == "")
			if tc.body != "" {
				require.JSONEq(t, tc.body, body)
			}
			if r.Method == http.MethodPut {
				require.Equal(t, `"3"`, r.Header.Get("If-Match"), "nothing that others changed meanwhile is undone")
			}
		})
	}
}

func TestWebhookMistakesAreCaughtBeforeTheyAreSent(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	for _, args := range [][]string{
		{"create", "https://example.com/", "--topic", "order"}, {"create", "https://example.com/", "--topic", "colour=red"},
		{"create", "https://example.com/", "--topic", "type="}, {"disable", "w"}, {"replay", "w"}, {"create"},
	} {
		require.Equal(t, exitUsage, tansu(t, f.URL, append([]string{"webhooks"}, args...)...).code, args)
	}
	require.Empty(t, f.seen)
}

func TestWebhookSecretsAreShownOnce(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.answer("POST /v1/webhooks", strings.TrimSuffix(hook, "}")+`,"secret":"whsec_abc"}`)
	f.answer("GET /v1/webhooks", `{"items":[`+hook+`]}`)
	r := tansu(t, f.URL, "webhooks", "create", "https://example.com/hooks").wantOK(t)
	require.Contains(t, r.stdout, "whsec_abc")
	require.Contains(t, r.stderr, "not shown again")
	golden(t, "webhooks_list_table", tansu(t, f.URL, "webhooks", "list").wantOK(t).stdout)
}

func TestARefusedTestFails(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.answer("POST /v1/webhooks/w/test", `{"accepted":false,"status":500,"duration_ms":3,"error":"the address answered 500","response":"oh\u001b[31m"}`)
	r := tansu(t, f.URL, "webhooks", "test", "w")
	require.Equal(t, exitError, r.code)
	require.Contains(t, r.stdout, "the address answered 500")
	require.NotContains(t, r.stdout, "\x1b", "what strangers send has no power over the terminal")
}
