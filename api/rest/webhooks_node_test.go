package rest_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"tansu.cloud/commands"
	"tansu.cloud/eventstore"
	"tansu.cloud/platform/bus/jobs"
	"tansu.cloud/platform/outbound"
	"tansu.cloud/projections"
	"tansu.cloud/projections/readmodels/webhooks"
	webhooksaga "tansu.cloud/projections/sagas/webhooks"
)

// webhookParts are the real parts of webhooks; they may reach loopback.
type webhookParts struct {
	*webhooks.Endpoints
	*webhooksaga.Secrets
	*webhooksaga.Courier
}

func webhookProjections() []projections.Projection {
	return []projections.Projection{webhooks.New(), webhooksaga.New(slog.New(slog.DiscardHandler), func() {})}
}

func newWebhookParts(t *testing.T, pool *pgxpool.Pool, log eventstore.Reader, all *commands.Commands) (webhookParts, *jobs.Workers) {
	t.Helper()
	p := webhookParts{Endpoints: webhooks.NewEndpoints(pool), Secrets: webhooksaga.NewSecrets(pool, [32]byte{3})}
	client := outbound.NewClient(outbound.Config{Allowed: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	t.Cleanup(client.CloseIdleConnections)
	var err error
	p.Courier, err = webhooksaga.NewCourier(webhooksaga.Config{
		Pool: pool, Log: log, Secrets: p.Secrets, Client: client,
		Disable: func(ctx context.Context, tenant, id uuid.UUID, reason string) error {
			_, err := all.DisableWebhook(ctx, commands.Request[commands.DisableWebhook]{
				Tenant: tenant, Stream: id.String(), Command: commands.DisableWebhook{Reason: reason}, Expected: eventstore.AnyVersion, Caller: runner,
			})
			return err
		},
	})
	require.NoError(t, err)
	workers, err := jobs.New(jobs.Config{Pool: pool, NodeID: "test", Kinds: p.Courier.Kinds()})
	require.NoError(t, err)
	return p, workers
}

// TestWebhooksFromEndToEnd: registered over HTTP, an address gets what the log
// got after the answer, signed with the secret of the answer.
func TestWebhooksFromEndToEnd(t *testing.T) {
	t.Parallel()
	type delivery struct {
		header http.Header
		body   string
	}
	got := make(chan delivery, 100)
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- delivery{r.Header, string(body)}
		if r.URL.Path == "/gone" {
			w.WriteHeader(http.StatusGone)
		}
	}))
	t.Cleanup(receiver.Close)
	next := func(secret string) map[string]any {
		t.Helper()
		select {
		case d := <-got:
			key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
			require.NoError(t, err)
			mac := hmac.New(sha256.New, key)
			mac.Write([]byte(d.header.Get("webhook-id") + "." + d.header.Get("webhook-timestamp") + "." + d.body))
			require.Contains(t, strings.Split(d.header.Get("webhook-signature"), " "), "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
			var event map[string]any
			require.NoError(t, json.Unmarshal([]byte(d.body), &event))
			return event
		case <-time.After(time.Minute):
			t.Fatal("nothing comes")
			return nil
		}
	}

	r := newNode(t)
	r.tenant("before")
	created := r.send("POST", "/v1/webhooks", `{"url":"`+receiver.URL+`/","topics":[{"stream_type":"tenant"}],"filter":"type != \"tenant.suspended\""}`)
	hook := created.ok(201)
	require.Empty(t, created.Header().Get("Tansu-Read-Model"))
	path, secret := created.Header().Get("Location"), hook["secret"].(string)
	require.Equal(t, hook["secret_fingerprint"], r.send("GET", path, "").ok(200)["secret_fingerprint"])

	require.Equal(t, true, r.send("POST", path+"/test", "").ok(200)["accepted"], "it can be tested as soon as it is answered")
	require.Equal(t, "webhook.test", next(secret)["type"])

	acme := r.tenant("acme")
	event := next(secret)
	require.Equal(t, "tenant.created", event["type"])
	require.Equal(t, "tenant/"+acme, event["subject"])
	require.Equal(t, "acme", event["data"].(map[string]any)["slug"])
	r.send("POST", "/v1/tenants/acme/suspend", `{"reason":"r"}`).ok(200)
	r.send("POST", "/v1/tenants/acme/reactivate", "").ok(200)
	require.Equal(t, "tenant.reactivated", next(secret)["type"], "the filter leaves the one before out")

	rotated := r.send("POST", path+"/rotate-secret", `{"overlap_seconds":3600}`).ok(200)["secret"].(string)
	r.send("PUT", "/v1/tenants/acme/name", `{"name":"A"}`).ok(200)
	r.send("PUT", "/v1/tenants/acme/name", `{"name":"B"}`).ok(200)
	require.Equal(t, "A", next(secret)["data"].(map[string]any)["name"], "the secret before signs too")
	require.Equal(t, "B", next(rotated)["data"].(map[string]any)["name"])

	replay := r.send("POST", path+"/replay", `{"from_position":1}`).ok(200)
	types := []any{}
	for range 5 {
		types = append(types, next(rotated)["type"])
	}
	require.ElementsMatch(t, []any{"tenant.created", "tenant.created", "tenant.reactivated", "tenant.renamed", "tenant.renamed"}, types)
	require.Eventually(t, func() bool {
		p := r.send("GET", path+"/replays", "").ok(200)["items"].([]any)[0].(map[string]any)
		return p["id"] == replay["id"] && p["done_position"] == replay["to_position"] && p["deliveries"] == 5.0
	}, time.Minute, 20*time.Millisecond)
	require.Eventually(t, func() bool { return len(r.walk(path+"/deliveries?limit=4", "id")) == 10 }, time.Minute, 50*time.Millisecond)

	r.send("PUT", path, `{"url":"`+receiver.URL+`/gone"}`).ok(200)
	r.send("PUT", "/v1/tenants/acme/name", `{"name":"C"}`).ok(200)
	next(rotated)
	require.Eventually(t, func() bool { return r.send("GET", path, "").ok(200)["status"] == "disabled" }, time.Minute, 20*time.Millisecond)
	require.Equal(t, 204, r.send("DELETE", path, "").Code)
	r.send("GET", path, "").problem(404, "webhook.not_found")
	require.Equal(t, true, r.send("GET", "/v1/audit/verify", "").ok(200)["ok"])
}
