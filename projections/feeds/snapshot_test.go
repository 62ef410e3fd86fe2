package feeds_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"tansu.cloud/domain/tenant"
	"tansu.cloud/eventstore"
	"tansu.cloud/eventstore/memory"
	"tansu.cloud/eventstore/postgres"
	"tansu.cloud/platform/postgrestest"
	"tansu.cloud/platform/tenantscope"
	"tansu.cloud/projections"
	"tansu.cloud/projections/feeds"
	"tansu.cloud/projections/readmodels/tenantdirectory"
	"tansu.cloud/sql/db"
)

// A client's fold of a snapshot and of what follows equals the read model: 900
// runs on the log in memory with a read model that lags by some events, and 100
// (TestTenantsFoldFromASnapshot) on PostgreSQL with the tenant directory.
const (
	memoryRuns   = 900
	postgresRuns = 100
)

// tally is a row of the read model in memory.
type tally struct {
	Stream  eventstore.Stream `json:"stream"`
	Sum     int64             `json:"sum"`
	Version int64             `json:"version"`
}

type tallies map[eventstore.Stream]tally

func (m tallies) fold(s eventstore.Stream, version int64, data json.RawMessage) {
	var d struct{ N int64 }
	if err := json.Unmarshal(data, &d); err != nil {
		panic(err)
	}
	m[s] = tally{s, m[s].Sum + d.N, version}
}

func talliesAt(log *memory.Store, id uuid.UUID, position int64) tallies {
	page, err := log.ReadLog(context.Background(), id, eventstore.LogQuery{})
	if err != nil {
		panic(err)
	}
	m := tallies{}
	for _, e := range page.Events[:position] {
		m.fold(e.Stream, e.Version, e.Data)
	}
	return m
}

func TestFoldsFromASnapshotEqualTheReadModel(t *testing.T) {
	t.Parallel()
	var e *env
	e = newEnv(t, func(c *feeds.Config) {
		c.TailEvents, c.PollInterval = 16, 20*time.Millisecond
		c.Subscriber.(*wire).lose = func() bool { return rand.IntN(8) == 0 }
		c.Snapshots = map[string]feeds.Snapshot{"tallies": func(ctx context.Context, id uuid.UUID, _ int) (rows []json.RawMessage, position int64, err error) {
			head, err := e.store.Head(ctx, id)
			position = max(head.Position-rand.Int64N(10), 0)
			for _, row := range talliesAt(e.store, id, position) {
				encoded, err := json.Marshal(row)
				if err != nil {
					return nil, 0, err
				}
				rows = append(rows, encoded)
			}
			return rows, position, err
		}}
	})
	var runs sync.WaitGroup
	limit := make(chan struct{}, 32)
	for range memoryRuns {
		limit <- struct{}{}
		runs.Go(func() {
			defer func() { <-limit }()
			e.foldRun(uuid.New())
		})
	}
	runs.Wait()
}

func (e *env) foldRun(id uuid.UUID) {
	appends := 4 + rand.IntN(6)
	begin, written := make(chan struct{}), make(chan int64, 1)
	go func() {
		var head int64
		opened := rand.IntN(appends)
		for i := range appends {
			if i == opened {
				close(begin)
			}
			head = e.append(id, "a", randomEvents(rand.IntN)[:1]...)
		}
		written <- head
	}()
	<-begin
	r, err := e.tryOpen(id, feeds.Spec{FromSnapshot: "tallies"})
	if err != nil {
		e.t.Error(err)
		return
	}
	defer r.Close()
	model := tallies{}
	for _, row := range r.Rows() {
		var decoded tally
		if err := json.Unmarshal(row, &decoded); err != nil {
			e.t.Error(err)
		}
		model[decoded.Stream] = decoded
	}
	if r.Rows() != nil {
		e.t.Error("the rows must be released")
	}
	end := int64(-1)
	for end < 0 || r.Position() < end {
		b, err := r.Next(context.Background(), 1+rand.IntN(20), 1<<20)
		if err != nil {
			e.t.Error(err)
			return
		}
		for _, entry := range b.Entries {
			var c struct {
				StreamType string          `json:"tansustreamtype"`
				StreamID   string          `json:"tansustreamid"`
				Version    int64           `json:"tansuversion,string"`
				Data       json.RawMessage `json:"data"`
			}
			if err := json.Unmarshal(entry.CloudEvent(), &c); err != nil {
				e.t.Error(err)
			}
			model.fold(eventstore.Stream{Type: c.StreamType, ID: c.StreamID}, c.Version, c.Data)
		}
		if b.More || b.Position == end {
			continue
		}
		select {
		case <-r.woken:
		case end = <-written:
		case <-time.After(timeout):
			e.t.Errorf("not woken at %d of %d", r.Position(), end)
			return
		}
	}
	if want := talliesAt(e.store, id, end); !maps.Equal(want, model) {
		e.t.Errorf("from %d: want %v, got %v", r.Start(), want, model)
	}
}

