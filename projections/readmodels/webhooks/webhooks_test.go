package webhooks_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"tansu.cloud/domain/webhook"
	"tansu.cloud/eventstore"
	"tansu.cloud/platform/postgrestest"
	"tansu.cloud/projections"
	"tansu.cloud/projections/readmodels/webhooks"
	"tansu.cloud/sql/db"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

var start = time.Date(2026, 2, 3, 4, 5, 6, 789000, time.UTC)

// endpoints has the tables where the views would be.
func endpoints(t *testing.T) (*pgxpool.Pool, *webhooks.Endpoints) {
	t.Helper()
	pool := postgrestest.New(t)
	_, err := pool.Exec(t.Context(), webhooks.New().DDL)
	require.NoError(t, err)
	return pool, webhooks.NewEndpoints(pool)
}

func apply(t *testing.T, pool *pgxpool.Pool, changes ...projections.Change) error {
	t.Helper()
	return pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error { return webhooks.New().Apply(t.Context(), tx, changes) })
}

func change(tenant, id uuid.UUID, version int64, p webhook.Event) projections.Change {
	return projections.Change{
		Event:   eventstore.Event{TenantID: tenant, Stream: eventstore.Stream{Type: webhook.StreamType, ID: id.String()}, Version: version},
		Payload: p,
	}
}

// Whatever way events fall into batches, a row is the state of its stream.
func TestRowsAreTheStatesOfTheStreams(t *testing.T) {
	t.Parallel()
	pool, found := endpoints(t)
	tenant := uuid.New()
	states, versions := map[uuid.UUID]webhook.State{}, map[uuid.UUID]int64{}
	var batch []projections.Change
	happen := func(id uuid.UUID, e webhook.Event) {
		states[id] = webhook.Apply(states[id], e)
		versions[id]++
		batch = append(batch, change(tenant, id, versions[id], e))
		if rand.IntN(5) == 0 {
			require.NoError(t, apply(t, pool, batch...))
			batch = nil
		}
	}
	var ids []uuid.UUID
	for i := range 300 {
		at := start.Add(time.Duration(i) * time.Second)
		secret := webhook.Secret{ID: uuid.NewString(), Fingerprint: fmt.Sprint("f", i)}
		if len(ids) == 0 || rand.IntN(8) == 0 {
			id := uuid.New()
			ids = append(ids, id)
			happen(id, webhook.Registered{ID: id.String(), URL: "https://x", Topics: []webhook.Topic{{Type: "a"}}, Filter: "f", Secret: secret, At: at})
		}
		id := ids[rand.IntN(len(ids))]
		if states[id].Status == webhook.StatusDeleted {
			continue
		}
		happen(id, []webhook.Event{
			webhook.Changed{URL: fmt.Sprint("https://", i), Description: "d", Topics: []webhook.Topic{}, At: at},
			webhook.Disabled{Reason: "r", At: at}, webhook.Enabled{At: at}, webhook.RedriveRequested{At: at},
			webhook.SecretRotated{Secret: secret, PreviousUntil: at.Add(time.Hour), At: at},
			webhook.ReplayRequested{ReplayID: "r", FromPosition: 1, ToPosition: 2, At: at},
			webhook.Deleted{At: at},
		}[rand.IntN(7)])
	}
	last := uuid.New()
	happen(last, webhook.Registered{ID: last.String(), URL: "https://last", Topics: []webhook.Topic{}, At: start})
	if len(batch) > 0 {
		require.NoError(t, apply(t, pool, batch...))
	}

	living := 0
	for _, id := range append(ids, last) {
		want := states[id]
		row, err := found.Get(t.Context(), tenant, id)
		if want.Status == webhook.StatusDeleted {
			require.ErrorIs(t, err, webhooks.ErrNotFound)
			continue
		}
		living++
		require.NoError(t, err)
		require.Equal(t, webhooks.Endpoint{
			ID: id, URL: want.URL, Description: want.Description, Topics: want.Topics, Filter: want.Filter, Status: string(want.Status),
			DisabledReason: want.DisabledReason, Fingerprint: want.Secret.Fingerprint, PreviousFingerprint: want.Previous.Fingerprint,
			PreviousUntil: want.PreviousUntil, Version: versions[id], CreatedAt: want.CreatedAt, UpdatedAt: want.UpdatedAt,
		}, row)
		_, err = found.Get(t.Context(), uuid.New(), id)
		require.ErrorIs(t, err, webhooks.ErrNotFound, "another tenant does not see it")
	}
	list, err := found.List(t.Context(), tenant)
	require.NoError(t, err)
	require.Len(t, list, min(living, webhook.MaxPerTenant))
	list, err = found.List(t.Context(), uuid.New())
	require.NoError(t, err)
	require.Empty(t, list)
}

