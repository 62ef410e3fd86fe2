package rest_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tansu.cloud/api/access"
	"tansu.cloud/api/bounds"
	"tansu.cloud/api/rest"
	"tansu.cloud/commands"
	"tansu.cloud/eventstore"
	"tansu.cloud/eventstore/memory"
	"tansu.cloud/platform/federation"
	"tansu.cloud/platform/limits"
	"tansu.cloud/platform/outbound"
)

const token = "tansu_operator_0123456789abcdef"

// rig is the whole interface on real commands and the in-memory log; only the
// read models are folded by a small fake.
type rig struct {
	t       testing.TB
	handler http.Handler
	store   *memory.Store
	models  *readModels
	hooks   *webhookModel
	people  *identityModel
	vault   *vault
	clock   *clock // of authentication
	jobs    *jobModel
	dns     *nameServers
	logs    *bytes.Buffer
	deps    rest.Deps
}

func newRig(t testing.TB, adjust ...func(*rest.Deps)) *rig {
	t.Helper()
	r := &rig{t: t, models: newReadModels(), logs: &bytes.Buffer{}, vault: newVault(), clock: newClock(), dns: &nameServers{}}
	live := newLive(t)
	r.store = memory.New(memory.Options{OnCommit: func(events []eventstore.Event) {
		r.models.committed(events)
		live.relay.Committed(events)
	}})
	deps := commands.Deps{
		Store: r.store, Snapshots: r.store, Codec: eventstore.NewCodec(commands.Registry(), r.store),
		Logger: slog.New(slog.DiscardHandler), EmailIndex: emailIndex,
	}
	r.models.codec = deps.Codec
	r.hooks = &webhookModel{log: r.store, codec: deps.Codec, secrets: map[string]string{}}
	r.people = &identityModel{r.store, deps.Codec}
	upstreams, err := federation.New(federation.Config{
		HTTP: outbound.NewClient(outbound.Config{Allowed: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}), Now: r.clock.Now,
	})
	require.NoError(t, err)
	r.jobs = &jobModel{log: r.store, codec: deps.Codec}
	r.deps = rest.Deps{
		Commands: commands.New(deps), History: commands.NewHistory(deps), Log: r.store,
		Tenants: tenantModel{r.models}, DeadLetters: deadLetterModel{r.models}, Projections: r.models,
		Usage:    usageModel{r.people},
		Webhooks: r.hooks,
		Jobs:     r.jobs,
		Limits:   limits.NewLocal(),
		Users:    userModel{r.people}, Clients: clientModel{r.people}, Directory: r.people, Credentials: r.vault, Consents: r.vault, Mailer: r.vault,
		Federation: upstreams, NameServers: r.dns,
		Signer:    ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize)),
		CursorKey: bytes.Repeat([]byte{9}, 32),
		Health:    func(context.Context) rest.Health { return rest.Health{Started: true, Ready: true} },
		Metrics: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/plain")
			_, _ = io.WriteString(w, "tansu_up 1\n")
		}),
		Logger: slog.New(slog.NewJSONHandler(r.logs, nil)),
	}
	for _, change := range adjust {
		change(&r.deps)
	}
	if r.deps.Access == nil {
		known, err := access.New(access.Deps{
			Operator: operatorHash(token), Tokens: r.vault, Keys: r.deps.Credentials.(access.Keys), Users: r.deps.Users.(access.Users), Directory: r.deps.Directory,
			Tenants: r.deps.Tenants, Issuer: "https://tansu.example.com", Issuers: upstreams, IdentityIndex: identityIndex, Now: r.clock.Now,
		})
		require.NoError(t, err)
		t.Cleanup(known.Close)
		r.deps.Access = known
	}
	if r.deps.Bounds == nil {
		withOrigins(t)(&r.deps)
	}
	if r.deps.Feeds == nil {
		live.start(&r.deps)
	}
	handler, err := rest.New(r.deps)
	require.NoError(t, err)
	r.handler = handler
	return r
}

// withOrigins says whose pages may use all tenants.
func withOrigins(t testing.TB, origins ...string) func(*rest.Deps) {
	return func(d *rest.Deps) {
		table, err := bounds.NewTable(origins, d.Tenants, d.Directory.(bounds.Origins))
		require.NoError(t, err)
		t.Cleanup(table.Close)
		d.Bounds = table
	}
}

