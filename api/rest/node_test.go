package rest_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"tansu.cloud/api/rest"
	"tansu.cloud/commands"
	"tansu.cloud/eventstore"
	"tansu.cloud/eventstore/postgres"
	"tansu.cloud/platform/bus"
	"tansu.cloud/platform/credentials"
	"tansu.cloud/platform/postgrestest"
	"tansu.cloud/platform/tenantdb"
	"tansu.cloud/projections"
	"tansu.cloud/projections/projectionstest"
	directory "tansu.cloud/projections/readmodels/access"
	"tansu.cloud/projections/readmodels/clients"
	"tansu.cloud/projections/readmodels/deadletters"
	"tansu.cloud/projections/readmodels/tenantdirectory"
	"tansu.cloud/projections/readmodels/users"
	"tansu.cloud/projections/readmodels/webhooks"
	"tansu.cloud/sql/db"
)

// newNode is the interface over the real thing: log, relay, projections and read
// models in PostgreSQL, behind the wall of row-level security.
func newNode(t *testing.T, change ...func(*projections.Config)) *rig {
	t.Helper()
	r, _ := newNodeOn(t, postgrestest.New(t), change...)
	return r
}

func newNodeOn(t *testing.T, pool *pgxpool.Pool, change ...func(*projections.Config)) (*rig, *nodeParts) {
	t.Helper()
	messages := bus.NewInProcess(slog.New(slog.DiscardHandler))
	relay, err := projections.NewRelay(projections.RelayConfig{Publisher: messages})
	require.NoError(t, err)
	store := postgres.New(pool, postgres.Options{OnCommit: relay.Committed})
	deps := commands.Deps{
		Store: store, Snapshots: store, Logger: slog.New(slog.DiscardHandler),
		Codec:      eventstore.NewCodec(commands.Registry(), postgres.NewSubjectKeys(pool, [32]byte{1})),
		EmailIndex: emailIndex,
	}
	all := commands.New(deps)
	config := projections.Config{
		NodeID: "test", Pool: pool, Log: store, Decoder: deps.Codec, Control: projectionstest.Control{Store: store, Codec: deps.Codec}, Bus: messages,
		Projections: append(webhookProjections(), tenantdirectory.New(), deadletters.New(), users.New(), clients.New(), directory.New()),
	}
	for _, f := range change {
		f(&config)
	}
	runner, err := projections.NewRunner(config)
	require.NoError(t, err)
	secrets, err := credentials.New(pool, credentials.Config{Key: bytes.Repeat([]byte{5}, 32)})
	require.NoError(t, err)
	hooks, workers := newWebhookParts(t, pool, store, all)
	for _, service := range []interface {
		Start(context.Context) error
		Stop(context.Context) error
	}{relay, store, runner, workers} {
		require.NoError(t, service.Start(context.Background()))
		t.Cleanup(func() {
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			require.NoError(t, service.Stop(ctx))
		})
	}
	select {
	case <-runner.Ready():
	case <-time.After(time.Minute):
		t.Fatal("the projections do not start")
	}
	parts := &nodeParts{pool, store, deps, hooks}
	return newRig(t, func(d *rest.Deps) {
		d.Commands = all
		parts.read(d, tenantdb.New(pool), tenantdb.Of(pool, eventstore.SystemTenant))
		d.Projections = queries{runner}
		d.Credentials = secrets
		d.Config.PlainWebhooks = true
		d.Cache = newCounting(t)
		d.Config.WaitDefault = rest.MaxWait // a busy machine may take longer than the default
		d.Logger = slog.New(slog.DiscardHandler)
	}), parts
}

// nodeParts are what a node reads with.
type nodeParts struct {
	pool     *pgxpool.Pool
	store    *postgres.Store
	commands commands.Deps
	hooks    webhookParts
}

// read has an interface read the rows of a tenant and those of the platform.
func (p *nodeParts) read(d *rest.Deps, own, platform db.DBTX) {
	log, history := postgres.NewReader(own), p.commands
	history.Snapshots, history.Store = log, struct {
		eventstore.Appender
		eventstore.Reader
	}{p.store, log}
	d.Log, d.History = nodeLog{log, p.store}, commands.NewHistory(history)
	d.Tenants, d.DeadLetters = tenantdirectory.NewDirectory(platform), deadletters.NewLetters(own)
	d.Users, d.Clients, d.Directory = users.NewDirectory(platform), clients.NewDirectory(platform), directory.NewDirectory(own)
	hooks := p.hooks
	hooks.Endpoints = webhooks.NewEndpoints(own)
	d.Webhooks = hooks
}

