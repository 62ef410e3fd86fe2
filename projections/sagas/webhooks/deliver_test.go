package webhooks_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tansu.cloud/commands"
	"tansu.cloud/domain/webhook"
	"tansu.cloud/eventstore"
	"tansu.cloud/platform/bus/jobs"
	"tansu.cloud/platform/outbound"
	"tansu.cloud/projections"
	"tansu.cloud/projections/feeds"
	"tansu.cloud/projections/readmodels/tenantdirectory"
	readmodel "tansu.cloud/projections/readmodels/webhooks"
	"tansu.cloud/projections/sagas/webhooks"
)

// bench is a webhook on a receiver with one event to deliver by hand.
type bench struct {
	*env
	runner   *projections.Runner
	courier  *webhooks.Courier
	receiver *receiver
	hook     hook
	position int64
}

func newBench(t *testing.T, answer func(http.ResponseWriter, message, int), adjust ...func(*webhooks.Config)) *bench {
	t.Helper()
	b := &bench{env: newEnv(t)}
	b.runner, _ = b.follow()
	b.courier, b.receiver = b.env.courier(adjust...), newReceiver(t, answer)
	b.hook = b.register(webhook.Target{URL: b.receiver.URL + "/hooks?key=1"})
	b.position = b.append("a", 42)
	b.settle(b.runner)
	return b
}

// attempt does the job once, as workers do.
func (b *bench) attempt(attempt int) error {
	payload, err := json.Marshal(map[string]any{"webhook_id": b.hook.id, "position": b.position})
	require.NoError(b.t, err)
	return b.courier.Kinds()["webhook.deliver"].Handle(b.t.Context(), jobs.Delivery{
		Job: jobs.Job{TenantID: b.tenant, Kind: "webhook.deliver", Payload: payload}, Attempt: attempt, LastAttempt: attempt == 8,
	})
}

func (b *bench) last() readmodel.Delivery {
	b.t.Helper()
	all := b.deliveries(b.hook)
	require.NotEmpty(b.t, all)
	return all[len(all)-1]
}

func TestAMessageIsASignedCloudEvent(t *testing.T) {
	t.Parallel()
	b := newBench(t, func(w http.ResponseWriter, _ message, _ int) {
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(w, "thank you")
	})
	require.NoError(t, b.attempt(1))
	require.NoError(t, b.attempt(2))
	got := b.receiver.got()
	require.Len(t, got, 2)
	m := got[0]
	require.NoError(t, verify(b.hook.secret, m.header, m.body, time.Now()))
	require.Error(t, verify(b.hook.secret, m.header, append(m.body, ' '), time.Now()), "another body has another signature")
	page, err := b.Store.ReadLog(t.Context(), b.tenant, eventstore.LogQuery{After: b.position - 1, Limit: 1})
	require.NoError(t, err)
	e := page.Events[0]
	require.Equal(t, string(feeds.NewEntry(e).CloudEvent()), string(m.body), "it is what feeds deliver")
	require.Equal(t, "application/cloudevents+json", m.header.Get("Content-Type"))
	require.Regexp(t, "^Tansu-Webhooks/", m.header.Get("User-Agent"))
	require.Equal(t, e.ID.String()+"_"+b.hook.id.String(), m.header.Get("Webhook-Id"))
	require.Equal(t, m.header.Get("Webhook-Id"), got[1].header.Get("Webhook-Id"), "the id is the same for each attempt")
	d := b.last()
	require.Equal(t, readmodel.Delivery{
		ID: d.ID, Position: b.position, EventType: "order.paid", Attempt: 2, Outcome: "delivered", Status: 202,
		Duration: d.Duration, Response: "thank you", RecordedAt: d.RecordedAt,
	}, d)
}

func TestTwoSecretsSignSideBySide(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	second := b.rotate(b.hook, time.Hour)
	b.settle(b.runner)
	require.NoError(t, b.attempt(1))
	m := b.receiver.got()[0]
	require.Len(t, strings.Split(m.header.Get("Webhook-Signature"), " "), 2)
	require.NoError(t, verify(b.hook.secret, m.header, m.body, time.Now()))
	require.NoError(t, verify(second, m.header, m.body, time.Now()))

	third := b.rotate(b.hook, 0)
	b.settle(b.runner)
	require.NoError(t, b.attempt(1))
	m = b.receiver.got()[1]
	require.NoError(t, verify(third, m.header, m.body, time.Now()))
	require.Error(t, verify(second, m.header, m.body, time.Now()), "its time is over")
	require.Error(t, verify(b.hook.secret, m.header, m.body, time.Now()))
}

