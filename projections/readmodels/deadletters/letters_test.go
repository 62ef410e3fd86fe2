package deadletters_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"tansu.cloud/domain/projection"
	"tansu.cloud/eventstore"
	"tansu.cloud/platform/postgrestest"
	"tansu.cloud/platform/tenantscope"
	"tansu.cloud/projections"
	"tansu.cloud/projections/feeds"
	"tansu.cloud/projections/readmodels/deadletters"
	"tansu.cloud/projections/readmodels/page"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

var start = time.Date(2026, 2, 3, 4, 5, 6, 789000, time.UTC)

func letters(t *testing.T) (*pgxpool.Pool, *deadletters.Letters) {
	t.Helper()
	pool := postgrestest.New(t)
	_, err := pool.Exec(t.Context(), deadletters.New().DDL)
	require.NoError(t, err)
	return pool, deadletters.NewLetters(pool)
}

// happened makes one batch of events, a second apart.
func happened(from int, name string, payloads ...projection.Event) []projections.Change {
	changes := make([]projections.Change, len(payloads))
	for i, p := range payloads {
		changes[i] = projections.Change{Payload: p, Event: eventstore.Event{
			Position: int64(from + i), Stream: eventstore.Stream{Type: projection.StreamType, ID: name},
			RecordedAt: start.Add(time.Duration(from+i) * time.Second),
		}}
	}
	return changes
}

func apply(t *testing.T, pool *pgxpool.Pool, changes []projections.Change) error {
	return pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error {
		return deadletters.New().Apply(t.Context(), tx, changes)
	})
}

func parked(id uuid.UUID, attempts int) projection.StreamParked {
	return projection.StreamParked{
		DeadLetterID: id.String(), Generation: 2, TenantID: uuid.NewString(), StreamType: "order", StreamID: "7",
		Position: 40 + int64(attempts), Version: 3, FailedEventID: uuid.NewString(), FailedEventType: "order.paid",
		Error: "boom", Attempts: attempts,
	}
}

func TestLifeOfADeadLetter(t *testing.T) {
	t.Parallel()
	pool, list := letters(t)
	id, other := uuid.New(), uuid.New()
	first := parked(id, 1)
	require.NoError(t, apply(t, pool, happened(1, "orders", first, parked(other, 1))))
	got, err := list.Get(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, deadletters.Letter{
		ID: id, Projection: "orders", Generation: 2, Status: deadletters.StatusParked,
		TenantID: uuid.MustParse(first.TenantID), StreamType: "order", StreamID: "7", Position: 41,
		EventID: uuid.MustParse(first.FailedEventID), EventType: "order.paid", Error: "boom", Attempts: 1,
		ParkedAt: start.Add(time.Second), UpdatedAt: start.Add(time.Second),
	}, got)

	require.NoError(t, apply(t, pool, happened(3, "orders", projection.RedriveRequested{DeadLetterID: id.String()})))
	got, err = list.Get(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, deadletters.StatusRedriving, got.Status)

	require.NoError(t, apply(t, pool, happened(4, "orders",
		parked(id, 2), projection.RedriveRequested{DeadLetterID: id.String()},
		projection.StreamResolved{DeadLetterID: id.String(), Applied: 9},
		projection.DeadLetterDiscarded{DeadLetterID: other.String(), Reason: "not worth it"})))
	got, err = list.Get(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, deadletters.StatusResolved, got.Status)
	require.Equal(t, 2, got.Attempts)
	require.Equal(t, int64(42), got.Position)
	require.Equal(t, start.Add(time.Second), got.ParkedAt)
	require.Equal(t, start.Add(6*time.Second), got.UpdatedAt)
	got, err = list.Get(t.Context(), other)
	require.NoError(t, err)
	require.Equal(t, deadletters.StatusDiscarded, got.Status)
	require.Equal(t, "not worth it", got.Reason)
	_, err = list.Get(t.Context(), uuid.New())
	require.ErrorIs(t, err, deadletters.ErrNotFound)
}

func TestUnknownAndMalformedLettersAreErrors(t *testing.T) {
	t.Parallel()
	pool, _ := letters(t)
	require.ErrorContains(t, apply(t, pool, happened(1, "x", projection.StreamResolved{DeadLetterID: uuid.NewString()})), "rebuild")
	require.Error(t, apply(t, pool, happened(1, "x", projection.StreamResolved{DeadLetterID: "7"})))
	bad := parked(uuid.New(), 1)
	bad.TenantID = "nobody"
	require.Error(t, apply(t, pool, happened(1, "x", bad)))
}

