package projections_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tansu.cloud/domain/projection"
	"tansu.cloud/eventstore"
	"tansu.cloud/projections"
)

// shown waits until the version of a tenant's rows is known.
func (e *env) shown(r *projections.Runner, tenant uuid.UUID) (version string, reached int64) {
	e.t.Helper()
	e.eventually(func() (known bool) {
		version, reached, known = r.Shown(countersName, tenant)
		return known
	}, "no version")
	return version, reached
}

func TestAVersionStandsForRows(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	r := e.start()
	acme := uuid.New()
	_, _, known := r.Shown("nothing", acme)
	require.False(t, known)

	e.wait(r, acme, e.append(acme, "a", added{1}))
	first, reached := e.shown(r, acme)
	require.EqualValues(t, 1, reached)
	position := e.append(acme, "a", noted{"does not concern the projection"})
	e.wait(r, acme, position)
	same, reached := e.shown(r, acme)
	require.Equal(t, first, same)
	require.Equal(t, position, reached)

	e.wait(r, acme, e.append(acme, "a", added{1}))
	second, _ := e.shown(r, acme)
	require.NotEqual(t, first, second)

	e.do(projection.StartRebuild{Version: 1, Reason: "test"})
	e.eventually(func() bool { return e.status(r).Generation == 2 }, "no switch")
	rebuilt, _ := e.shown(r, acme)
	require.NotEqual(t, second, rebuilt)
}

// A version is gone before anybody can see the rows after it.
func TestAVersionEndsBeforeItsRows(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	r := e.start(func(c *projections.Config) { c.PollInterval = 5 * time.Millisecond })
	acme := uuid.New()
	rows := map[string]int64{} // by version
	var mu sync.Mutex
	var told atomic.Int64 // sum that a writer was told to be projected
	done := make(chan struct{})
	var work sync.WaitGroup
	for range 4 {
		work.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				before := told.Load()
				version, _, known := r.Shown(countersName, acme)
				all, err := e.readRows(context.Background())
				if err != nil {
					t.Error(err)
					return
				}
				again, _, still := r.Shown(countersName, acme)
				if !known || !still || version != again {
					continue
				}
				total := all[acme.String()+"/a"].total
				mu.Lock()
				was, seen := rows[version]
				rows[version] = total
				mu.Unlock()
				if seen && was != total || total < before {
					t.Errorf("version %s stood for %d and stands for %d, after %d", version, was, total, before)
				}
			}
		})
	}
	versions := func() int {
		mu.Lock()
		defer mu.Unlock()
		return len(rows)
	}
	for n := 0; versions() < 30 && n < 2000 && !t.Failed(); n++ {
		e.wait(r, acme, e.append(acme, "a", added{1}))
		told.Add(1)
		if rand.N(3) == 0 {
			before := versions()
			e.eventually(func() bool { return versions() > before || t.Failed() }, "no version")
		}
	}
	close(done)
	work.Wait()
	require.GreaterOrEqual(t, versions(), 30)
}

func TestThereIsNoVersionBehindAParkedStream(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	r := e.start()
	acme := uuid.New()
	e.failOn(func(event eventstore.Event) error {
		if event.Stream.ID == "bad" {
			return errors.New("poison")
		}
		return nil
	})
	e.wait(r, acme, e.append(acme, "good", added{1}))
	e.shown(r, acme)
	e.wait(r, acme, e.append(acme, "bad", added{2}))
	e.eventually(func() bool { return e.status(r).Parked == 1 }, "not parked")
	for range 50 { // more often than it would be made sure in that time
		_, _, known := r.Shown(countersName, acme)
		require.False(t, known)
		e.wait(r, acme, e.append(acme, "good", noted{"x"}))
	}
	e.failOn(nil)
	for id := range e.desired().DeadLetters {
		e.do(projection.RequestRedrive{DeadLetterID: id})
	}
	e.shown(r, acme)
	require.Equal(t, e.expected(), e.rows())
}

// Whoever does not move a tenant on does not know a version, and whoever does no
// longer has no more to say, even if nobody told it so.
func TestOnlyWhoMovesRowsOnKnowsTheirVersion(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	acme := uuid.New()
	position := e.append(acme, "a", added{1})
	first := e.start()
	e.wait(first, acme, position)
	version, _ := e.shown(first, acme)

	follower := e.start(func(c *projections.Config) { c.NodeID, c.Follow = "follower", true })
	e.wait(follower, acme, position)
	_, _, known := follower.Shown(countersName, acme)
	require.False(t, known)

	stop(t, first)
	_, _, known = first.Shown(countersName, acme)
	require.False(t, known)
	second := e.start(func(c *projections.Config) { c.NodeID = "node-b" })
	same, _ := e.shown(second, acme)
	require.Equal(t, version, same, "the same rows have the same version, whoever tells it")
}

// Whoever had the lease before may be late with a commit. The version is made sure
// behind it, and then nobody comes late any more.
func TestAVersionWaitsForALateCommit(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	acme := uuid.New()
	first := e.start()
	e.wait(first, acme, e.append(acme, "a", added{1}))
	version, _ := e.shown(first, acme)
	stop(t, first)

	const move = `UPDATE checkpoints SET fence = $3 WHERE tenant_id = $1 AND projection = $2 AND fence <= $3`
	var fence int64
	require.NoError(t, e.pool.QueryRow(t.Context(), `SELECT fence FROM checkpoints WHERE tenant_id = $1`, acme).Scan(&fence))
	late, err := e.pool.Begin(t.Context())
	require.NoError(t, err)
	_, err = late.Exec(t.Context(), move, acme, countersName, fence)
	require.NoError(t, err)

	second := e.start(func(c *projections.Config) { c.NodeID = "node-b" })
	e.eventually(func() bool {
		_, _, known := second.Shown(countersName, acme)
		require.False(t, known)
		var waiting bool
		require.NoError(t, e.pool.QueryRow(t.Context(), `SELECT EXISTS (SELECT FROM pg_stat_activity
			WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%ClaimCheckpoint%')`).Scan(&waiting))
		return waiting
	}, "it does not wait")
	_, _, known := second.Shown(countersName, acme)
	require.False(t, known)
	require.NoError(t, late.Commit(t.Context()))
	again, _ := e.shown(second, acme)
	require.Equal(t, version, again)

	tag, err := e.pool.Exec(t.Context(), move, acme, countersName, fence)
	require.NoError(t, err)
	require.Zero(t, tag.RowsAffected(), "whoever has an older lease is refused")
}