// nameServers are what domains have published.
type nameServers struct{ sync.Map }

func (n *nameServers) LookupTXT(_ context.Context, name string) ([]string, error) {
	if records, known := n.Load(name); known {
		return records.([]string), nil
	}
	return nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: !strings.Contains(name, "broken")}
}

func emailIndex(normalised string) string {
	return fmt.Sprintf("%x", sha256.Sum256([]byte(normalised)))
}

func identityIndex(tenant uuid.UUID, issuer, subject string) string {
	return fmt.Sprintf("%x", sha256.Sum256([]byte(tenant.String()+" "+issuer+" "+subject)))
}

// answer is a recorded response.
type answer struct {
	*httptest.ResponseRecorder
	t testing.TB
}

// send makes a request with the operator token. Headers are "Name: value" lines;
// "-Authorization" leaves the token out.
func (r *rig) send(method, target, body string, headers ...string) answer {
	r.t.Helper()
	req := request(method, target, body, headers...)
	rec := httptest.NewRecorder()
	r.handler.ServeHTTP(rec, req)
	return answer{rec, r.t}
}

func request(method, target, body string, headers ...string) *http.Request {
	req := httptest.NewRequest(method, target, strings.NewReader(body))
	req.Header.Set("Authorization", "Bearer "+token)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for _, h := range headers {
		if name, drop := strings.CutPrefix(h, "-"); drop {
			req.Header.Del(name)
			continue
		}
		name, value, _ := strings.Cut(h, ": ")
		if name == "Host" {
			req.Host = value
			continue
		}
		req.Header.Set(name, value)
	}
	return req
}

func (a answer) json() map[string]any {
	a.t.Helper()
	var v map[string]any
	require.NoError(a.t, json.Unmarshal(a.Body.Bytes(), &v), "%d %s", a.Code, a.Body)
	return v
}

// ok asserts the status and returns the body.
func (a answer) ok(status int) map[string]any {
	a.t.Helper()
	require.Equal(a.t, status, a.Code, a.Body)
	return a.json()
}

// problem asserts a well-formed refusal with the status and code.
func (a answer) problem(status int, code string) map[string]any {
	a.t.Helper()
	require.Equal(a.t, status, a.Code, a.Body)
	require.Equal(a.t, "application/problem+json", a.Header().Get("Content-Type"))
	require.Equal(a.t, "no-store", a.Header().Get("Cache-Control"))
	p := a.json()
	require.Equal(a.t, code, p["code"], a.Body)
	require.Equal(a.t, "https://tansu.cloud/problems/"+code, p["type"])
	require.EqualValues(a.t, status, p["status"])
	require.NotEmpty(a.t, p["title"])
	require.NotEmpty(a.t, p["detail"])
	require.Regexp(a.t, "^[0-9a-f]{32}$", p["traceId"])
	require.Equal(a.t, "urn:tansu:request:"+a.Header().Get("X-Request-Id"), p["instance"])
	return p
}

// pointers lists what the errors of a problem point at, as "pointer code".
func pointers(p map[string]any) []string {
	var all []string
	list, _ := p["errors"].([]any)
	for _, e := range list {
		e := e.(map[string]any)
		all = append(all, e["pointer"].(string)+" "+e["code"].(string))
	}
	return all
}

// events lists the types of the events after a position of the system log.
func (r *rig) events(after int64) []string {
	r.t.Helper()
	page, err := r.store.ReadLog(context.Background(), eventstore.SystemTenant, eventstore.LogQuery{After: after})
	require.NoError(r.t, err)
	types := []string{}
	for _, e := range page.Events {
		types = append(types, e.Type)
	}
	return types
}

func (r *rig) position() int64 {
	r.t.Helper()
	head, err := r.store.Head(context.Background(), eventstore.SystemTenant)
	require.NoError(r.t, err)
	return head.Position
}

// tenant creates a tenant and returns its id.
func (r *rig) tenant(slug string) string {
	r.t.Helper()
	created := r.send("POST", "/v1/tenants", `{"slug":"`+slug+`","name":"Tenant `+slug+`"}`).ok(http.StatusCreated)
	return created["id"].(string)
}

func sortedKeysOf(m map[string]any) []string { return slices.Sorted(maps.Keys(m)) }
