package postgres_test

import (
	"context"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"tansu.cloud/eventstore"
	"tansu.cloud/eventstore/postgres"
	"tansu.cloud/platform/postgrestest"
)

// ear is a running notifier and what it heard.
type ear struct {
	*postgres.Notifier
	reader *sdkmetric.ManualReader
	heard  chan eventstore.Head // position by position

	mu   sync.Mutex
	last map[uuid.UUID]int64
}

func newEar(t *testing.T, dsn, node string) *ear {
	t.Helper()
	e := &ear{reader: sdkmetric.NewManualReader(), heard: make(chan eventstore.Head, 1<<16), last: map[uuid.UUID]int64{}}
	var err error
	e.Notifier, err = postgres.NewNotifier(postgres.NotifierConfig{
		DSN: dsn, NodeID: node, MeterProvider: sdkmetric.NewMeterProvider(sdkmetric.WithReader(e.reader)),
		Heard: func(tenant uuid.UUID, position int64) {
			e.mu.Lock()
			e.last[tenant] = max(e.last[tenant], position)
			e.mu.Unlock()
			e.heard <- eventstore.Head{TenantID: tenant, Position: position}
		},
	})
	require.NoError(t, err)
	require.NoError(t, e.Start(context.Background()))
	t.Cleanup(func() { e.stop(t) })
	e.connected(t)
	return e
}

func (e *ear) stop(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	require.NoError(t, e.Stop(ctx))
}

func (e *ear) connected(t *testing.T) {
	t.Helper()
	require.Eventually(t, func() bool { return e.metric(t, "tansu.notifier.connected") == 1 }, time.Minute, time.Millisecond)
}

func (e *ear) metric(t *testing.T, name string) int64 {
	t.Helper()
	var data metricdata.ResourceMetrics
	require.NoError(t, e.reader.Collect(t.Context(), &data))
	for _, scope := range data.ScopeMetrics {
		for _, m := range scope.Metrics {
			switch d := m.Data.(type) {
			case metricdata.Gauge[int64]:
				if m.Name == name {
					return d.DataPoints[0].Value
				}
			case metricdata.Sum[int64]:
				if m.Name == name {
					return d.DataPoints[0].Value
				}
			}
		}
	}
	return 0
}

func (e *ear) next(t *testing.T) eventstore.Head {
	t.Helper()
	select {
	case h := <-e.heard:
		return h
	case <-time.After(time.Minute):
		require.FailNow(t, "nothing was heard")
		return eventstore.Head{}
	}
}

func (e *ear) knows(tenant uuid.UUID, position int64) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.last[tenant] == position
}

func committed(tenant uuid.UUID, position int64) []eventstore.Event {
	return []eventstore.Event{{TenantID: tenant, Position: position}}
}

func TestNotifiersHearEachOtherWithinMilliseconds(t *testing.T) {
	t.Parallel()
	dsn := postgrestest.NewDSN(t)
	one, two := newEar(t, dsn, "one"), newEar(t, dsn, "two")
	id := uuid.New()
	const rounds = 200
	took := make([]time.Duration, 0, rounds)
	for position := int64(1); position <= rounds; position += 2 {
		for i, speaker := range []*ear{one, two} {
			listener := []*ear{two, one}[i]
			began := time.Now()
			speaker.Committed(committed(id, position+int64(i)))
			require.Equal(t, eventstore.Head{TenantID: id, Position: position + int64(i)}, listener.next(t))
			took = append(took, time.Since(began))
		}
	}
	slices.Sort(took)
	t.Logf("commit to heard: p50 %v, p99 %v", took[rounds/2], took[rounds*99/100])
	require.Less(t, took[rounds/2], 500*time.Millisecond, "not by a poll")
	require.Empty(t, one.heard, "its own words come back to nobody")
	require.Equal(t, int64(rounds/2), one.metric(t, "tansu.notifier.heard"))
}

func TestNotifierCoalescesManyCommits(t *testing.T) {
	t.Parallel()
	dsn := postgrestest.NewDSN(t)
	one, two := newEar(t, dsn, "one"), newEar(t, dsn, "two")
	ids := make([]uuid.UUID, 1000) // more than one payload holds
	for i := range ids {
		ids[i] = uuid.New()
	}
	const rounds = 10
	began := time.Now()
	for position := int64(1); position <= rounds; position++ {
		for _, id := range ids {
			one.Committed(committed(id, position))
		}
	}
	for _, id := range ids {
		require.Eventually(t, func() bool { return two.knows(id, rounds) }, time.Minute, time.Millisecond)
	}
	elapsed := time.Since(began)
	sent := one.metric(t, "tansu.notifier.sent")
	t.Logf("10,000 commits of 1,000 tenants: %d notifications in %v", sent, elapsed)
	// At most one burst per interval, of at most five payloads.
	require.LessOrEqual(t, sent, 5*(int64(elapsed/(3*time.Millisecond))+2))
	require.Less(t, sent, int64(rounds*len(ids)))
}

