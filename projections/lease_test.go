package projections_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tansu.cloud/projections"
)

func contextFor(t *testing.T, d time.Duration) (context.Context, context.CancelFunc) {
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
	holder, next := e.lease()
	require.Equal(t, "node-b", holder)
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
	holder, _ := e.lease()
	require.Equal(t, "node-b", holder)
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
