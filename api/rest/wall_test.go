package rest_test

import (
	"archive/zip"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"tansu.cloud/api/rest"
	"tansu.cloud/domain/job"
	"tansu.cloud/eventstore"
	"tansu.cloud/platform/bus/jobs"
	"tansu.cloud/platform/postgrestest"
	"tansu.cloud/platform/tenantdb"
	"tansu.cloud/projections/readmodels/usage"
	"tansu.cloud/sql/db"
)

// marked is in every text of the tenant whose data must not be seen.
const marked = "bravomark"

// aboutThePlatform are what everyone is told of their tenant from rows of the
// system tenant, which are the same to every wall, and what tells nothing of any.
var aboutThePlatform = map[string]string{
	"get-me":           "the user and the directory of tenants belong to the platform",
	"list-sessions":    "sessions belong to the platform",
	"list-consents":    "what people let in belongs to the platform",
	"list-permissions": "is the same for all",
}

// TestTheSecondWall sends every operation that reads, with the first wall taken
// away: each request is about one tenant and asks for the data of another. Without
// the second wall it gets them.
func TestTheSecondWall(t *testing.T) {
	t.Parallel()
	r, parts := newNodeOn(t, postgrestest.New(t))
	r.tenant("acme")
	r.tenant("victim")
	eve, bob := r.person("eve", "acme", "owner"), r.person(marked, "victim", "owner")
	victim := r.tenantID("victim")
	values := r.fillTenant(t, parts, victim, bob)

	answers := func(own, platform db.DBTX) (leaked, tried map[string]bool) {
		deps := r.deps
		parts.read(&deps, own, platform)
		deps.Cache = nil // what was read with the wall is not asked for without it
		deps.Usage, deps.Jobs = usage.NewCounter(own), jobReads{jobs.NewQueue(own)}
		broken, err := rest.NewBroken(deps, victim)
		require.NoError(t, err)
		leaked, tried = map[string]bool{}, map[string]bool{}
		for path, item := range document(t).Paths.Map() {
			op := item.Get
			if op == nil || op.Security == nil || len(*op.Security) == 0 || aboutThePlatform[op.OperationID] != "" {
				continue
			}
			for _, target := range targets(path, values) {
				ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
				answer := httptest.NewRecorder()
				broken.ServeHTTP(answer, request(http.MethodGet, target, "", eve.auth).WithContext(ctx))
				cancel()
				if answer.Code != http.StatusForbidden {
					tried[op.OperationID] = true
				}
				if found := shows(t, answer, values); found != "" {
					leaked[op.OperationID] = true
					t.Logf("%s shows %s", target, found)
				}
			}
		}
		return leaked, tried
	}
	leaked, tried := answers(tenantdb.New(parts.pool), tenantdb.Of(parts.pool, eventstore.SystemTenant))
	require.Empty(t, leaked, "behind the wall there is nothing")

	leaked, _ = answers(parts.pool, parts.pool)
	delete(tried, "follow-events") // whose wall is the hub's own
	require.Equal(t, tried, leaked, "without it there is something in each answer that is not refused")
	require.Greater(t, len(tried), 20)
}