func TestNotifierComesBackAfterTheServer(t *testing.T) {
	t.Parallel()
	server := postgrestest.Server(t)
	one, two := newEar(t, server.DSN(), "one"), newEar(t, server.DSN(), "two")
	id := uuid.New()
	one.Committed(committed(id, 1))
	require.Equal(t, int64(1), two.next(t).Position)

	require.NoError(t, server.Kill())
	require.Eventually(t, func() bool {
		return one.metric(t, "tansu.notifier.connected") == 0 && two.metric(t, "tansu.notifier.connected") == 0
	}, time.Minute, time.Millisecond)
	for position := int64(2); position < 50; position++ {
		one.Committed(committed(id, position)) // kept, the newest of them
	}
	require.NoError(t, server.Restart(t.Context()))
	one.connected(t)
	two.connected(t)
	one.Committed(committed(id, 50))
	require.Eventually(t, func() bool { return two.knows(id, 50) }, time.Minute, time.Millisecond)
}

func TestNotifierLeavesMalformedPayloadsOut(t *testing.T) {
	t.Parallel()
	dsn := postgrestest.NewDSN(t)
	listener := newEar(t, dsn, "one")
	conn, err := pgx.Connect(t.Context(), dsn)
	require.NoError(t, err)
	defer conn.Close(t.Context())
	good := "AAAAAAAAAAAAAAAAAAAAAQ:z"
	for _, payload := range []string{
		"", "x", "1", "1 someone", "2 someone " + good, "1 someone " + good + " nonsense", "1 someone " + good + " ",
		"1 someone AAAAAAAAAAAAAAAAAAAAAQ:0", "1 someone AAAAAAAAAAAAAAAAAAAAAQ:-1", "1 someone AAAA:1",
		"1 someone AAAAAAAAAAAAAAAAAAAAAQ:zzzzzzzzzzzzzzzzzz", strings.Repeat("x", 7999),
	} {
		_, err := conn.Exec(t.Context(), `SELECT pg_notify('tansu_heads', $1)`, payload)
		require.NoError(t, err)
	}
	_, err = conn.Exec(t.Context(), `SELECT pg_notify('tansu_heads', $1)`, "1 someone "+good)
	require.NoError(t, err)
	require.Equal(t, eventstore.Head{TenantID: uuid.UUID{15: 1}, Position: 35}, listener.next(t))
	require.Empty(t, listener.heard)
}

func TestNotifierNeedsItsConfig(t *testing.T) {
	t.Parallel()
	heard := func(uuid.UUID, int64) {}
	for _, c := range []postgres.NotifierConfig{
		{NodeID: "n", Heard: heard}, {DSN: "postgres://", Heard: heard}, {DSN: "postgres://", NodeID: "n"},
		{DSN: "postgres://u:hunter2@[::", NodeID: "n", Heard: heard},
	} {
		_, err := postgres.NewNotifier(c)
		require.Error(t, err)
		require.NotContains(t, err.Error(), "hunter2")
	}
}

// Not parallel, so that no other test's notifier runs meanwhile.
func TestNotifierLeavesNoGoroutineBehind(t *testing.T) {
	dsn := postgrestest.NewDSN(t)
	for range 3 {
		e := newEar(t, dsn, "one")
		e.Committed(committed(uuid.New(), 1))
		e.stop(t)
		e.Committed(committed(uuid.New(), 1)) // too late, and harmless
	}
	unreachable, err := postgres.NewNotifier(postgres.NotifierConfig{
		DSN: "postgres://127.0.0.1:1/none", NodeID: "n", Heard: func(uuid.UUID, int64) {}})
	require.NoError(t, err)
	require.NoError(t, unreachable.Start(t.Context()))
	require.NoError(t, unreachable.Stop(t.Context()))
	require.Eventually(t, func() bool {
		stacks := make([]byte, 1<<20)
		return !strings.Contains(string(stacks[:runtime.Stack(stacks, true)]), "(*Notifier)")
	}, time.Minute, time.Millisecond)
}