// TestAnswers: what follows from each answer.
func TestAnswers(t *testing.T) {
	t.Parallel()
	reply := func(status int, headers ...string) func(http.ResponseWriter, message, int) {
		return func(w http.ResponseWriter, _ message, _ int) {
			for _, h := range headers {
				name, value, _ := strings.Cut(h, ": ")
				w.Header().Set(name, value)
			}
			w.WriteHeader(status)
		}
	}
	b := newBench(t, nil)
	for name, tc := range map[string]struct {
		answer  func(http.ResponseWriter, message, int)
		attempt int
		outcome string
		err     string // of the job; empty: done
	}{
		"200":                    {reply(200), 1, "delivered", ""},
		"299":                    {reply(299), 1, "delivered", ""},
		"a redirect":             {reply(307, "Location: https://example.com/"), 1, "retried", "redirect 307"},
		"not modified":           {reply(304), 1, "retried", "redirect 304"},
		"400":                    {reply(400), 1, "retried", "answered 400"},
		"500":                    {reply(500), 7, "retried", "answered 500"},
		"500 at last":            {reply(500), 8, "parked", "answered 500"},
		"429":                    {reply(429, "Retry-After: 120"), 1, "retried", "answered 429"},
		"an answer without end":  {endless, 1, "delivered", ""},
		"a connection that ends": {func(http.ResponseWriter, message, int) { panic(http.ErrAbortHandler) }, 1, "retried", "no answer"},
	} {
		b.receiver.decide(tc.answer)
		err := b.attempt(tc.attempt)
		if tc.err == "" {
			require.NoError(t, err, name)
		} else {
			require.ErrorContains(t, err, tc.err, name)
			require.NotContains(t, err.Error(), "key=1", "the address may hold something secret")
		}
		require.Equal(t, tc.outcome, b.last().Outcome, name)
		require.LessOrEqual(t, len(b.last().Response), 1024, name)
	}
}

func TestAnAddressThatIsGoneDisablesTheWebhook(t *testing.T) {
	t.Parallel()
	b := newBench(t, func(w http.ResponseWriter, _ message, _ int) { w.WriteHeader(http.StatusGone) })
	require.NoError(t, b.attempt(8))
	require.Equal(t, "gone", b.last().Outcome)
	b.settle(b.runner)
	found, err := b.found.Get(t.Context(), b.tenant, b.hook.id)
	require.NoError(t, err)
	require.Equal(t, "disabled", found.Status)
	require.Contains(t, found.DisabledReason, "410")
	require.NoError(t, b.attempt(1))
	require.Equal(t, "skipped", b.last().Outcome)
	require.Len(t, b.receiver.got(), 1)
}

// endless answers for as long as somebody reads.
func endless(w http.ResponseWriter, _ message, _ int) {
	for chunk := []byte(strings.Repeat("x", 4096)); ; {
		if _, err := w.Write(chunk); err != nil {
			return
		}
	}
}

// TestRetryAfterCountsIfItIsLater than the next attempt would be anyway.
func TestRetryAfterCountsIfItIsLater(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.follow()
	values := map[string]string{
		"later": "120", "sooner": "3", "date": time.Now().Add(time.Hour).UTC().Format(http.TimeFormat), "never": "999999999", "odd": "soon",
	}
	r := newReceiver(t, func(w http.ResponseWriter, m message, _ int) {
		w.Header().Set("Retry-After", values[m.event.StreamID])
		w.WriteHeader(http.StatusServiceUnavailable)
	})
	h := e.register(webhook.Target{URL: r.URL})
	for stream := range values {
		e.append(stream, 1)
	}
	e.work(e.courier(func(c *webhooks.Config) { c.Delays = []time.Duration{time.Minute} }))
	e.eventually(func() bool { return e.jobs("webhook.deliver", "state = 'scheduled'") == len(values) }, "each must be refused once")
	for stream, want := range map[string]time.Duration{
		"later": 2 * time.Minute, "sooner": time.Minute, "date": time.Hour, "never": 10 * time.Hour, "odd": time.Minute,
	} {
		var at time.Time
		require.NoError(t, e.Pool.QueryRow(t.Context(), "SELECT run_at FROM jobs WHERE job_group = $1", h.id.String()+"/order/"+stream).Scan(&at))
		require.WithinDuration(t, time.Now().Add(want), at, 30*time.Second, stream)
	}
}

func TestForbiddenAddressesAreNotReached(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil, func(c *webhooks.Config) { c.Client = outbound.NewClient(outbound.Config{}) })
	require.ErrorContains(t, b.attempt(1), "public internet")
	require.Empty(t, b.receiver.got())
	d := b.last()
	require.Equal(t, "retried", d.Outcome)
	require.NotContains(t, d.Error, "127.0.0.1", "what a name resolves to is not told")
}

