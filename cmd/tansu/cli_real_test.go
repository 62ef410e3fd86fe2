package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tansu.cloud/api/access"
	"tansu.cloud/api/bounds"
	"tansu.cloud/api/rest"
	"tansu.cloud/commands"
	"tansu.cloud/domain/projection"
	"tansu.cloud/domain/tenant"
	"tansu.cloud/eventstore"
	"tansu.cloud/eventstore/memory"
	"tansu.cloud/platform/limits"
	"tansu.cloud/projections/readmodels/deadletters"
	"tansu.cloud/projections/readmodels/tenantdirectory"
)

// logModels answers the questions of read models from the log itself.
type logModels struct {
	log     *memory.Store
	history *commands.History
}

func (m logModels) Details(context.Context, uuid.UUID) (tenantdirectory.Details, error) {
	return tenantdirectory.Details{}, nil
}

func (m logModels) All(context.Context, uuid.UUID) (map[string]int64, error) { return nil, nil }

func (m logModels) Get(ctx context.Context, idOrSlug string) (tenantdirectory.Tenant, error) {
	id := idOrSlug
	if holder, held, _ := m.log.ClaimHolder(ctx, eventstore.SystemTenant, tenant.SlugScope, idOrSlug); held {
		id = holder.ID
	}
	past, err := m.history.StateAt(ctx, eventstore.SystemTenant, eventstore.Stream{Type: tenant.StreamType, ID: id}, commands.Moment{})
	if err != nil {
		return tenantdirectory.Tenant{}, tenantdirectory.ErrNotFound
	}
	var s tenant.State
	if err := json.Unmarshal(past.State, &s); err != nil {
		return tenantdirectory.Tenant{}, err
	}
	settings, err := json.Marshal(s.Settings)
	return tenantdirectory.Tenant{
		ID: uuid.MustParse(id), Slug: s.Slug, Name: s.Name, Status: string(s.Status), Settings: settings,
		Version: past.Version, CreatedAt: s.CreatedAt, UpdatedAt: s.UpdatedAt,
	}, err
}

func (m logModels) List(ctx context.Context, q tenantdirectory.ListQuery) (found []tenantdirectory.Tenant, more bool, err error) {
	page, err := m.log.ReadLog(ctx, eventstore.SystemTenant, eventstore.LogQuery{Types: []string{"tenant.created"}})
	for _, e := range page.Events {
		t, err := m.Get(ctx, e.Stream.ID)
		if err != nil {
			return nil, false, err
		}
		if (q.Status == "" || q.Status == t.Status) && len(found) < q.Limit {
			found = append(found, t)
		}
	}
	return found, false, err
}

func (m logModels) Count(context.Context, tenantdirectory.Filter) (int64, error) { return 0, nil }

type noLetters struct{}

func (noLetters) Get(context.Context, uuid.UUID) (deadletters.Letter, error) {
	return deadletters.Letter{}, deadletters.ErrNotFound
}

func (noLetters) List(context.Context, deadletters.ListQuery) ([]deadletters.Letter, bool, error) {
	return nil, false, nil
}

// noWebhooks is never asked.
type noWebhooks struct{ rest.Webhooks }

// noFeeds is never asked.
type noFeeds struct{ rest.Feeds }

// noJobs is never asked.
type noJobs struct{ rest.Jobs }

// The tests of sign-ins ask about people; see cli_login_real_test.go.
type (
	noUsers       struct{ rest.Users }
	noClients     struct{ rest.Clients }
	noDirectory   struct{ rest.Directory }
	noCredentials struct{ rest.Credentials }
	noFederation  struct{ rest.Federation }
	noNameServers struct{ rest.NameServers }
)

type (
	origins    = bounds.Origins
	noOrigins  struct{ origins }
	consents   = rest.Consents
	noConsents struct{ consents }
)

type oneProjection struct{}

func (oneProjection) Status(context.Context) ([]rest.ProjectionStatus, error) {
	return []rest.ProjectionStatus{{Name: "tenant_directory", Version: 1, Generation: 1, State: "live"}}, nil
}

func (oneProjection) Wait(context.Context, string, uuid.UUID, int64) error { return nil }

func (oneProjection) Shown(string, uuid.UUID) (string, int64, bool) { return "", 0, false }

