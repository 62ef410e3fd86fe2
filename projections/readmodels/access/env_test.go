package access_test

import (
	"encoding/json"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"tansu.cloud/eventstore"
	"tansu.cloud/platform/postgrestest"
	"tansu.cloud/projections"
	"tansu.cloud/projections/readmodels/access"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

var start = time.Date(2026, 2, 3, 4, 5, 6, 789000, time.UTC)

// directory has the tables where the views would be.
func directory(t *testing.T) (*pgxpool.Pool, *access.Directory) {
	t.Helper()
	pool := postgrestest.New(t)
	_, err := pool.Exec(t.Context(), access.New().DDL)
	require.NoError(t, err)
	return pool, access.NewDirectory(pool)
}

func apply(t *testing.T, pool *pgxpool.Pool, changes ...projections.Change) error {
	t.Helper()
	return pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error { return access.New().Apply(t.Context(), tx, changes) })
}

// batches applies one tenant's events in batches of random length.
type batches struct {
	t        *testing.T
	pool     *pgxpool.Pool
	tenant   uuid.UUID
	versions map[eventstore.Stream]int64
	waiting  []projections.Change
}

func newBatches(t *testing.T, pool *pgxpool.Pool) *batches {
	return &batches{t: t, pool: pool, tenant: uuid.New(), versions: map[eventstore.Stream]int64{}}
}

func (b *batches) happen(streamType, id string, p eventstore.Payload) {
	b.t.Helper()
	stream := eventstore.Stream{Type: streamType, ID: id}
	b.versions[stream]++
	b.waiting = append(b.waiting, change(b.tenant, stream, b.versions[stream], p))
	if rand.IntN(5) == 0 {
		b.flush()
	}
}

func (b *batches) flush() {
	b.t.Helper()
	if len(b.waiting) > 0 {
		require.NoError(b.t, apply(b.t, b.pool, b.waiting...))
		b.waiting = nil
	}
}

func (b *batches) version(streamType, id string) int64 {
	return b.versions[eventstore.Stream{Type: streamType, ID: id}]
}

func change(tenant uuid.UUID, stream eventstore.Stream, version int64, p eventstore.Payload) projections.Change {
	actor := "user:later"
	if version == 1 {
		actor = makerOf(stream.ID)
	}
	meta := json.RawMessage(`{"actor":"` + actor + `"}`)
	return projections.Change{Event: eventstore.Event{TenantID: tenant, Stream: stream, Version: version, Metadata: meta}, Payload: p}
}

// makerOf is who makes what has an id: one of a few.
func makerOf(id string) string { return "user:" + id[:1] }

// states folds events beside the projection.
type states[S, E any] struct {
	fold func(S, E) S
	of   map[string]S
	ids  []string
}

func newStates[S, E any](fold func(S, E) S) *states[S, E] {
	return &states[S, E]{fold: fold, of: map[string]S{}}
}

func (s *states[S, E]) apply(id string, e E) {
	if _, known := s.of[id]; !known {
		s.ids = append(s.ids, id)
	}
	s.of[id] = s.fold(s.of[id], e)
}

func (s *states[S, E]) any() (id string, state S) {
	id = s.ids[rand.IntN(len(s.ids))]
	return id, s.of[id]
}
