package projections_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tansu.cloud/domain/projection"
	"tansu.cloud/eventstore"
	"tansu.cloud/projections"
)

// schemas lists the generations that have tables.
func (e *env) schemas() []string {
	e.t.Helper()
	var names []string
	require.NoError(e.t, e.pool.QueryRow(e.t.Context(),
		`SELECT coalesce(array_agg(nspname::text ORDER BY nspname), '{}') FROM pg_namespace WHERE nspname LIKE 'counters\_g%'`).Scan(&names))
	return names
}

func (e *env) serving(r *projections.Runner, generation int) func() bool {
	return func() bool { return e.status(r).Generation == generation && e.status(r).Rebuild == nil }
}

func TestRebuildBesideWhileWritersAndReadersWork(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	tenants := newTenants(3)
	e.fill(tenants, 3, 30)
	r := e.start(func(c *projections.Config) {
		c.DropAfter = time.Millisecond
		c.CatchUpPage = 40 // many transactions
	})
	e.waitAll(r)

	working, stopWorking := context.WithCancel(t.Context())
	var work sync.WaitGroup
	// A reader sees its own write at once, whatever is switched meanwhile, and
	// never fewer rows than there are streams.
	for i, id := range tenants {
		work.Go(func() {
			for n := 1; working.Err() == nil; n++ {
				position, err := e.tryAppend(t.Context(), id, "own", added{1}, noted{"x"})
				if err != nil {
					t.Error(err)
					return
				}
				e.wait(r, id, position)
				var total int64
				if err := e.pool.QueryRow(t.Context(), `SELECT total FROM counters WHERE tenant_id = $1 AND id = 'own'`, id).Scan(&total); err != nil || total != int64(n) {
					t.Errorf("writer %d read %d after writing %d: %v", i, total, n, err)
					return
				}
			}
		})
	}
	work.Go(func() {
		for working.Err() == nil {
			rows, err := e.readRows(t.Context())
			if err != nil || len(rows) < 9 {
				t.Errorf("a read during the rebuild returned %d rows: %v", len(rows), err)
				return
			}
		}
	})
	for generation := 2; generation <= 3; generation++ {
		e.do(projection.StartRebuild{Reason: "test"})
		e.eventually(e.serving(r, generation), "generation %d must serve", generation)
	}
	stopWorking()
	work.Wait()
	e.waitAll(r)
	require.Equal(t, e.expected(), e.rows())
	e.eventually(func() bool { return len(e.schemas()) == 1 }, "old tables must go")
	require.Equal(t, []string{"counters_g3"}, e.schemas())
	var leftovers int
	require.NoError(t, e.pool.QueryRow(t.Context(), `SELECT count(*) FROM checkpoints WHERE generation < 3`).Scan(&leftovers))
	require.Zero(t, leftovers)
}

// gate is a decoder that lets no event of a type through until it is opened.
type gate struct {
	projections.Decoder
	typ  string
	open chan struct{}
}