// nodeLog is the log as requests read it, and as the tails of feeds do.
type nodeLog struct {
	eventstore.Reader
	tails eventstore.Reader
}

type queries struct{ *projections.Runner }

func (q queries) Status(ctx context.Context) ([]rest.ProjectionStatus, error) {
	all, err := q.Runner.Status(ctx)
	var shown []rest.ProjectionStatus
	for _, s := range all {
		shown = append(shown, rest.ProjectionStatus{Name: s.Name, Version: s.Version, Generation: s.Generation, State: string(s.State)})
	}
	return shown, err
}

// TestCreateThenGet: what a command answered can be read at once, 10,000 times,
// while others write to the same log.
func TestCreateThenGet(t *testing.T) {
	t.Parallel()
	const creators, pairs, writers = 32, 10_000, 4
	r := newNode(t)
	send := func(method, target, body string) (int, []byte, http.Header) {
		rec := httptest.NewRecorder()
		r.handler.ServeHTTP(rec, request(method, target, body))
		return rec.Code, rec.Body.Bytes(), rec.Header()
	}
	r.tenant("busy")

	stop := make(chan struct{})
	var writing sync.WaitGroup
	for w := range writers {
		writing.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				if code, body, _ := send("PUT", "/v1/tenants/busy/settings", fmt.Sprintf(`{"settings":{"w":%d,"i":%d}}`, w, i)); code != 200 && code != 409 {
					t.Errorf("writer: %d %s", code, body)
					return
				}
			}
		})
	}
	var creating errgroup.Group
	for c := range creators {
		creating.Go(func() error {
			for i := c; i < pairs; i += creators {
				slug := fmt.Sprintf("t-%d", i)
				code, body, header := send("POST", "/v1/tenants", `{"slug":"`+slug+`","name":"T"}`)
				if code != 201 || header.Get("Tansu-Read-Model") != "" {
					return fmt.Errorf("create %s: %d %s %v", slug, code, body, header)
				}
				code, read, _ := send("GET", header.Get("Location"), "")
				if code != 200 || !bytes.Equal(read, body) {
					return fmt.Errorf("get %s: %d %s, created %s", slug, code, read, body)
				}
			}
			return nil
		})
	}
	err := creating.Wait()
	close(stop)
	writing.Wait()
	require.NoError(t, err)
	require.EqualValues(t, pairs+1, r.send("GET", "/v1/tenants?limit=1&count=exact", "").ok(200)["total"])
	require.Equal(t, true, r.send("GET", "/v1/audit/verify", "").ok(200)["ok"])
}