func TestNothingIsSentForTheDeletedAndTheClosed(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	created, err := b.commands.CreateTenant(t.Context(), on(eventstore.SystemTenant, b.tenant.String(), commands.CreateTenant{Slug: "acme", Name: "Acme"}))
	require.NoError(t, err)
	suspended, err := b.commands.SuspendTenant(t.Context(), on(eventstore.SystemTenant, created.State.ID, commands.SuspendTenant{Reason: "r"}))
	require.NoError(t, err)
	require.NoError(t, b.runner.Wait(t.Context(), tenantdirectory.Name, eventstore.SystemTenant, suspended.Position))
	require.NoError(t, b.attempt(1))
	require.Equal(t, "skipped", b.last().Outcome)
	require.Contains(t, b.last().Error, "suspended")
	active, err := b.commands.ReactivateTenant(t.Context(), on(eventstore.SystemTenant, created.State.ID, commands.ReactivateTenant{}))
	require.NoError(t, err)
	require.NoError(t, b.runner.Wait(t.Context(), tenantdirectory.Name, eventstore.SystemTenant, active.Position))
	require.NoError(t, b.attempt(1))
	require.Equal(t, "delivered", b.last().Outcome)

	_, err = b.commands.DeleteWebhook(t.Context(), on(b.tenant, b.hook.id.String(), commands.DeleteWebhook{}))
	require.NoError(t, err)
	b.settle(b.runner)
	require.NoError(t, b.attempt(1))
	require.Len(t, b.receiver.got(), 1)
}

func TestAnAttemptThatIsInterruptedIsNotCounted(t *testing.T) {
	t.Parallel()
	arrived := make(chan struct{})
	release := make(chan struct{})
	b := newBench(t, func(http.ResponseWriter, message, int) { close(arrived); <-release })
	defer close(release)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-arrived; cancel() }()
	payload, err := json.Marshal(map[string]any{"webhook_id": b.hook.id, "position": b.position})
	require.NoError(t, err)
	err = b.courier.Kinds()["webhook.deliver"].Handle(ctx, jobs.Delivery{Job: jobs.Job{TenantID: b.tenant, Payload: payload}, Attempt: 1})
	require.ErrorIs(t, err, context.Canceled)
	require.Empty(t, b.deliveries(b.hook))
}

func TestJobsOfNothingDie(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	deliver := b.courier.Kinds()["webhook.deliver"].Handle
	require.Error(t, deliver(t.Context(), jobs.Delivery{Job: jobs.Job{TenantID: b.tenant, Payload: json.RawMessage(`[]`)}}))
	b.position = 999
	require.ErrorContains(t, b.attempt(1), "no event at position 999")
	require.Error(t, b.courier.Kinds()["webhook.replay"].Handle(t.Context(), jobs.Delivery{
		Job: jobs.Job{TenantID: b.tenant, Payload: json.RawMessage(`{"replay_id":"7b8f9a1e-0000-4000-8000-000000000000"}`)},
	}))
}

func TestTestsAreSentAtOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t, func(w http.ResponseWriter, _ message, seen int) {
		w.WriteHeader(http.StatusTeapot)
		_, _ = w.Write([]byte("short\x00\xff" + strings.Repeat("x", 2000)))
	})
	_, err := b.commands.DisableWebhook(t.Context(), on(b.tenant, b.hook.id.String(), commands.DisableWebhook{Reason: "not yet"}))
	require.NoError(t, err)
	b.settle(b.runner)
	d, err := b.courier.Test(t.Context(), b.tenant, b.hook.id, "operator")
	require.NoError(t, err)
	require.Equal(t, "test", d.Outcome)
	require.Equal(t, 418, d.Status)
	require.Equal(t, "the address answered 418", d.Error)
	require.Regexp(t, "^short��x+$", d.Response)
	require.Equal(t, d.Status, b.last().Status, "a test is in the delivery log too")
	m := b.receiver.got()[0]
	require.NoError(t, verify(b.hook.secret, m.header, m.body, time.Now()))
	require.Equal(t, "webhook.test", m.event.Type)
	require.JSONEq(t, `{"webhook_id":"`+b.hook.id.String()+`"}`, string(m.event.Data))

	_, err = b.courier.Test(t.Context(), uuid.New(), b.hook.id, "operator")
	require.ErrorIs(t, err, readmodel.ErrNotFound)
}

func TestConfigIsChecked(t *testing.T) {
	t.Parallel()
	_, err := webhooks.NewCourier(webhooks.Config{})
	for _, field := range []string{"Pool", "Log", "Secrets", "Client", "Disable"} {
		require.ErrorContains(t, err, field)
	}
}