func (g *gate) Decode(ctx context.Context, e eventstore.Event) (eventstore.Payload, error) {
	if e.Type == g.typ {
		select {
		case <-g.open:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return g.Decoder.Decode(ctx, e)
}

func TestRebuildShowsProgressAndCanBeCancelled(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	id := uuid.New()
	e.fill([]uuid.UUID{id}, 1, 50)
	first := e.start()
	e.waitAll(first)
	stop(t, first)

	e.do(projection.StartRebuild{Reason: "test"})
	held := &gate{e.codec, added{}.EventType(), make(chan struct{})}
	r := e.start(func(c *projections.Config) { c.Decoder = held })
	e.eventually(func() bool { return len(e.schemas()) == 2 }, "generation 2 must be built")
	s := e.status(r)
	require.Equal(t, projections.StateRebuilding, s.State)
	require.Equal(t, 1, s.Generation)
	require.Equal(t, 2, s.Rebuild.Generation)
	require.Zero(t, s.Rebuild.Done)
	require.GreaterOrEqual(t, s.Rebuild.Total, int64(100))
	require.Equal(t, e.expected(), e.rows(), "the old generation serves")

	e.do(projection.CancelRebuild{Reason: "changed my mind"}) // before it can be done
	close(held.open)
	e.eventually(func() bool { return e.status(r).Rebuild == nil }, "the rebuild must end")
	e.eventually(func() bool { return len(e.schemas()) == 1 }, "its tables must go")
	require.Equal(t, 1, e.status(r).Generation)
}

func TestRebuildGoesOnAfterARestart(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	tenants := newTenants(2)
	e.fill(tenants, 2, 40)
	first := e.start()
	e.waitAll(first)
	stop(t, first)
	e.do(projection.StartRebuild{Reason: "test"})

	// Each of these runners gets some way and is aborted.
	var last int64
	for done := int64(0); done < 60; {
		ctx, crash := context.WithCancel(context.Background())
		r, err := projections.NewRunner(e.config(func(c *projections.Config) {
			c.CatchUpPage, c.SwitchLag = 5, 1
		}))
		require.NoError(t, err)
		require.NoError(t, r.Start(ctx))
		e.eventually(func() bool {
			err := e.pool.QueryRow(t.Context(), `SELECT coalesce(sum(position), 0) FROM checkpoints WHERE generation = 2`).Scan(&done)
			return err == nil && done > last
		}, "the build must get on")
		crash()
		stop(t, r)
		require.GreaterOrEqual(t, done, last)
		last = done
		if e.desired().Building == nil {
			break
		}
	}
	r := e.start()
	e.eventually(e.serving(r, 2), "generation 2 must serve")
	e.waitAll(r)
	require.Equal(t, e.expected(), e.rows())
}

func TestNewVersionRebuildsByItselfWhileTheOldServes(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	id := uuid.New()
	e.fill([]uuid.UUID{id}, 2, 20)
	first := e.start()
	e.waitAll(first)
	stop(t, first)
	before := e.rows()
	position := e.append(id, "s0", added{1})

	second := e.counters()
	second.Version = 2
	held := &gate{e.codec, added{}.EventType(), make(chan struct{})}
	second.DDL = `CREATE TABLE counters (tenant_id uuid NOT NULL, id text NOT NULL, total bigint NOT NULL,
		versions bigint[] NOT NULL, extra text NOT NULL DEFAULT 'new', PRIMARY KEY (tenant_id, id))`
	r := e.start(func(c *projections.Config) {
		c.Projections = []projections.Projection{second}
		c.Decoder = held
	})
	e.eventually(func() bool { return len(e.schemas()) == 2 }, "generation 2 must be built")
	require.Equal(t, before, e.rows(), "the old rows serve")
	expired, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, r.Wait(expired, countersName, id, position), context.DeadlineExceeded)

	close(held.open)
	e.wait(r, id, position)
	require.Equal(t, e.expected(), e.rows())
	s := e.status(r)
	require.Equal(t, 2, s.Version)
	require.Equal(t, 2, s.Generation)
	var extra string
	require.NoError(t, e.pool.QueryRow(t.Context(), `SELECT extra FROM counters LIMIT 1`).Scan(&extra))
	require.Equal(t, "new", extra)
	stop(t, r)

	old := e.startUnready() // the program of before: it must not touch the newer rows
	e.eventually(func() bool { return e.status(old).State == projections.StateFailed }, "it must say that it is too old")
	require.Contains(t, e.status(old).LastError, "newer release")
	require.Equal(t, e.expected(), e.rows())
}

func TestLostTablesAreFilledAgain(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.fill(newTenants(2), 2, 10)
	first := e.start()
	e.waitAll(first)
	stop(t, first)
	_, err := e.pool.Exec(t.Context(), `DROP SCHEMA counters_g1 CASCADE`)
	require.NoError(t, err)
	r := e.start()
	e.waitAll(r)
	require.Equal(t, e.expected(), e.rows())
}

// A crash of the database takes the end of what was committed without waiting
// for the disk, while the process remembers having got further.
func TestCheckpointThatTheDatabaseLostIsFound(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	r := e.start()
	id := uuid.New()
	e.wait(r, id, e.append(id, "a", added{1}))
	e.wait(r, id, e.append(id, "a", added{1}))
	_, err := e.pool.Exec(t.Context(), `WITH c AS (UPDATE checkpoints SET position = 1 WHERE tenant_id = $1)
		UPDATE counters_g1.counters SET total = 1, versions = '{1}' WHERE tenant_id = $1`, id)
	require.NoError(t, err)
	e.eventually(func() bool { return e.rows()[id.String()+"/a"].total == 2 }, "the lost event must be applied again")
	require.Equal(t, e.expected(), e.rows())
}

func TestSwitchWaitsForAReaderThatHoldsTheViews(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	id := uuid.New()
	e.fill([]uuid.UUID{id}, 2, 5)
	r := e.start(func(c *projections.Config) { c.DropAfter = time.Millisecond })
	e.waitAll(r)
	reader, err := e.pool.Begin(t.Context())
	require.NoError(t, err)
	defer func() { _ = reader.Rollback(context.Background()) }()
	var before, after int64
	require.NoError(t, reader.QueryRow(t.Context(), `SELECT sum(total) FROM counters`).Scan(&before))

	e.do(projection.StartRebuild{Reason: "test"})
	e.eventually(func() bool { return e.desired().Active.Generation == 2 }, "the log must say that it is switched")
	require.Equal(t, 1, e.status(r).Generation, "the views cannot be replaced yet")
	require.Equal(t, e.expected(), e.rows(), "others read beside the waiting switch")
	require.NoError(t, reader.QueryRow(t.Context(), `SELECT sum(total) FROM counters`).Scan(&after))
	require.Equal(t, before, after)
	require.NoError(t, reader.Commit(t.Context()))
	e.eventually(e.serving(r, 2), "generation 2 must serve")
	e.wait(r, id, e.append(id, "s0", added{1}))
	require.Equal(t, e.expected(), e.rows())
}

func TestRebuildParksAnewWhatStillFailsAndNothingAfterTheFix(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	r := e.start()
	id := uuid.New()
	e.failOn(poison("bad", 2))
	for range 5 {
		e.append(id, "bad", added{1})
	}
	e.append(id, "good", added{1})
	e.waitAll(r)
	old, _ := e.letter()

	e.do(projection.StartRebuild{Reason: "still broken"})
	e.eventually(e.serving(r, 2), "generation 2 must serve")
	again, letter := e.letter()
	require.NotEqual(t, old, again)
	require.Equal(t, 2, letter.Generation)
	require.Equal(t, counter{1, []int64{1}}, e.rows()[id.String()+"/bad"])

	e.failOn(nil)
	e.do(projection.StartRebuild{Reason: "fixed"})
	e.eventually(e.serving(r, 3), "generation 3 must serve")
	e.noLetters()
	e.waitAll(r)
	require.Equal(t, e.expected(), e.rows())
}