func TestEventOfAnUnknownWebhookIsAnError(t *testing.T) {
	t.Parallel()
	pool, _ := endpoints(t)
	require.ErrorContains(t, apply(t, pool, change(uuid.New(), uuid.New(), 2, webhook.Enabled{})), "not known")
	bad := change(uuid.New(), uuid.New(), 1, webhook.Registered{})
	bad.Event.Stream.ID = "x"
	require.Error(t, apply(t, pool, bad))
}

func TestDeliveriesAndReplaysInOrder(t *testing.T) {
	t.Parallel()
	pool, found := endpoints(t)
	q := db.New(pool)
	tenant, id := uuid.New(), uuid.New()
	var want []uuid.UUID // newest first
	for i := range 7 {
		p := db.AddWebhookDeliveryParams{
			TenantID: tenant, WebhookID: id, ID: uuid.Must(uuid.NewV7()), Position: int64(i), EventType: "a.b", Attempt: 1,
			Outcome: webhooks.OutcomeDelivered, Status: 204, DurationMs: 12, Response: "ok", RecordedAt: start,
		}
		if i == 3 {
			p.Outcome, p.Error = webhooks.OutcomeParked, "no"
		}
		want = append([]uuid.UUID{p.ID}, want...)
		require.NoError(t, q.AddWebhookDelivery(t.Context(), p))
		p.WebhookID = uuid.New()
		require.NoError(t, q.AddWebhookDelivery(t.Context(), p), "another webhook's")
	}
	var got []uuid.UUID
	for query := (webhooks.DeliveryQuery{Limit: 3}); ; {
		page, more, err := found.Deliveries(t.Context(), tenant, id, query)
		require.NoError(t, err)
		for _, d := range page {
			got = append(got, d.ID)
		}
		if query.Before = got[len(got)-1]; !more {
			break
		}
	}
	require.Equal(t, want, got)
	page, more, err := found.Deliveries(t.Context(), tenant, id, webhooks.DeliveryQuery{Outcome: webhooks.OutcomeParked, Limit: 3})
	require.NoError(t, err)
	require.False(t, more)
	require.Equal(t, []webhooks.Delivery{{
		ID: want[3], Position: 3, EventType: "a.b", Attempt: 1, Outcome: webhooks.OutcomeParked, Status: 204,
		Duration: 12 * time.Millisecond, Error: "no", Response: "ok", RecordedAt: start,
	}}, page)

	replays := []uuid.UUID{uuid.New(), uuid.New()}
	require.NoError(t, q.AddWebhookReplays(t.Context(), db.AddWebhookReplaysParams{
		TenantID: tenant, Ids: replays, WebhookIds: []uuid.UUID{id, id}, FromPositions: []int64{1, 5}, ToPositions: []int64{9, 9},
		Requested: []time.Time{start, start.Add(time.Second)},
	}))
	list, err := found.Replays(t.Context(), tenant, id)
	require.NoError(t, err)
	require.Len(t, list, 2)
	require.Equal(t, webhooks.Replay{
		ID: replays[1], FromPosition: 5, ToPosition: 9, DonePosition: 4, RequestedAt: start.Add(time.Second), UpdatedAt: start.Add(time.Second),
	}, list[0], "newest first")
}
