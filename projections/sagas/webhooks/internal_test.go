package webhooks

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tansu.cloud/eventstore"
	"tansu.cloud/platform/bus/jobs"
	"tansu.cloud/platform/postgrestest"
	"tansu.cloud/projections/feeds"
	"tansu.cloud/projections/readmodels/webhooks"
)

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"": 0, "0": 0, "17": 17 * time.Second, " 17 ": 17 * time.Second, "-1": 0, "1.5": 0, "x": 0, "99999999999999999999": 0,
		"Fri, 02 Jan 2026 03:05:05 GMT": time.Minute, "Fri, 02 Jan 2026 03:03:05 GMT": 0,
	} {
		require.Equal(t, want, retryAfter(value, now), value)
	}
}

func TestGroupsFitAndStayApart(t *testing.T) {
	t.Parallel()
	hook := uuid.New()
	seen := map[string]bool{}
	for _, s := range []eventstore.Stream{
		{Type: "a", ID: "b"}, {Type: "a", ID: "c"}, {Type: strings.Repeat("t", 100), ID: strings.Repeat("x", 254) + "1"},
		{Type: strings.Repeat("t", 100), ID: strings.Repeat("x", 254) + "2"},
	} {
		group := groupOf(hook, s)
		require.LessOrEqual(t, len(group), jobs.MaxGroup)
		require.True(t, strings.HasPrefix(group, groupPrefix(hook)))
		require.False(t, seen[group], group)
		seen[group] = true
	}
	job := deliveryJob(hook, eventstore.Event{Position: 1<<63 - 1, Stream: eventstore.Stream{Type: "a", ID: "b"}}, uuid.New())
	require.LessOrEqual(t, len(job.Key), jobs.MaxKey)
}

func TestTheDelaysMakeEightAttemptsWithin28Hours(t *testing.T) {
	t.Parallel()
	require.Len(t, delays, 7)
	var all time.Duration
	for _, d := range delays {
		all += d
	}
	require.Equal(t, 27*time.Hour+35*time.Minute+5*time.Second, all)
}

// stuck is an address that never answers.
type stuck struct{}

func (stuck) RoundTrip(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

func TestASlowAddressIsGivenUp(t *testing.T) {
	t.Parallel()
	pool := postgrestest.New(t)
	c, err := NewCourier(Config{
		Pool: pool, Log: noLog{}, Secrets: NewSecrets(pool, [32]byte{1}), Client: &http.Client{Transport: stuck{}},
		Disable: func(context.Context, uuid.UUID, uuid.UUID, string) error { return nil },
	})
	require.NoError(t, err)
	tenant, s := uuid.New(), &subscription{id: uuid.New(), url: "https://example.com/?key=1"}
	name, _, err := c.Secrets.NewSecret(t.Context(), tenant, s.id)
	require.NoError(t, err)
	s.secret = uuid.MustParse(name.ID)
	a, err := c.send(t.Context(), s, feeds.NewEntry(eventstore.Event{TenantID: tenant}), 20*time.Millisecond)
	require.NoError(t, err)
	require.EqualError(t, a.err, "the address did not answer in time")
	require.GreaterOrEqual(t, a.duration, 20*time.Millisecond)
}

type noLog struct{ eventstore.Reader }

// TestRecordsAreBounded by number for each webhook, and by age for all.
func TestRecordsAreBounded(t *testing.T) {
	t.Parallel()
	pool := postgrestest.New(t)
	c, err := NewCourier(Config{
		Pool: pool, Log: noLog{}, Secrets: NewSecrets(pool, [32]byte{1}), Client: http.DefaultClient,
		Disable: func(context.Context, uuid.UUID, uuid.UUID, string) error { return nil },
	})
	require.NoError(t, err)
	found := webhooks.NewEndpoints(pool)
	tenant, busy, quiet := uuid.New(), uuid.New(), uuid.New()
	count := func(hook uuid.UUID) int {
		page, more, err := found.Deliveries(t.Context(), tenant, hook, webhooks.DeliveryQuery{Limit: 5000})
		require.NoError(t, err)
		require.False(t, more)
		return len(page)
	}
	for range keepPerWebhook + 300 {
		c.note(t.Context(), record{tenant: tenant, webhook: busy, outcome: webhooks.OutcomeDelivered})
	}
	newest := c.note(t.Context(), record{tenant: tenant, webhook: busy, outcome: webhooks.OutcomeDelivered})
	c.note(t.Context(), record{tenant: tenant, webhook: quiet, outcome: webhooks.OutcomeDelivered})
	require.Less(t, count(busy), keepPerWebhook+300, "they are trimmed now and then")
	require.NoError(t, c.trim(t.Context(), tenant, busy))
	require.Equal(t, keepPerWebhook, count(busy))
	require.Equal(t, 1, count(quiet))
	page, _, err := found.Deliveries(t.Context(), tenant, busy, webhooks.DeliveryQuery{Limit: 1})
	require.NoError(t, err)
	require.Equal(t, newest.ID, page[0].ID, "the newest stay")

	_, _, err = c.Secrets.NewSecret(t.Context(), tenant, busy)
	require.NoError(t, err)
	secrets := func() (n int) {
		require.NoError(t, pool.QueryRow(t.Context(), "SELECT count(*) FROM webhook_secrets").Scan(&n))
		return n
	}
	require.NoError(t, c.clean(t.Context(), time.Now().Add(keepRecords-time.Hour)))
	require.Equal(t, keepPerWebhook, count(busy))
	require.NoError(t, c.clean(t.Context(), time.Now().Add(keepRecords+time.Hour)))
	require.Zero(t, count(busy)+count(quiet))
	require.Equal(t, 1, secrets())
	require.NoError(t, c.clean(t.Context(), time.Now().Add(unnamedFor+2*time.Hour)))
	require.Zero(t, secrets())
}

func TestTheCleanerStops(t *testing.T) {
	t.Parallel()
	pool := postgrestest.New(t)
	c, err := NewCourier(Config{
		Pool: pool, Log: noLog{}, Secrets: NewSecrets(pool, [32]byte{1}), Client: http.DefaultClient,
		Disable: func(context.Context, uuid.UUID, uuid.UUID, string) error { return nil },
	})
	require.NoError(t, err)
	require.NoError(t, c.Stop(t.Context()), "stopped before it was started")
	require.NoError(t, c.Start(t.Context()))
	require.NoError(t, c.Stop(t.Context()))
}
