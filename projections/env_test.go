package projections_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"tansu.cloud/domain/projection"
	"tansu.cloud/domain/tenant"
	"tansu.cloud/eventstore"
	"tansu.cloud/eventstore/postgres"
	"tansu.cloud/platform/bus"
	"tansu.cloud/platform/postgrestest"
	"tansu.cloud/projections"
	"tansu.cloud/projections/projectionstest"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

// added and noted are the events of the tests: a projection counts the first and
// does not handle the second.
type added struct {
	Amount int64 `json:"amount"`
}
type noted struct {
	Text string `json:"text"`
}

func (added) EventType() string  { return "counter.added" }
func (added) SchemaVersion() int { return 1 }
func (noted) EventType() string  { return "counter.noted" }
func (noted) SchemaVersion() int { return 1 }

// env is a log in PostgreSQL with a bus that a relay publishes to.
type env struct {
	t       testing.TB
	pool    *pgxpool.Pool
	store   *postgres.Store
	codec   *eventstore.Codec
	control projectionstest.Control
	bus     *bus.InProcess
	relay   *projections.Relay
	poison  atomic.Pointer[func(eventstore.Event) error]
}

type envOption func(*envOptions)

type envOptions struct {
	publisher func(message.Publisher) message.Publisher
	relay     func(*projections.RelayConfig)
	pool      *pgxpool.Pool
}

func newEnv(t testing.TB, options ...envOption) *env {
	t.Helper()
	o := envOptions{publisher: func(p message.Publisher) message.Publisher { return p }, relay: func(*projections.RelayConfig) {}}
	for _, option := range options {
		option(&o)
	}
	if o.pool == nil {
		o.pool = postgrestest.New(t)
	}
	e := &env{t: t, pool: o.pool, bus: bus.NewInProcess(slog.New(slog.DiscardHandler))}
	payloads := []eventstore.Payload{added{}, noted{}}
	for _, p := range projection.Events() {
		payloads = append(payloads, p)
	}
	for _, p := range tenant.Events() {
		payloads = append(payloads, p)
	}
	e.codec = eventstore.NewCodec(eventstore.NewRegistry(payloads...), postgres.NewSubjectKeys(o.pool, [32]byte{1}))
	rc := projections.RelayConfig{Publisher: o.publisher(e.bus)}
	o.relay(&rc)
	var err error
	e.relay, err = projections.NewRelay(rc)
	require.NoError(t, err)
	e.store = postgres.New(e.pool, postgres.Options{OnCommit: e.relay.Committed, Lanes: 2})
	require.NoError(t, e.store.Start(t.Context()))
	require.NoError(t, e.relay.Start(context.Background()))
	e.control = projectionstest.Control{Store: e.store, Codec: e.codec}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		require.NoError(t, e.store.Stop(ctx))
		require.NoError(t, e.relay.Stop(ctx))
		require.NoError(t, e.bus.Close())
	})
	return e
}

// append writes events to one stream and returns the last position.
func (e *env) append(tenantID uuid.UUID, stream string, payloads ...eventstore.Payload) int64 {
	e.t.Helper()
	position, err := e.tryAppend(e.t.Context(), tenantID, stream, payloads...)
	require.NoError(e.t, err)
	return position
}

func (e *env) tryAppend(ctx context.Context, tenantID uuid.UUID, stream string, payloads ...eventstore.Payload) (int64, error) {
	w := eventstore.StreamWrite{Stream: eventstore.Stream{Type: "counter", ID: stream}, Expected: eventstore.AnyVersion}
	for _, p := range payloads {
		encoded, err := e.codec.Encode(ctx, tenantID, p)
		if err != nil {
			return 0, err
		}
		w.Events = append(w.Events, encoded)
	}
	res, err := e.store.Append(ctx, eventstore.Append{TenantID: tenantID, Writes: []eventstore.StreamWrite{w}})
	return res.Position, err
}

// countersName is the projection of the tests.
const countersName = "counters"

// counters has one row per stream: the sum, and the versions in the order in
// which they were applied.
func (e *env) counters() projections.Projection {
	return projections.Projection{
		Name: countersName, Version: 1, EveryTenant: true, Types: []string{added{}.EventType()},
		DDL: `CREATE TABLE counters (tenant_id uuid NOT NULL, id text NOT NULL, total bigint NOT NULL,
			versions bigint[] NOT NULL, PRIMARY KEY (tenant_id, id))`,
		Tables: []string{"counters"},
		Apply: func(ctx context.Context, tx pgx.Tx, changes []projections.Change) error {
			batch := &pgx.Batch{}
			for _, c := range changes {
				batch.Queue(`INSERT INTO counters VALUES ($1, $2, $3, ARRAY[$4::bigint])
					ON CONFLICT (tenant_id, id) DO UPDATE SET total = counters.total + $3, versions = counters.versions || $4`,
					c.Event.TenantID, c.Event.Stream.ID, c.Payload.(added).Amount, c.Event.Version)
			}
			if err := tx.SendBatch(ctx, batch).Close(); err != nil {
				return err
			}
			for _, c := range changes {
				if poison := e.poison.Load(); poison != nil {
					if err := (*poison)(c.Event); err != nil {
						return err
					}
				}
			}
			return nil
		},
	}
}

// failOn makes the projection fail on chosen events; nil heals it.
func (e *env) failOn(fails func(eventstore.Event) error) {
	if fails == nil {
		e.poison.Store(nil)
		return
	}
	e.poison.Store(&fails)
}