// TestOnPostgres walks through what the database could see differently from the
// fakes: sort orders, cursors, hostile text, numbers at their limits.
func TestOnPostgres(t *testing.T) {
	t.Parallel()
	r := newNode(t)
	for _, slug := range []string{"delta", "alpha", "echo", "bravo"} {
		r.tenant(slug)
	}
	require.Equal(t, []any{"delta", "alpha", "echo", "bravo"}, r.walk("/v1/tenants?limit=1", "slug"))
	require.Equal(t, []any{"echo", "delta", "bravo", "alpha"}, r.walk("/v1/tenants?limit=3&sort=-slug", "slug"))
	require.Equal(t, []any{"Tenant alpha", "Tenant bravo", "Tenant delta", "Tenant echo"}, r.walk("/v1/tenants?limit=2&sort=name", "name"))
	require.Equal(t, []any{"alpha"}, r.walk("/v1/tenants?name=T+ALPH", "slug"), "in any case")

	name := "Zürich 🏔 %_\\ 'quoted' \"x\""
	created := r.send("POST", "/v1/tenants", fmt.Sprintf(`{"slug":"odd","name":%q,"settings":{"n":1.5,"u":"\ud83c\udfd4","deep":{"a":[[]]}}}`, name))
	require.Equal(t, created.ok(201), r.send("GET", "/v1/tenants/odd", "").ok(200))
	require.Equal(t, []any{"odd"}, r.walk("/v1/tenants?name=%25_", "slug"))

	types := r.walk("/v1/events?limit=2&type=tenant.created", "stream_type")
	require.Len(t, types, 5)
	for _, target := range []string{
		"/v1/events?after=9223372036854775807", "/v1/events?after=9223372036854775807&type=x", "/v1/events?before=9223372036854775807&order=desc",
		"/v1/events?before=1&order=desc&actor=x", "/v1/tenants?name=%F0%9F%92%A9&slug=%27%3B--", "/v1/tenants?sort=-name&limit=200",
		"/v1/dead-letters?projection=%27", "/v1/projections",
	} {
		r.send("GET", target, "").ok(200)
	}
	for target, status := range map[string]int{
		"/v1/events/9223372036854775807":                         404,
		"/v1/tenants/%F0%9F%92%A9":                               404,
		"/v1/tenants/%7B01926a3c-7d1e-7c4b-9a51-3f0c1b2d4e5f%7D": 404,
		"/v1/streams/tenant/%F0%9F%92%A9/events":                 404,
		"/v1/streams/tenant/x/events?after=9223372036854775807":  404,
		"/v1/streams/tenant/x/state?at=0000-01-01T00:00:00Z":     404,
		"/v1/streams/tenant/x/state?at=9999-12-31T23:59:59Z":     404,
		"/v1/streams/tenant/x/state?version=9223372036854775807": 404,
		"/v1/dead-letters/" + uuid.NewString():                   404,
	} {
		require.Equal(t, status, r.send("GET", target, "").Code, target)
	}

	before := r.send("GET", "/v1/events", "").Header().Get("Tansu-Position")
	for _, seed := range hostile {
		if req := fuzzed(seed[0], seed[1], seed[2], seed[3]); req != nil && !strings.HasPrefix(seed[3], `{"slug":"acme"`) {
			rec := httptest.NewRecorder()
			r.handler.ServeHTTP(rec, req)
			require.Less(t, rec.Code, 500, "%v: %s", seed, rec.Body)
		}
	}
	require.Equal(t, before, r.send("GET", "/v1/events", "").Header().Get("Tansu-Position"), "hostile requests append nothing")

	key := "Idempotency-Key: " + uuid.NewString()
	first := r.send("POST", "/v1/tenants", `{"slug":"once","name":"Once"}`, key)
	again := r.send("POST", "/v1/tenants", `{"name":"Once","slug":"once"}`, key)
	require.Equal(t, first.ok(201), again.ok(201))
	require.Equal(t, "true", again.Header().Get("Idempotency-Replayed"))
	require.Equal(t, first.Header().Get("Tansu-Position"), again.Header().Get("Tansu-Position"))

	r.send("PUT", "/v1/tenants/once/name", `{"name":"Twice"}`, `If-Match: "7"`).problem(412, "precondition_failed")
	id := first.json()["id"].(string)
	r.send("PUT", "/v1/tenants/"+id+"/name", `{"name":"Twice"}`, `If-Match: "1"`).ok(200)
	require.Equal(t, "Once", r.send("GET", "/v1/streams/tenant/"+id+"/state?version=1", "").ok(200)["state"].(map[string]any)["name"])
	require.Equal(t, true, r.send("GET", "/v1/audit/verify", "", "X-Tenant-Id: once").ok(200)["ok"])
	names := []any{}
	for _, p := range r.send("GET", "/v1/projections", "").ok(200)["items"].([]any) {
		names = append(names, p.(map[string]any)["name"])
	}
	require.True(t, slices.Contains(names, any("tenant_directory")), names)
	r.send("POST", "/v1/projections/tenant_directory/rebuild", `{"reason":"test"}`).ok(200)
	require.Eventually(t, func() bool {
		for _, p := range r.send("GET", "/v1/projections", "").ok(200)["items"].([]any) {
			if p := p.(map[string]any); p["name"] == "tenant_directory" {
				return p["generation"] == 2.0
			}
		}
		return false
	}, time.Minute, 50*time.Millisecond)
	require.Equal(t, "Twice", r.send("GET", "/v1/tenants/once", "").ok(200)["name"])
}