// directory is a log in PostgreSQL with a tenant directory whose projection is
// run by hand, one random batch after another.
type directory struct {
	t     *testing.T
	pool  *pgxpool.Pool
	store *postgres.Store
	codec *eventstore.Codec
	wire  *wire
}

const serving = "tenant_directory_g7"

func newDirectory(t *testing.T) *directory {
	t.Helper()
	d := &directory{t: t, pool: postgrestest.New(t), wire: newWire()}
	var payloads []eventstore.Payload
	for _, p := range tenant.Events() {
		payloads = append(payloads, p)
	}
	d.codec = eventstore.NewCodec(eventstore.NewRegistry(payloads...), postgres.NewSubjectKeys(d.pool, [32]byte{1}))
	relay, err := projections.NewRelay(projections.RelayConfig{Publisher: d.wire})
	require.NoError(t, err)
	require.NoError(t, relay.Start(context.Background()))
	d.store = postgres.New(d.pool, postgres.Options{OnCommit: relay.Committed})
	require.NoError(t, d.store.Start(context.Background()))
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), timeout)
		defer cancel()
		require.NoError(t, d.store.Stop(ctx))
		require.NoError(t, relay.Stop(ctx))
	})
	_, err = d.pool.Exec(t.Context(), "CREATE SCHEMA "+serving+"; SET search_path = "+serving+";"+tenantdirectory.New().DDL+"; SET search_path = public;"+
		"GRANT USAGE ON SCHEMA "+serving+" TO tansu_tenant; GRANT SELECT ON ALL TABLES IN SCHEMA "+serving+" TO tansu_tenant")
	require.NoError(t, err)
	_, err = d.pool.Exec(t.Context(), "INSERT INTO read_models VALUES ($1, 7, 1, now())", tenantdirectory.Name)
	require.NoError(t, err)
	return d
}

// project applies a batch and moves the checkpoint, as the runner does.
func (d *directory) project(ctx context.Context, after int64, limit int) (int64, error) {
	page, err := d.store.ReadLog(ctx, eventstore.SystemTenant, eventstore.LogQuery{After: after, Limit: limit})
	if err != nil || len(page.Events) == 0 {
		return after, err
	}
	changes := make([]projections.Change, len(page.Events))
	for i, e := range page.Events {
		payload, err := d.codec.Decode(ctx, e)
		if err != nil {
			return after, err
		}
		changes[i] = projections.Change{Event: e, Payload: payload}
	}
	return page.Next, pgx.BeginFunc(ctx, d.pool, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "SET LOCAL search_path = "+serving)
		if err == nil {
			_, err = tx.Exec(ctx, `INSERT INTO public.checkpoints VALUES ($1, $2, 7, $3, 1, now())
				ON CONFLICT (tenant_id, projection, generation) DO UPDATE SET position = EXCLUDED.position`,
				eventstore.SystemTenant, tenantdirectory.Name, page.Next)
		}
		if err == nil {
			err = tenantdirectory.New().Apply(ctx, tx, changes)
		}
		return err
	})
}

// write appends one event of a random tenant's life.
func (d *directory) write(ctx context.Context, versions map[string]int64) error {
	at := time.Now().UTC().Truncate(time.Microsecond)
	ids := slices.Sorted(maps.Keys(versions))
	var id string
	var p tenant.Event
	if len(ids) == 0 || rand.IntN(6) == 0 {
		id = uuid.NewString()
		p = tenant.Created{ID: id, Slug: "s-" + id, Name: "New", Settings: map[string]any{}, At: at}
	} else {
		id = ids[rand.IntN(len(ids))]
		p = []tenant.Event{
			tenant.Renamed{Name: fmt.Sprintf("Name %d", versions[id]), At: at},
			tenant.SettingsChanged{Settings: map[string]any{"n": versions[id]}, At: at},
			tenant.Suspended{Reason: "r", At: at}, tenant.Reactivated{Reason: "r", At: at},
		}[rand.IntN(4)]
	}
	encoded, err := d.codec.Encode(ctx, eventstore.SystemTenant, p)
	if err != nil {
		return err
	}
	_, err = d.store.Append(ctx, eventstore.Append{TenantID: eventstore.SystemTenant, Writes: []eventstore.StreamWrite{{
		Stream: eventstore.Stream{Type: tenant.StreamType, ID: id}, Expected: versions[id], Events: []eventstore.NewEvent{encoded}}}})
	versions[id]++
	return err
}

