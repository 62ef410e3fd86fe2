package projections_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tansu.cloud/domain/projection"
	"tansu.cloud/eventstore"
	"tansu.cloud/projections"
)

func contextFor(t testing.TB, d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(t.Context(), d)
}

func node(id string, ttl time.Duration) func(*projections.Config) {
	return func(c *projections.Config) { c.NodeID, c.LeaseTTL = id, ttl }
}

func (e *env) lease() (holder string, token int64) {
	e.t.Helper()
	require.NoError(e.t, e.pool.QueryRow(e.t.Context(), `SELECT holder, token FROM leases WHERE name = 'projection/counters'`).Scan(&holder, &token))
	return holder, token
}

func TestOneNodeRunsAProjectionAndTheOtherTakesOverWhenItStops(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	first := e.start(node("node-a", time.Minute))
	second := e.start(node("node-b", time.Minute)) // ready: the rows can be read here too
	id := uuid.New()
	position := e.append(id, "a", added{1})
	e.wait(second, id, position) // it waits for what the other does
	holder, token := e.lease()
	require.Equal(t, "node-a", holder)

	stop(t, first)
	e.wait(second, id, e.append(id, "a", added{1}))
	e.eventually(func() bool { holder, _ := e.lease(); return holder == "node-b" }, "the lead must change hands")
	_, next := e.lease()
	require.Greater(t, next, token)
	require.Equal(t, e.expected(), e.rows())
}

func TestCrashedNodeIsReplacedWhenItsLeaseRunsOut(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	ctx, crash := context.WithCancel(context.Background())
	first, err := projections.NewRunner(e.config(node("node-a", time.Second)))
	require.NoError(t, err)
	require.NoError(t, first.Start(ctx))
	e.ready(first)
	crash()
	stop(t, first)
	id := uuid.New()
	second := e.start(node("node-b", time.Second))
	e.wait(second, id, e.append(id, "a", added{1}))
	e.eventually(func() bool { holder, _ := e.lease(); return holder == "node-b" }, "the lead must change hands")
}

func TestOwnLeaseIsTakenAgainAtOnce(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	ctx, crash := context.WithCancel(context.Background())
	first, err := projections.NewRunner(e.config(node("node-a", time.Hour)))
	require.NoError(t, err)
	require.NoError(t, first.Start(ctx))
	e.ready(first)
	crash()
	stop(t, first)
	id := uuid.New()
	again := e.start(node("node-a", time.Hour))
	e.wait(again, id, e.append(id, "a", added{1}))
}

func TestHolderOfAnOldLeaseCannotWrite(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	old := e.start(node("node-a", time.Hour)) // renews every 20 minutes: it does not notice
	id := uuid.New()
	e.wait(old, id, e.append(id, "a", added{1}))
	_, err := e.pool.Exec(t.Context(), `UPDATE leases SET holder = 'node-b', token = token + 1`)
	require.NoError(t, err)
	_, err = e.pool.Exec(t.Context(), `UPDATE checkpoints SET fence = fence + 1`)
	require.NoError(t, err)

	position := e.append(id, "a", added{1})
	expired, cancel := contextFor(t, time.Second)
	defer cancel()
	require.ErrorIs(t, old.Wait(expired, countersName, id, position), context.DeadlineExceeded)
	require.Equal(t, int64(1), e.rows()[id.String()+"/a"].total)
	require.Empty(t, e.desired().DeadLetters)
}

// asleep keeps a runner from looking at leases for the length of a test, so that
// it goes on writing what messages bring.
func asleep(c *projections.Config) { c.PollInterval, c.LeaseTTL = time.Hour, 3*time.Hour }

func TestOwnerThatSleptThroughItsLeaseCannotWrite(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	old := c.join("a", asleep)
	c.even("a")
	id := uuid.New()
	c.wait(old.Runner, id, c.append(id, "a", added{1}))
	_, err := c.pool.Exec(t.Context(), `UPDATE leases SET expires_at = now()`)
	require.NoError(t, err)
	next := c.join("b")
	c.even("b")
	for written := false; !written; { // by the new owner
		c.wait(next.Runner, id, c.append(id, "a", added{1}))
		require.NoError(t, c.pool.QueryRow(t.Context(), `SELECT fence >= (SELECT min(token) FROM leases
			WHERE holder = 'b' AND name ~ '/[0-7]$') FROM checkpoints WHERE tenant_id = $1`, id).Scan(&written))
	}
	c.stop("b")

	rows := c.rows()
	position := c.append(id, "a", added{1}) // the message about it goes to the old owner
	expired, cancel := contextFor(t, 500*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, old.Wait(expired, countersName, id, position), context.DeadlineExceeded)
	require.Equal(t, rows, c.rows())
	last := c.join("c")
	c.wait(last.Runner, id, position)
	require.Equal(t, c.expected(), c.rows())
	require.Empty(t, c.desired().DeadLetters)
}

// An owner that hangs in a transaction has the checkpoint's row locked.
func TestHangingTransactionIsEndedForTheSuccessor(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	c.join("a")
	c.even("a")
	id := uuid.New()
	hanging, free := make(chan struct{}), make(chan struct{})
	defer close(free)
	var once atomic.Bool
	c.failOn(func(eventstore.Event) error {
		if once.CompareAndSwap(false, true) {
			close(hanging)
			<-free
		}
		return nil
	})
	position := c.append(id, "a", added{1})
	<-hanging
	_, err := c.pool.Exec(t.Context(), `UPDATE leases SET holder = 'b', token = token + 100`)
	require.NoError(t, err)
	c.wait(c.join("b").Runner, id, position)
	require.Equal(t, c.expected(), c.rows())
}

func TestTokensRiseOverAllLeases(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	c.join("a", func(cfg *projections.Config) { cfg.LeaseTTL = time.Hour }) // none is taken anew
	c.even("a")
	c.do(projection.StartRebuild{Reason: "test"})
	c.eventually(c.serving(c.any().Runner, 2), "generation 2 must serve")
	// The partitions are written under newer leases than the generation was built.
	var lead, partitions int64
	_, lead = c.lease()
	require.NoError(t, c.pool.QueryRow(t.Context(), `SELECT min(token) FROM leases WHERE name ~ '/[0-7]$'`).Scan(&partitions))
	require.Greater(t, partitions, lead)
	id := uuid.New()
	c.wait(c.any().Runner, id, c.append(id, "a", added{1}))
	var fence int64
	require.NoError(t, c.pool.QueryRow(t.Context(), `SELECT fence FROM checkpoints WHERE tenant_id = $1`, id).Scan(&fence))
	require.GreaterOrEqual(t, fence, partitions)
}

func TestStaleCheckpointIsReadAgain(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	id := uuid.New()
	first := e.start(node("node-a", time.Hour))
	e.wait(first, id, e.append(id, "a", added{1}))
	// Two processes that both believe to hold the lease: every event counts once.
	_, err := e.pool.Exec(t.Context(), `UPDATE leases SET expires_at = now()`)
	require.NoError(t, err)
	second := e.start(node("node-b", time.Hour))
	_, err = e.pool.Exec(t.Context(), `UPDATE checkpoints SET fence = 0`)
	require.NoError(t, err)
	e.fill([]uuid.UUID{id}, 3, 30)
	e.waitAll(second)
	require.Equal(t, e.expected(), e.rows())
	require.Empty(t, e.desired().DeadLetters)
}
