package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"tansu.cloud/eventstore"
	"tansu.cloud/eventstore/postgres"
	"tansu.cloud/platform/postgrestest"
)

func newAppend(tenant uuid.UUID, stream string, expected int64, key string) eventstore.Append {
	a := eventstore.Append{
		TenantID: tenant,
		Writes: []eventstore.StreamWrite{{
			Stream: eventstore.Stream{Type: "account", ID: stream}, Expected: expected,
			Events: []eventstore.NewEvent{{ID: uuid.Must(uuid.NewV7()), Type: "account.credited", SchemaVersion: 1,
				Data: []byte(fmt.Sprintf(`{"key": %q, "padding": "%0600d"}`, key, 0))}},
		}},
		Metadata: eventstore.Metadata{Actor: "test"},
	}
	if key != "" {
		a.Idempotency = &eventstore.Idempotency{Key: key, Response: []byte(key)}
	}
	return a
}

// requireLog checks the whole contract of a tenant's log and returns it.
func requireLog(t *testing.T, store eventstore.Reader, tenant uuid.UUID) []eventstore.Event {
	t.Helper()
	var log []eventstore.Event
	versions := map[eventstore.Stream]int64{}
	prev := eventstore.Hash{}
	for after := int64(0); ; {
		page, err := store.ReadLog(context.Background(), tenant, eventstore.LogQuery{After: after})
		require.NoError(t, err)
		for _, e := range page.Events {
			require.Equal(t, int64(len(log)+1), e.Position)
			require.Equal(t, versions[e.Stream]+1, e.Version, "%s", e.Stream)
			versions[e.Stream]++
			require.Equal(t, eventstore.ChainHash(prev, &e), e.Hash)
			prev = e.Hash
			log = append(log, e)
		}
		if page.Done {
			break
		}
		after = page.Next
	}
	head, err := store.Head(context.Background(), tenant)
	require.NoError(t, err)
	require.Equal(t, int64(len(log)), head.Position)
	require.Equal(t, prev, head.Hash)
	return log
}

// The outcome of an interrupted commit is looked up: no caller sees an error,
// nothing is lost and nothing is written twice, whether the server got the
// commit or not, and even if it gets it after the lane has given up on it.
func TestConnectionsLostDuringCommit(t *testing.T) {
	t.Parallel()
	network := &faultyNetwork{}
	store := start(t, network.pool(t), postgres.Options{Lanes: 2, RetryFor: time.Minute})
	tenants := []uuid.UUID{uuid.New(), uuid.New(), uuid.New()}
	network.every.Store(4)

	const callers, appends = 24, 40
	var work sync.WaitGroup
	failures := make(chan error, callers)
	for c := range callers {
		work.Go(func() {
			for i := range appends {
				key := ""
				if c%2 == 0 {
					key = fmt.Sprintf("%d-%d", c, i)
				}
				done, err := store.Append(context.Background(), newAppend(tenants[c%3], fmt.Sprint(c), int64(i), key))
				if err != nil {
					failures <- fmt.Errorf("caller %d append %d: %w", c, i, err)
					return
				}
				if v := done.Events[0].Version; v != int64(i+1) {
					failures <- fmt.Errorf("caller %d append %d got version %d", c, i, v)
					return
				}
			}
		})
	}
	work.Wait()
	network.every.Store(0)
	network.pending.Wait()
	close(failures)
	for err := range failures {
		t.Error(err)
	}
	total := 0
	for _, tenant := range tenants {
		total += len(requireLog(t, store, tenant))
	}
	require.Equal(t, callers*appends, total)
	for f := range faults {
		require.Positive(t, network.counts[f].Load(), "fault %d never happened", f)
	}
}

// What the server refuses for good reaches the caller as unavailable, changes
// nothing, and takes no other caller's append with it. The trigger gives the
// server's answer to a full disk; a disk cannot be filled here.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	pool := postgrestest.New(t)
	store := start(t, pool, postgres.Options{Lanes: 1})
	tenant := uuid.New()
	_, err := store.Append(ctx, newAppend(tenant, "a", 0, "before"))
	require.NoError(t, err)
	_, err = pool.Exec(ctx, `
CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS
  $$ BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END $$;
CREATE TRIGGER full_disk BEFORE INSERT ON events FOR EACH ROW WHEN (NEW.stream_id = 'full') EXECUTE FUNCTION full_disk()`)
	require.NoError(t, err)

	var work sync.WaitGroup
	errs := make([]error, 20)
	for i := range errs {
		work.Go(func() {
			stream, expected := "full", eventstore.AnyVersion
			if i%2 == 0 {
				stream = fmt.Sprint("other-", i)
			}
			_, errs[i] = store.Append(ctx, newAppend(tenant, stream, expected, fmt.Sprint(i)))
		})
	}
	work.Wait()
	for i, err := range errs {
		if i%2 == 0 {
			require.NoError(t, err)
		} else {
			require.ErrorIs(t, err, eventstore.ErrUnavailable)
		}
	}
	require.Len(t, requireLog(t, store, tenant), 11)

	_, err = pool.Exec(ctx, `DROP TRIGGER full_disk ON events`)
	require.NoError(t, err)
	_, err = store.Append(ctx, newAppend(tenant, "full", 0, "1"))
	require.NoError(t, err, "the key of a refused append is free")
	require.Len(t, requireLog(t, store, tenant), 12)
}