func TestTenantsFoldFromASnapshot(t *testing.T) {
	t.Parallel()
	d := newDirectory(t)
	hub, err := feeds.NewHub(feeds.Config{
		Subscriber: d.wire, Log: d.store, HeadsOf: feeds.HeadsOf(d.pool), PollInterval: 100 * time.Millisecond, TailEvents: 32,
		Snapshots: map[string]feeds.Snapshot{"tenants": tenantdirectory.Snapshot(d.pool)},
	})
	require.NoError(t, err)
	require.NoError(t, hub.Start(context.Background()))
	t.Cleanup(func() { require.NoError(t, hub.Stop(context.Background())) })
	e := &env{t: t, hub: hub}

	const events = 250
	begin := make([]chan struct{}, events)
	for i := range begin {
		begin[i] = make(chan struct{})
	}
	var work sync.WaitGroup
	work.Go(func() {
		versions := map[string]int64{}
		for i := range events {
			close(begin[i])
			if err := d.write(context.Background(), versions); err != nil {
				t.Error(err)
			}
		}
	})
	work.Go(func() { // the projection, which is now and then behind
		for position := int64(0); position < events && !t.Failed(); {
			next, err := d.project(context.Background(), position, 1+rand.IntN(30))
			if err != nil {
				t.Error(err)
			}
			if position = next; rand.IntN(3) == 0 {
				<-begin[min(position+rand.Int64N(20), events-1)]
			}
		}
	})
	folds := make([]map[string]map[string]any, postgresRuns)
	for i := range folds {
		work.Go(func() {
			<-begin[rand.IntN(events)]
			folds[i] = e.foldTenants(events)
		})
	}
	work.Wait()

	rows, position, err := tenantdirectory.Snapshot(d.pool)(tenantscope.Within(t.Context(), eventstore.SystemTenant), eventstore.SystemTenant, 10_000)
	require.NoError(t, err)
	require.Equal(t, int64(events), position)
	want := map[string]map[string]any{}
	for _, row := range rows {
		addRow(t, want, row)
	}
	for _, fold := range folds {
		require.Equal(t, want, fold)
	}
}

func addRow(t *testing.T, to map[string]map[string]any, row json.RawMessage) {
	var decoded map[string]any
	if err := json.Unmarshal(row, &decoded); err != nil {
		t.Error(err)
		return
	}
	to[decoded["id"].(string)] = decoded
}

// foldTenants does what a client does that shows all tenants.
func (e *env) foldTenants(end int64) map[string]map[string]any {
	t := e.t.(*testing.T)
	r, err := e.tryOpen(eventstore.SystemTenant, feeds.Spec{FromSnapshot: "tenants"})
	if err != nil {
		t.Error(err)
		return nil
	}
	defer r.Close()
	model := map[string]map[string]any{}
	for _, row := range r.Rows() {
		addRow(t, model, row)
	}
	for r.Position() < end {
		b, err := r.Next(context.Background(), 1+rand.IntN(20), 1<<20)
		if err != nil {
			t.Error(err)
			return nil
		}
		for _, entry := range b.Entries {
			var c struct {
				Type    string         `json:"type"`
				ID      string         `json:"tansustreamid"`
				Version float64        `json:"tansuversion,string"`
				Data    map[string]any `json:"data"`
			}
			if err := json.Unmarshal(entry.CloudEvent(), &c); err != nil {
				t.Error(err)
			}
			row := model[c.ID]
			switch c.Type {
			case "tenant.created":
				row = map[string]any{
					"id": c.ID, "slug": c.Data["slug"], "name": c.Data["name"], "settings": c.Data["settings"],
					"status": "active", "created_at": c.Data["at"],
				}
			case "tenant.renamed":
				row["name"] = c.Data["name"]
			case "tenant.settings_changed":
				row["settings"] = c.Data["settings"]
			case "tenant.suspended":
				row["status"] = "suspended"
			case "tenant.reactivated":
				row["status"] = "active"
			}
			row["version"], row["updated_at"] = c.Version, c.Data["at"]
			model[c.ID] = row
		}
		if !b.More && b.Position < end {
			select {
			case <-r.woken:
			case <-time.After(timeout):
				t.Errorf("not woken at %d", r.Position())
				return nil
			}
		}
	}
	return model
}