// realServer is the real API on the in-memory log.
func realServer(t *testing.T) (string, *memory.Store) {
	t.Helper()
	log := memory.New(memory.Options{})
	deps := commands.Deps{
		Store: log, Snapshots: log, Codec: eventstore.NewCodec(commands.Registry(), log), Logger: slog.New(slog.DiscardHandler),
		EmailIndex: func(email string) string { return "hash of " + email },
	}
	history := commands.NewHistory(deps)
	callers, err := access.New(access.Deps{Operator: access.OperatorHash(sha256.Sum256([]byte(testToken)))})
	require.NoError(t, err)
	table, err := bounds.NewTable(nil, logModels{log, history}, noOrigins{})
	require.NoError(t, err)
	t.Cleanup(table.Close)
	handler, err := rest.New(rest.Deps{
		Commands: commands.New(deps), History: history, Log: log,
		Tenants: logModels{log, history}, DeadLetters: noLetters{}, Projections: oneProjection{},
		Usage: logModels{}, Bounds: table, Limits: limits.NewLocal(), Webhooks: noWebhooks{}, Jobs: noJobs{}, Feeds: noFeeds{}, Sockets: http.NotFoundHandler(),
		Access: callers, Users: noUsers{}, Clients: noClients{}, Directory: noDirectory{}, Credentials: noCredentials{}, Consents: noConsents{}, Mailer: noMail{},
		Federation: noFederation{}, NameServers: noNameServers{},
		Identity: http.NotFoundHandler(), Signer: signer, CursorKey: bytes.Repeat([]byte{9}, 32),
		Health:  func(context.Context) rest.Health { return rest.Health{Started: true, Ready: true} },
		Metrics: http.NotFoundHandler(), Logger: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	srv := httptest.NewServer(handler)
	t.Cleanup(srv.Close)
	return srv.URL, log
}

func decoded[T any](t *testing.T, r result) (v T) {
	t.Helper()
	r.wantOK(t)
	require.NoError(t, json.Unmarshal([]byte(r.stdout), &v), r.stdout)
	return v
}

func TestTenantLifeAgainstTheRealAPI(t *testing.T) {
	t.Parallel()
	url, _ := realServer(t)
	created := decoded[tenantInfo](t, tansu(t, url, "tenants", "create", "acme", "--name", "Acme", "--settings", `{"plan":"pro"}`, "-o", "json"))
	require.Equal(t, "active", created.Status)
	require.JSONEq(t, `{"plan":"pro"}`, string(created.Settings))

	require.Equal(t, "Acme 2", decoded[tenantInfo](t, tansu(t, url, "tenants", "rename", "acme", "Acme 2", "--if-version", "1", "-o", "json")).Name)
	r := tansu(t, url, "tenants", "rename", "acme", "Acme 3", "--if-version", "1")
	require.Equal(t, exitConflict, r.code)
	require.Contains(t, r.stderr, "precondition_failed")

	r = tansu(t, url, "tenants", "create", "acme", "--name", "Other")
	require.Equal(t, exitConflict, r.code, r.stderr)
	r = tansu(t, url, "tenants", "create", "www", "--name", "Reserved")
	require.Equal(t, exitError, r.code)
	require.Contains(t, r.stderr, "/slug")

	again := func() result {
		return tansu(t, url, "tenants", "set-settings", "acme", "{}", "--idempotency-key", "once", "-o", "jsonl").wantOK(t)
	}
	require.Equal(t, again().stdout, again().stdout)

	tansu(t, url, "tenants", "suspend", "acme", "--reason", "late").wantOK(t)
	r = tansu(t, url, "events", "list", "--tenant", "acme")
	require.Equal(t, exitConflict, r.code)
	require.Contains(t, r.stderr, "tenant_suspended")
	require.Len(t, decoded[[]tenantInfo](t, tansu(t, url, "tenants", "list", "--status", "suspended", "-o", "json")), 1)
	tansu(t, url, "tenants", "reactivate", "acme").wantOK(t)
	tansu(t, url, "events", "list", "--tenant", "acme").wantOK(t)
	require.Equal(t, exitNotFound, tansu(t, url, "events", "list", "--tenant", "globex").code)
	require.Equal(t, "archived", decoded[tenantInfo](t, tansu(t, url, "tenants", "archive", "acme", "--reason", "gone", "-o", "json")).Status)
	require.Equal(t, exitNotFound, tansu(t, url, "tenants", "show", "globex").code)
	require.Equal(t, exitAuth, tansu(t, url, "tenants", "list", "--token", "wrong").code)
}

func TestReplayAgainstTheRealAPI(t *testing.T) {
	t.Parallel()
	url, _ := realServer(t)
	id := decoded[tenantInfo](t, tansu(t, url, "tenants", "create", "acme", "--name", "v1", "-o", "json")).ID
	for _, name := range []string{"v2", "v3"} {
		tansu(t, url, "tenants", "rename", "acme", name).wantOK(t)
	}
	stream := "tenant/" + id

	events := decoded[[]eventInfo](t, tansu(t, url, "events", "list", "--type", "tenant.created,tenant.renamed", "--actor", "operator", "-o", "json"))
	require.Len(t, events, 3)
	require.Len(t, decoded[[]eventInfo](t, tansu(t, url, "events", "list", "--after", "3", "--order", "desc", "-o", "json")), 2)
	require.Len(t, decoded[[]eventInfo](t, tansu(t, url, "streams", "list", stream, "--after", "1", "-o", "json")), 2)
	require.Equal(t, "tenant.renamed", decoded[eventInfo](t, tansu(t, url, "events", "show", "2", "-o", "json")).Type)
	require.Equal(t, exitNotFound, tansu(t, url, "events", "show", "99").code)

	for at, name := range map[string]string{"1": "v1", "2": "v2", "": "v3", events[1].RecordedAt.Format("2006-01-02T15:04:05.999999Z07:00"): "v2"} {
		state := decoded[stateInfo](t, tansu(t, url, "streams", "show", stream, "--at", at, "-o", "json"))
		require.Contains(t, string(state.State), `"name": "`+name+`"`, "at %q", at)
	}
	require.Contains(t, tansu(t, url, "streams", "diff", stream, "--from", "1").wantOK(t).stdout, `"v3"`)
	require.Equal(t, exitNotFound, tansu(t, url, "streams", "show", "tenant/"+uuid.NewString()).code)

	require.Len(t, decoded[[]projectionInfo](t, tansu(t, url, "projections", "list", "-o", "json")), 1)
	require.Empty(t, decoded[[]deadLetterInfo](t, tansu(t, url, "dead-letters", "list", "--status", "parked", "-o", "json")))
	require.Zero(t, decoded[redriveInfo](t, tansu(t, url, "dead-letters", "redrive", "--all", "-o", "json")).Requested)
	require.Equal(t, exitNotFound, tansu(t, url, "dead-letters", "show", uuid.NewString()).code)
	tansu(t, url, "api", "GET", "/livez").wantOK(t)
	require.Equal(t, exitNotFound, tansu(t, url, "api", "GET", "/v1/nothing").code)
}

func TestProjectionCommandsAgainstTheRealAPI(t *testing.T) {
	t.Parallel()
	url, log := realServer(t)
	appendProjection(t, log, "tenant_directory")
	tansu(t, url, "projections", "pause", "tenant_directory", "--reason", "maintenance").wantOK(t)
	tansu(t, url, "projections", "resume", "tenant_directory").wantOK(t)
	tansu(t, url, "projections", "rebuild", "tenant_directory").wantOK(t)
	r := tansu(t, url, "projections", "rebuild", "tenant_directory")
	require.Equal(t, exitConflict, r.code, r.stderr)
	tansu(t, url, "projections", "rebuild", "tenant_directory", "--cancel").wantOK(t)
	events := decoded[[]eventInfo](t, tansu(t, url, "streams", "list", "projection/tenant_directory", "--after", "1", "-o", "json"))
	types := []string{}
	for _, e := range events {
		types = append(types, e.Type)
	}
	require.Equal(t, []string{"projection.paused", "projection.resumed", "projection.rebuild_started", "projection.rebuild_cancelled"}, types)
}

// appendProjection makes a projection exist.
func appendProjection(t *testing.T, log *memory.Store, name string) {
	t.Helper()
	event, err := eventstore.NewCodec(commands.Registry(), log).Encode(t.Context(), eventstore.SystemTenant, projection.Activated{Generation: 1, Version: 1})
	require.NoError(t, err)
	_, err = log.Append(t.Context(), eventstore.Append{TenantID: eventstore.SystemTenant, Writes: []eventstore.StreamWrite{{
		Stream: eventstore.Stream{Type: projection.StreamType, ID: name}, Expected: eventstore.NoStream, Events: []eventstore.NewEvent{event},
	}}})
	require.NoError(t, err)
}

func TestAuditAgainstTheRealAPI(t *testing.T) {
	t.Parallel()
	url, log := realServer(t)
	fill(t, log, eventstore.SystemTenant, 300)
	file := filepath.Join(t.TempDir(), "system.zip")
	tansu(t, url, "audit", "export", "--file", file).wantOK(t)
	key := decoded[struct {
		PublicKey string `json:"public_key"`
	}](t, tansu(t, url, "api", "GET", "/v1/audit/key"))
	tansu(t, "http://127.0.0.1:1", "audit", "verify-export", file, "--public-key", key.PublicKey).wantOK(t)
	require.True(t, decoded[auditInfo](t, tansu(t, url, "audit", "verify", "--against", file, "-o", "json")).OK)

	other, another := realServer(t)
	fill(t, another, eventstore.SystemTenant, 300)
	r := tansu(t, other, "audit", "verify", "--against", file)
	require.Equal(t, exitError, r.code)
	require.Contains(t, r.stderr, "rewritten")
}
