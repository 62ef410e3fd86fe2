package webhooks_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tansu.cloud/commands"
	"tansu.cloud/domain/webhook"
	"tansu.cloud/eventstore"
	"tansu.cloud/platform/bus/jobs"
	"tansu.cloud/platform/outbound"
	"tansu.cloud/platform/postgrestest"
	"tansu.cloud/projections"
	"tansu.cloud/projections/projectionstest"
	"tansu.cloud/projections/readmodels/tenantdirectory"
	readmodel "tansu.cloud/projections/readmodels/webhooks"
	"tansu.cloud/projections/sagas/webhooks"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

// env is a log in PostgreSQL with commands, the relay and a tenant; the saga and
// the workers run when a test starts them.
type env struct {
	*projectionstest.Installation
	t        *testing.T
	commands *commands.Commands
	secrets  *webhooks.Secrets
	found    *readmodel.Endpoints
	tenant   uuid.UUID
	workers  atomic.Pointer[jobs.Workers] // that the saga wakes
}

func newEnv(t *testing.T) *env {
	t.Helper()
	e := &env{Installation: projectionstest.NewInstallation(t, commands.Registry()), t: t, tenant: uuid.New()}
	e.commands = commands.New(commands.Deps{Store: e.Store, Snapshots: e.Store, Codec: e.Codec, Logger: slog.New(slog.DiscardHandler)})
	e.secrets, e.found = webhooks.NewSecrets(e.Pool, [32]byte{1}), readmodel.NewEndpoints(e.Pool)
	return e
}

// follow runs the saga and the read model.
func (e *env) follow() (*projections.Runner, func()) {
	e.t.Helper()
	return e.Follow(webhooks.New(slog.New(slog.DiscardHandler), e.wakeWorkers), readmodel.New(), tenantdirectory.New())
}

// settle waits until the saga has come to the end of the log.
func (e *env) settle(r *projections.Runner) {
	e.t.Helper()
	head, err := e.Store.Head(e.t.Context(), e.tenant)
	require.NoError(e.t, err)
	ctx, cancel := context.WithTimeout(e.t.Context(), time.Minute)
	defer cancel()
	for _, name := range []string{readmodel.Saga, readmodel.Name} {
		require.NoError(e.t, r.Wait(ctx, name, e.tenant, head.Position))
	}
}

// courier may reach loopback.
func (e *env) courier(adjust ...func(*webhooks.Config)) *webhooks.Courier {
	e.t.Helper()
	c := webhooks.Config{
		Pool: e.Pool, Log: e.Store, Secrets: e.secrets, Delays: make([]time.Duration, 7),
		Client: outbound.NewClient(outbound.Config{Allowed: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}),
		Disable: func(ctx context.Context, tenant, id uuid.UUID, reason string) error {
			_, err := e.commands.DisableWebhook(ctx, on(tenant, id.String(), commands.DisableWebhook{Reason: reason}))
			return err
		},
	}
	for _, change := range adjust {
		change(&c)
	}
	courier, err := webhooks.NewCourier(c)
	require.NoError(e.t, err)
	e.t.Cleanup(c.Client.CloseIdleConnections)
	return courier
}

// work runs the jobs.
func (e *env) work(c *webhooks.Courier) (stop func()) { return e.workEvery(20*time.Millisecond, c) }

// workEvery looks for jobs at intervals, and when the saga has enqueued some.
func (e *env) workEvery(interval time.Duration, c *webhooks.Courier) (stop func()) {
	e.t.Helper()
	w, err := jobs.New(jobs.Config{Pool: e.Pool, NodeID: "test", Kinds: c.Kinds(), PollInterval: interval})
	require.NoError(e.t, err)
	e.workers.Store(w)
	return e.Run(w)
}

func (e *env) wakeWorkers() {
	if w := e.workers.Load(); w != nil {
		w.Wake()
	}
}

func on[C any](tenant uuid.UUID, stream string, c C) commands.Request[C] {
	return commands.Request[C]{
		Tenant: tenant, Stream: stream, Command: c, Expected: eventstore.AnyVersion,
		Caller: commands.Caller{Actor: "operator", Permissions: func(string) bool { return true }},
	}
}

// hook is a registered webhook.
type hook struct {
	id     uuid.UUID
	secret string
}

func (e *env) register(target webhook.Target) hook {
	e.t.Helper()
	target.PlainHTTP = true
	id := uuid.Must(uuid.NewV7())
	name, text, err := e.secrets.NewSecret(e.t.Context(), e.tenant, id)
	require.NoError(e.t, err)
	_, err = e.commands.RegisterWebhook(e.t.Context(), on(e.tenant, id.String(), commands.RegisterWebhook{Target: target, Secret: name}))
	require.NoError(e.t, err)
	return hook{id, text}
}

func (e *env) rotate(h hook, overlap time.Duration) (secret string) {
	e.t.Helper()
	name, text, err := e.secrets.NewSecret(e.t.Context(), e.tenant, h.id)
	require.NoError(e.t, err)
	_, err = e.commands.RotateWebhookSecret(e.t.Context(), on(e.tenant, h.id.String(), commands.RotateWebhookSecret{Secret: name, Overlap: overlap}))
	require.NoError(e.t, err)
	return text
}

// append writes events of the type order.paid, one for each amount, to a stream
// and returns the position of the last one.
func (e *env) append(stream string, amounts ...int) int64 {
	e.t.Helper()
	position, err := e.tryAppend(stream, amounts...)
	require.NoError(e.t, err)
	return position
}