// fill gives a tenant something of everything, and returns what can stand in a
// path and must not be seen.
func (r *rig) fillTenant(t *testing.T, parts *nodeParts, tenant uuid.UUID, owner person) map[string][]string {
	t.Helper()
	var ids []string
	for path, body := range map[string]string{
		"/v1/identity-providers": strings.Replace(providerBody, "Login", marked, 1),
		"/v1/webhooks":           `{"url":"https://` + marked + `.invalid/","topics":[{"type":"none.such"}]}`,
		"/v1/api-keys":           `{"name":"` + marked + `","permissions":["events.read"]}`,
		"/v1/service-accounts":   `{"name":"` + marked + `","roles":["viewer"]}`,
		"/v1/invites":            `{"email":"` + marked + `@example.net","roles":["viewer"]}`,
		"/v1/roles":              `{"name":"` + marked + `","title":"` + marked + `","permissions":["events.read"]}`,
	} {
		made := r.send("POST", path, body, owner.auth).ok(201)
		if id, ok := made["id"].(string); ok {
			ids = append(ids, id)
		}
		if path == "/v1/webhooks" {
			_, err := parts.pool.Exec(t.Context(), `INSERT INTO webhook_deliveries
				VALUES ($1, $2, gen_random_uuid(), 1, $3, gen_random_uuid(), 1, 'failed', 0, 1, $3, '', now())`, tenant, made["id"], marked)
			require.NoError(t, err)
			replay := uuid.New()
			ids = append(ids, replay.String())
			_, err = parts.pool.Exec(t.Context(), `INSERT INTO webhook_replays
				VALUES ($1, $2, $3, 1, 2, 1, 1, now(), now())`, tenant, replay, made["id"])
			require.NoError(t, err)
		}
	}
	r.send("PUT", "/v1/origins", `{"origins":["https://`+marked+`.example.com"]}`, owner.auth).ok(200)
	order := uuid.New()
	_, err := parts.pool.Exec(t.Context(), `INSERT INTO jobs (tenant_id, id, run_at, enqueued_at, kind, key, job_group, state, payload)
		VALUES ($1, $2, now(), now(), $3, $3, '', 'dead', '{}')`, tenant, order, marked)
	require.NoError(t, err)
	return map[string][]string{
		"{id}": append(ids, order.String(), owner.user.String()), "{name}": {marked}, "{position}": {"1", "2", "3"},
		"{type}": {"webhook", "member"},
	}
}

// targets fills a path in, in every way.
func targets(path string, values map[string][]string) []string {
	all := []string{path}
	for _, placeholder := range regexp.MustCompile(`\{[a-z]+\}`).FindAllString(path, -1) {
		var next []string
		for _, value := range values[placeholder] {
			for _, target := range all {
				next = append(next, strings.Replace(target, placeholder, value, 1))
			}
		}
		all = next
	}
	if strings.HasSuffix(path, "/diff") {
		for i := range all {
			all[i] += "?from=1&to=1"
		}
	}
	return all
}

var counted = regexp.MustCompile(`"(events|used|head_position)":[1-9]`)

// shows returns what an answer tells of the tenant, if it is anything.
func shows(t *testing.T, a *httptest.ResponseRecorder, values map[string][]string) string {
	t.Helper()
	body := a.Body.String()
	if a.Header().Get("Content-Type") == "application/zip" {
		archive, err := zip.NewReader(bytes.NewReader(a.Body.Bytes()), int64(a.Body.Len()))
		require.NoError(t, err)
		body = ""
		for _, file := range archive.File {
			content, err := file.Open()
			require.NoError(t, err)
			text, err := io.ReadAll(content)
			require.NoError(t, err)
			body += string(text)
		}
	}
	for _, secret := range append([]string{marked}, values["{id}"]...) {
		if strings.Contains(body, secret) {
			return secret
		}
	}
	return counted.FindString(body)
}

// jobReads shows the queue.
type jobReads struct{ queue *jobs.Queue }

func (q jobReads) Get(ctx context.Context, tenant, id uuid.UUID) (rest.Job, error) {
	r, err := q.queue.Get(ctx, tenant, id)
	if err != nil {
		return rest.Job{}, job.ErrNotFound
	}
	return rest.Job{ID: r.ID.String(), Key: r.Key}, nil
}

func (q jobReads) List(ctx context.Context, tenant uuid.UUID, l rest.JobQuery) (shown []rest.Job, more bool, err error) {
	records, more, err := q.queue.List(ctx, tenant, jobs.ListQuery(l))
	for _, r := range records {
		shown = append(shown, rest.Job{ID: r.ID.String(), Key: r.Key})
	}
	return shown, more, err
}

func (q jobReads) Dead(context.Context, uuid.UUID, rest.DeadJobQuery) ([]rest.Job, bool, error) {
	return nil, false, nil // is for commands
}