func TestListsBothWaysPageByPage(t *testing.T) {
	t.Parallel()
	pool, list := letters(t)
	var ids []uuid.UUID
	for i := range 13 {
		ids = append(ids, uuid.New())
		name := "orders"
		if i >= 11 {
			name = "others"
		}
		require.NoError(t, apply(t, pool, happened(i, name, parked(ids[i], 1))))
	}
	require.NoError(t, apply(t, pool, happened(20, "orders", projection.RedriveRequested{DeadLetterID: ids[0].String()})))
	collect := func(q deadletters.ListQuery) (found []uuid.UUID) {
		for more := true; more; {
			letters, next, err := list.List(t.Context(), q)
			require.NoError(t, err)
			for _, l := range letters {
				found = append(found, l.ID)
			}
			if more = next; more {
				after := letters[len(letters)-1].Cursor()
				q.After = &after
			}
		}
		return found
	}
	require.Equal(t, ids, collect(deadletters.ListQuery{OldestFirst: true, Limit: 4}))
	require.Equal(t, ids[11:], collect(deadletters.ListQuery{OldestFirst: true, Projection: "others"}))
	require.Equal(t, ids[1:11], collect(deadletters.ListQuery{OldestFirst: true, Projection: "orders", Status: deadletters.StatusParked, Limit: 3}))
	newest := collect(deadletters.ListQuery{Limit: 5})
	require.Len(t, newest, 13)
	require.Equal(t, ids[12], newest[0])
	require.Equal(t, ids[0], newest[12])
	_, _, err := list.List(t.Context(), deadletters.ListQuery{Status: "\x00"})
	require.ErrorIs(t, err, page.ErrBadQuery)
}

// The snapshot is of the generation that serves, and stands at its checkpoint.
func TestSnapshot(t *testing.T) {
	t.Parallel()
	pool, list := letters(t) // of another generation
	require.NoError(t, apply(t, pool, happened(1, "others", parked(uuid.New(), 1))))
	read, system := deadletters.Snapshot(pool), tenantscope.Within(t.Context(), eventstore.SystemTenant)
	_, _, err := read(t.Context(), uuid.New(), 10)
	require.ErrorIs(t, err, feeds.ErrUnknownSnapshot)
	_, _, err = read(system, eventstore.SystemTenant, 10)
	require.ErrorIs(t, err, projections.ErrNotServing)

	_, err = pool.Exec(t.Context(), `INSERT INTO read_models VALUES ('dead_letters', 2, 1, now());
		CREATE SCHEMA dead_letters_g2; CREATE TABLE dead_letters_g2.dead_letters (LIKE public.dead_letters INCLUDING ALL);
		SELECT wall('dead_letters_g2.dead_letters');
		GRANT USAGE ON SCHEMA dead_letters_g2 TO tansu_tenant; GRANT SELECT ON dead_letters_g2.dead_letters TO tansu_tenant`)
	require.NoError(t, err)
	rows, position, err := read(system, eventstore.SystemTenant, 10)
	require.NoError(t, err)
	require.Empty(t, rows)
	require.Zero(t, position)

	var ids []uuid.UUID
	for i := range 3 {
		ids = append(ids, uuid.New())
		require.NoError(t, apply(t, pool, happened(10+i, "orders", parked(ids[i], 1))))
	}
	_, err = pool.Exec(t.Context(), `INSERT INTO dead_letters_g2.dead_letters SELECT * FROM public.dead_letters WHERE projection = 'orders';
		INSERT INTO checkpoints VALUES ('00000000-0000-0000-0000-000000000000', 'dead_letters', 2, 12, 1, now())`)
	require.NoError(t, err)
	rows, position, err = read(system, eventstore.SystemTenant, 2)
	require.NoError(t, err)
	require.Len(t, rows, 2, "no more than were asked for")
	require.Equal(t, int64(12), position)
	rows, _, err = read(system, eventstore.SystemTenant, 10)
	require.NoError(t, err)
	require.Len(t, rows, 3)
	for i, row := range rows {
		want, err := list.Get(t.Context(), ids[i])
		require.NoError(t, err)
		var got deadletters.Letter
		require.NoError(t, json.Unmarshal(row, &got))
		require.Equal(t, want, got)
	}
}