func (e *env) tryAppend(stream string, amounts ...int) (int64, error) {
	w := eventstore.StreamWrite{Stream: eventstore.Stream{Type: "order", ID: stream}, Expected: eventstore.AnyVersion}
	for _, amount := range amounts {
		w.Events = append(w.Events, eventstore.NewEvent{
			ID: uuid.Must(uuid.NewV7()), Type: "order.paid", SchemaVersion: 1, Data: json.RawMessage(fmt.Sprintf(`{"total":%d}`, amount)),
		})
	}
	res, err := e.Store.Append(e.t.Context(), eventstore.Append{
		TenantID: e.tenant, Writes: []eventstore.StreamWrite{w}, Metadata: eventstore.Metadata{Actor: "till"},
	})
	return res.Position, err
}

func (e *env) eventually(condition func() bool, about string) {
	e.t.Helper()
	require.Eventually(e.t, condition, time.Minute, 10*time.Millisecond, about)
}

// jobs counts the rows of a kind, by a condition.
func (e *env) jobs(kind, condition string) (n int) {
	e.t.Helper()
	require.NoError(e.t, e.Pool.QueryRow(e.t.Context(),
		"SELECT count(*) FROM jobs WHERE kind = $1 AND "+condition, kind).Scan(&n))
	return n
}

// positions lists the positions that jobs deliver to a webhook, in the order in
// which they were enqueued.
func (e *env) positions(h hook) []int64 {
	e.t.Helper()
	rows, err := e.Pool.Query(e.t.Context(), "SELECT key FROM jobs WHERE kind = 'webhook.deliver' AND starts_with(key, $1) ORDER BY seq", h.id.String()+"/")
	require.NoError(e.t, err)
	defer rows.Close()
	var found []int64
	for rows.Next() {
		var key string
		require.NoError(e.t, rows.Scan(&key))
		position, err := strconv.ParseInt(strings.Split(key, "/")[1], 10, 64)
		require.NoError(e.t, err)
		found = append(found, position)
	}
	require.NoError(e.t, rows.Err())
	return found
}

type delivery = readmodel.Delivery

// deliveries is the delivery log, oldest first.
func (e *env) deliveries(h hook) []delivery {
	e.t.Helper()
	page, _, err := e.found.Deliveries(e.t.Context(), e.tenant, h.id, readmodel.DeliveryQuery{Limit: 1000})
	require.NoError(e.t, err)
	slices.Reverse(page)
	return page
}

// message is what a receiver got.
type message struct {
	at     time.Time
	header http.Header
	body   []byte
	event  struct {
		ID, Type, Subject, Source string
		Position                  string `json:"tansuposition"`
		StreamID                  string `json:"tansustreamid"`
		Version                   string `json:"tansuversion"`
		Data                      json.RawMessage
	}
}

func (m message) position() int64 {
	n, err := strconv.ParseInt(m.event.Position, 10, 64)
	if err != nil {
		panic(err)
	}
	return n
}

// receiver is an address. answer decides about each message; nil accepts all.
type receiver struct {
	*httptest.Server
	mu       sync.Mutex
	messages []message
	answer   func(w http.ResponseWriter, m message, seen int) // seen: how often this message came before
}

func newReceiver(t *testing.T, answer func(http.ResponseWriter, message, int)) *receiver {
	t.Helper()
	r := &receiver{answer: answer}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		m := message{at: time.Now(), header: req.Header, body: body}
		if err != nil || json.Unmarshal(body, &m.event) != nil || req.Method != http.MethodPost {
			w.WriteHeader(http.StatusTeapot)
			return
		}
		r.mu.Lock()
		seen := 0
		for _, other := range r.messages {
			if other.header.Get("Webhook-Id") == m.header.Get("Webhook-Id") {
				seen++
			}
		}
		r.messages = append(r.messages, m)
		answer := r.answer
		r.mu.Unlock()
		if answer != nil {
			answer(w, m, seen)
		}
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) got() []message {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]message{}, r.messages...)
}

func (r *receiver) decide(answer func(http.ResponseWriter, message, int)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = answer
}

// verify checks a message as the text of Standard Webhooks 1.0 says, from a
// receiver's point of view.
func verify(secret string, h http.Header, payload []byte, now time.Time) error {
	encoded, found := strings.CutPrefix(secret, "whsec_")
	if !found {
		return fmt.Errorf("the secret has no prefix")
	}
	key, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil || len(key) < 24 || len(key) > 64 {
		return fmt.Errorf("the secret must be 24 to 64 bytes in base64: %w", err)
	}
	id, timestamp := h.Get("webhook-id"), h.Get("webhook-timestamp")
	if id == "" || strings.Contains(id, ".") {
		return fmt.Errorf("the id %q is empty or has a dot", id)
	}
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil || now.Sub(time.Unix(seconds, 0)).Abs() > 5*time.Minute {
		return fmt.Errorf("the timestamp %q is too old or no number", timestamp)
	}
	content := append([]byte(id+"."+timestamp+"."), payload...)
	for _, signature := range strings.Split(h.Get("webhook-signature"), " ") {
		version, value, _ := strings.Cut(signature, ",")
		if version != "v1" {
			continue
		}
		mac := hmac.New(sha256.New, key)
		mac.Write(content)
		if raw, err := base64.StdEncoding.DecodeString(value); err == nil && hmac.Equal(raw, mac.Sum(nil)) {
			return nil
		}
	}
	return fmt.Errorf("no signature fits")
}