// config is a runner's configuration with times fit for tests.
func (e *env) config(change ...func(*projections.Config)) projections.Config {
	c := projections.Config{
		NodeID: "node-a", Projections: []projections.Projection{e.counters()}, Pool: e.pool, Log: e.store,
		Decoder: e.codec, Control: e.control, Bus: e.bus,
		RetryDelay: time.Millisecond, MaxBackoff: 100 * time.Millisecond, PollInterval: 100 * time.Millisecond,
		Logger: slog.New(slog.NewTextHandler(e.t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn})),
	}
	for _, f := range change {
		f(&c)
	}
	return c
}

// start runs projections until the test ends and waits until they are ready.
func (e *env) start(change ...func(*projections.Config)) *projections.Runner {
	e.t.Helper()
	r := e.startUnready(change...)
	e.ready(r)
	return r
}

func (e *env) ready(r *projections.Runner) {
	e.t.Helper()
	select {
	case <-r.Ready():
	case <-time.After(time.Minute):
		status, err := r.Status(e.t.Context())
		require.FailNow(e.t, "not ready", "%+v %v", status, err)
	}
}

func (e *env) startUnready(change ...func(*projections.Config)) *projections.Runner {
	e.t.Helper()
	r, err := projections.NewRunner(e.config(change...))
	require.NoError(e.t, err)
	require.NoError(e.t, r.Start(context.Background()))
	e.t.Cleanup(func() { stop(e.t, r) })
	return r
}

func stop(t testing.TB, r *projections.Runner) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	require.NoError(t, r.Stop(ctx))
}

// wait returns when a position was projected.
func (e *env) wait(r *projections.Runner, tenantID uuid.UUID, position int64) {
	e.t.Helper()
	ctx, cancel := context.WithTimeout(e.t.Context(), time.Minute)
	defer cancel()
	require.NoError(e.t, r.Wait(ctx, countersName, tenantID, position))
}

// waitAll returns when everything in the log was projected.
func (e *env) waitAll(r *projections.Runner) {
	e.t.Helper()
	heads, err := e.store.Heads(e.t.Context(), uuid.Nil, true, 1000)
	require.NoError(e.t, err)
	for _, h := range heads {
		e.wait(r, h.TenantID, h.Position)
	}
}

type counter struct {
	total    int64
	versions []int64
}

// rows reads the read model through its view.
func (e *env) rows() map[string]counter {
	e.t.Helper()
	rows, err := e.readRows(e.t.Context())
	require.NoError(e.t, err)
	return rows
}

func (e *env) readRows(ctx context.Context) (map[string]counter, error) {
	rows, err := e.pool.Query(ctx, `SELECT tenant_id, id, total, versions FROM counters`)
	if err != nil {
		return nil, err
	}
	found := map[string]counter{}
	var id uuid.UUID
	var stream string
	var c counter
	_, err = pgx.ForEachRow(rows, []any{&id, &stream, &c.total, &c.versions}, func() error {
		found[id.String()+"/"+stream] = c
		c = counter{}
		return nil
	})
	return found, err
}

// expected folds the whole log, which is what the rows have to equal.
func (e *env) expected() map[string]counter {
	e.t.Helper()
	want := map[string]counter{}
	heads, err := e.store.Heads(e.t.Context(), uuid.Nil, true, 1000)
	require.NoError(e.t, err)
	for _, h := range heads {
		for after := int64(0); after < h.Position; {
			page, err := e.store.ReadLog(e.t.Context(), h.TenantID, eventstore.LogQuery{After: after})
			require.NoError(e.t, err)
			for _, event := range page.Events {
				after = event.Position
				payload, err := e.codec.Decode(e.t.Context(), event)
				require.NoError(e.t, err)
				if a, ok := payload.(added); ok {
					key := h.TenantID.String() + "/" + event.Stream.ID
					c := want[key]
					c.total += a.Amount
					c.versions = append(c.versions, event.Version)
					want[key] = c
				}
			}
		}
	}
	return want
}

// status of the projection of the tests.
func (e *env) status(r *projections.Runner) projections.Status {
	e.t.Helper()
	all, err := r.Status(e.t.Context())
	require.NoError(e.t, err)
	require.Len(e.t, all, 1)
	return all[0]
}

func (e *env) eventually(condition func() bool, message string, args ...any) {
	e.t.Helper()
	require.Eventually(e.t, condition, time.Minute, 5*time.Millisecond, append([]any{message}, args...)...)
}

// fill writes n events per stream, in parallel over streams.
func (e *env) fill(tenants []uuid.UUID, streams, n int) {
	e.t.Helper()
	var work sync.WaitGroup
	for _, id := range tenants {
		for s := range streams {
			work.Go(func() {
				for i := range n {
					_, err := e.tryAppend(e.t.Context(), id, fmt.Sprintf("s%d", s), added{int64(i + 1)}, noted{"x"})
					if err != nil {
						e.t.Error(err)
						return
					}
				}
			})
		}
	}
	work.Wait()
}

// desired is the projection's state in the log.
func (e *env) desired() projection.State {
	e.t.Helper()
	state, err := e.control.State(e.t.Context(), countersName)
	require.NoError(e.t, err)
	return state
}

// do sends a command as an operator would.
func (e *env) do(command projection.Command) {
	e.t.Helper()
	require.NoError(e.t, e.control.Do(e.t.Context(), countersName, command))
}