// A server that is killed and comes back costs time, not events: callers wait,
// and what was acknowledged is there once.
func TestServerKilledUnderAppends(t *testing.T) {
	t.Parallel()
	server := postgrestest.Server(t)
	pool, err := pgxpool.New(t.Context(), server.DSN())
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	store := start(t, pool, postgres.Options{Lanes: 2, RetryFor: time.Minute})
	tenants := []uuid.UUID{uuid.New(), uuid.New()}

	ctx, stop := context.WithCancel(context.Background())
	var work sync.WaitGroup
	var acknowledged [8]int
	failures := make(chan error, len(acknowledged))
	progress := make(chan struct{}, 1)
	for c := range acknowledged {
		work.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				if _, err := store.Append(context.Background(), newAppend(tenants[c%2], fmt.Sprint(c), int64(i), fmt.Sprint(c, "-", i))); err != nil {
					failures <- err
					return
				}
				acknowledged[c]++
				select {
				case progress <- struct{}{}:
				default:
				}
			}
		})
	}
	for range 4 {
		for range 20 {
			<-progress
		}
		require.NoError(t, server.Kill())
		require.NoError(t, server.Restart(context.Background()))
	}
	for range 20 {
		<-progress
	}
	stop()
	work.Wait()
	close(failures)
	for err := range failures {
		t.Error(err)
	}
	total := 0
	for _, n := range acknowledged {
		total += n
	}
	require.Equal(t, total, len(requireLog(t, store, tenants[0]))+len(requireLog(t, store, tenants[1])))
}

// An open write transaction in another database and a long snapshot in this one
// hold up neither appends nor readers.
func TestSlowTransactionsElsewhereDelayNobody(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	other := postgrestest.New(t)
	pool := postgrestest.New(t)
	_, err := other.Exec(ctx, `CREATE TABLE elsewhere (n int)`)
	require.NoError(t, err)
	write, err := other.Begin(ctx)
	require.NoError(t, err)
	defer write.Rollback(ctx)
	_, err = write.Exec(ctx, `INSERT INTO elsewhere VALUES (1)`)
	require.NoError(t, err)
	snapshot, err := pool.Begin(ctx)
	require.NoError(t, err)
	defer snapshot.Rollback(ctx)
	_, err = snapshot.Exec(ctx, `SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM events`)
	require.NoError(t, err)

	store := start(t, pool, postgres.Options{Lanes: 1})
	tenant := uuid.New()
	for i := range 200 {
		done, err := store.Append(ctx, newAppend(tenant, "a", int64(i), ""))
		require.NoError(t, err)
		page, err := store.ReadLog(ctx, tenant, eventstore.LogQuery{After: done.Position - 1})
		require.NoError(t, err)
		require.Len(t, page.Events, 1, "an event is readable as soon as it is acknowledged")
	}
}

// Stop answers what waits and refuses what comes after.
func TestStopDrains(t *testing.T) {
	t.Parallel()
	pool := postgrestest.New(t)
	store := postgres.New(pool, postgres.Options{Lanes: 1})
	require.NoError(t, store.Start(t.Context()))
	tenant := uuid.New()
	var work sync.WaitGroup
	var mu sync.Mutex
	acknowledged := 0
	for c := range 32 {
		work.Go(func() {
			for i := 0; ; i++ {
				_, err := store.Append(context.Background(), newAppend(tenant, fmt.Sprint(c), int64(i), ""))
				if errors.Is(err, eventstore.ErrUnavailable) {
					return
				}
				mu.Lock()
				acknowledged++
				mu.Unlock()
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	require.Eventually(t, func() bool { mu.Lock(); defer mu.Unlock(); return acknowledged > 100 }, time.Minute, time.Millisecond)
	require.NoError(t, store.Stop(context.Background()))
	work.Wait()
	require.Len(t, requireLog(t, store, tenant), acknowledged)
}