// openTo are the tables that the interface reads on behalf of tenants. All others
// with a tenant_id are closed, because they hold secrets or serve what is not a
// request: keys, parked streams, groups of jobs, the state of sagas.
var openTo = map[string]bool{
	"heads": true, "events": true, "claims": true, "idempotency": true, "snapshots": true, "checkpoints": true,
	"webhook_deliveries": true, "webhook_replays": true, "jobs": true,
	// read models
	"tenant_directory": true, "tenant_details": true, "dead_letters": true, "webhooks": true, "users": true, "sessions": true, "oauth_clients": true,
	"members": true, "mapped_members": true, "user_tenants": true, "tenant_origins": true, "origin_tenants": true, "identity_providers": true, "mail_domains": true, "identities": true, "roles": true, "invites": true, "api_keys": true, "service_accounts": true,
}

// TestEveryTableHasTheWall, also those of a generation to which a read model was
// switched, and nobody writes or reads past it.
func TestEveryTableHasTheWall(t *testing.T) {
	t.Parallel()
	r, parts := newNodeOn(t, postgrestest.New(t))
	r.send("POST", "/v1/projections/access/rebuild", `{"reason":"test"}`).ok(200)
	require.Eventually(t, func() bool {
		var generation int
		require.NoError(t, parts.pool.QueryRow(t.Context(), "SELECT generation FROM read_models WHERE projection = 'access'").Scan(&generation))
		return generation == 2
	}, time.Minute, 20*time.Millisecond)

	rows, err := parts.pool.Query(t.Context(), `
		SELECT n.nspname, c.relname, c.relkind = 'v', c.relrowsecurity,
		       coalesce(c.reloptions, '{}') @> '{security_invoker=true}',
		       coalesce((SELECT string_agg(p.polname || ' ' || p.polcmd::text || ' ' || array_to_string(p.polroles::regrole[], ',') || ' ' || pg_get_expr(p.polqual, c.oid), ';')
		                 FROM pg_policy p WHERE p.polrelid = c.oid), ''),
		       has_any_column_privilege('tansu_tenant', c.oid, 'SELECT'),
		       has_table_privilege('tansu_tenant', c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE') OR has_any_column_privilege('tansu_tenant', c.oid, 'INSERT, UPDATE')
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped
		WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')`)
	require.NoError(t, err)
	var schema, table, policy string
	var view, secured, invoker, read, written bool
	seen := map[string]bool{}
	_, err = pgx.ForEachRow(rows, []any{&schema, &table, &view, &secured, &invoker, &policy, &read, &written}, func() error {
		name := schema + "." + table
		seen[name] = true
		if view {
			require.True(t, invoker, "%s shows what its owner sees", name)
		} else {
			require.True(t, secured, "%s: SELECT wall('%s') in its migration", name, table)
			require.Equal(t, "own_tenant r tansu_tenant (tenant_id = (NULLIF(current_setting('tansu.tenant'::text, true), ''::text))::uuid)", policy, name)
		}
		require.Equal(t, openTo[table], read, "whether %s may be read stands in the list above", name)
		require.False(t, written, name)
		return nil
	})
	require.NoError(t, err)
	for _, name := range []string{"public.passwords", "public.members", "access_g2.members", "public.webhook_subscriptions", "webhook_deliveries_g1.webhook_subscriptions"} {
		require.True(t, seen[name], "%s is among %v", name, fmt.Sprint(seen))
	}

	var others []string
	require.NoError(t, parts.pool.QueryRow(t.Context(), `
		SELECT coalesce(array_agg(c.relname::text ORDER BY c.relname), '{}')
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE n.nspname NOT IN ('pg_catalog', 'information_schema') AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
		  AND NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant_id')
		  AND CASE c.relkind WHEN 'S' THEN has_sequence_privilege('tansu_tenant', c.oid, 'USAGE, SELECT, UPDATE')
		      ELSE has_any_column_privilege('tansu_tenant', c.oid, 'SELECT, INSERT, UPDATE') END`).Scan(&others))
	require.Equal(t, []string{"read_models"}, others, "which generation serves is no tenant's")
}