// Rows that change while they are read do not get into the snapshot.
func TestRowsAndPositionAreOfOneMoment(t *testing.T) {
	t.Parallel()
	d := newDirectory(t)
	d.wire.keep(true)
	versions := map[string]int64{}
	for range 20 {
		require.NoError(t, d.write(t.Context(), versions))
	}
	_, err := d.project(t.Context(), 0, 5)
	require.NoError(t, err)
	read := func(before func()) (names []string, position int64) {
		position, err := projections.ReadServing(tenantscope.Within(t.Context(), eventstore.SystemTenant), d.pool, tenantdirectory.Name, eventstore.SystemTenant, func(ctx context.Context, q *db.Queries) error {
			before()
			rows, err := q.TenantsByCreatedAt(ctx, db.TenantsByCreatedAtParams{TenantID: eventstore.SystemTenant, MaxRows: 100})
			for _, r := range rows {
				names = append(names, fmt.Sprint(r.ID, r.Name, r.Version))
			}
			return err
		})
		require.NoError(t, err)
		return names, position
	}
	want, position := read(func() {})
	require.Equal(t, int64(5), position)
	got, position := read(func() {
		_, err := d.project(t.Context(), 5, 100)
		require.NoError(t, err)
	})
	require.Equal(t, int64(5), position)
	require.Equal(t, want, got)
	_, position = read(func() {})
	require.Equal(t, int64(20), position)
}

func TestSnapshotsThatCannotBe(t *testing.T) {
	t.Parallel()
	pool := postgrestest.New(t)
	read := tenantdirectory.Snapshot(pool)
	_, _, err := read(t.Context(), eventstore.SystemTenant, 10)
	require.ErrorIs(t, err, projections.ErrNotServing)
	_, _, err = read(t.Context(), uuid.New(), 10)
	require.ErrorIs(t, err, feeds.ErrUnknownSnapshot)

	failure := errors.New("the read model cannot be read")
	rows := make([]json.RawMessage, feeds.MaxSnapshotRows+1)
	e := newEnv(t, func(c *feeds.Config) {
		c.Snapshots = map[string]feeds.Snapshot{
			"large": func(_ context.Context, _ uuid.UUID, limit int) ([]json.RawMessage, int64, error) {
				return rows[:min(limit, len(rows))], 0, nil
			},
			"fits":   func(context.Context, uuid.UUID, int) ([]json.RawMessage, int64, error) { return rows[1:], 0, nil },
			"broken": func(context.Context, uuid.UUID, int) ([]json.RawMessage, int64, error) { return nil, 0, failure },
			"ahead":  func(context.Context, uuid.UUID, int) ([]json.RawMessage, int64, error) { return nil, 7, nil },
		}
	})
	for name, want := range map[string]error{
		"large": feeds.ErrSnapshotTooLarge, "broken": failure, "ahead": feeds.ErrAhead, "other": feeds.ErrUnknownSnapshot,
	} {
		_, err := e.tryOpen(uuid.New(), feeds.Spec{FromSnapshot: name})
		require.ErrorIs(t, err, want)
	}
	require.Len(t, e.open(uuid.New(), feeds.Spec{FromSnapshot: "fits"}).Rows(), feeds.MaxSnapshotRows)
	e.hub.Retire(0)
	require.Equal(t, 1, e.hub.Tails(), "who was refused leaves nothing behind")
}

func TestHeadsOfWatchedTenants(t *testing.T) {
	t.Parallel()
	d := newDirectory(t)
	d.wire.keep(true)
	require.NoError(t, d.write(t.Context(), map[string]int64{}))
	heads, err := feeds.HeadsOf(d.pool)(t.Context(), []uuid.UUID{uuid.New(), eventstore.SystemTenant})
	require.NoError(t, err)
	head, err := d.store.Head(t.Context(), eventstore.SystemTenant)
	require.NoError(t, err)
	require.Equal(t, []eventstore.Head{head}, heads)
}
