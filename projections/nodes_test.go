package projections_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"tansu.cloud/domain/projection"
	"tansu.cloud/eventstore"
	"tansu.cloud/platform/bus"
	"tansu.cloud/platform/stopwatchtest"
	"tansu.cloud/projections"
)

// cluster is several nodes on one database and one bus.
type cluster struct {
	*env
	mu    sync.Mutex
	nodes map[string]*clusterNode
}

type clusterNode struct {
	*projections.Runner
	crash context.CancelFunc
}

const clusterTTL = 2 * time.Second

func newCluster(t *testing.T, options ...envOption) *cluster {
	return &cluster{env: newEnv(t, options...), nodes: map[string]*clusterNode{}}
}

// join starts a node, which has connections of its own.
func (c *cluster) join(id string, change ...func(*projections.Config)) *clusterNode {
	c.t.Helper()
	pool, err := pgxpool.New(c.t.Context(), c.pool.Config().ConnString())
	require.NoError(c.t, err)
	c.t.Cleanup(pool.Close)
	r, err := projections.NewRunner(c.config(append([]func(*projections.Config){node(id, clusterTTL), func(cfg *projections.Config) { cfg.Pool = pool }}, change...)...))
	require.NoError(c.t, err)
	ctx, crash := context.WithCancel(context.Background())
	require.NoError(c.t, r.Start(ctx))
	n := &clusterNode{r, crash}
	c.t.Cleanup(func() { stop(c.t, r) })
	c.mu.Lock()
	defer c.mu.Unlock()
	c.nodes[id] = n
	return n
}

func (c *cluster) take(id string) *clusterNode {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.nodes[id]
	delete(c.nodes, id)
	return n
}

func (c *cluster) stop(id string) { stop(c.t, c.take(id).Runner) }

// kill ends a node as a crash would: it gives nothing back.
func (c *cluster) kill(id string) {
	n := c.take(id)
	n.crash()
	stop(c.t, n.Runner)
}

// any is a node that lives; it may be gone when it is used.
func (c *cluster) any() *clusterNode {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, n := range c.nodes { // in random order
		return n
	}
	return nil
}

// shares counts the partitions of each node that leases are in force for.
func (c *cluster) shares() map[string]int {
	c.t.Helper()
	rows, err := c.pool.Query(c.t.Context(), `SELECT holder, count(*) FROM leases
		WHERE name ~ '^projection/counters/[0-7]$' AND expires_at > now() GROUP BY holder`)
	require.NoError(c.t, err)
	shares := map[string]int{}
	for rows.Next() {
		var holder string
		var n int
		require.NoError(c.t, rows.Scan(&holder, &n))
		shares[holder] = n
	}
	require.NoError(c.t, rows.Err())
	return shares
}

// even waits until the partitions are spread over these nodes and no others.
func (c *cluster) even(nodes ...string) {
	c.t.Helper()
	c.eventually(func() bool {
		shares := c.shares()
		total := 0
		for _, n := range nodes {
			if shares[n] < bus.Partitions/len(nodes) {
				return false
			}
			total += shares[n]
		}
		return total == bus.Partitions && len(shares) == len(nodes)
	}, "the partitions must be spread over %v", nodes)
}

// write appends to a tenant until ctx ends; each time it waits on some node and
// then reads what it has written.
func (c *cluster) write(ctx context.Context, id uuid.UUID) {
	for n := 0; ctx.Err() == nil; n++ {
		stream, already := fmt.Sprintf("own%d", n/50), int64(n%50)
		position, err := c.tryAppend(c.t.Context(), id, stream, added{1}, noted{"x"})
		if err != nil {
			c.t.Error(err)
			return
		}
		bounded, cancel := contextFor(c.t, time.Minute)
		err = c.any().Wait(bounded, countersName, id, position)
		cancel()
		if err != nil {
			c.t.Error(err)
			return
		}
		var total int64
		err = c.pool.QueryRow(c.t.Context(), `SELECT total FROM counters WHERE tenant_id = $1 AND id = $2`, id, stream).Scan(&total)
		if err != nil || total != already+1 {
			c.t.Errorf("read %d after writing %d: %v", total, already+1, err)
			return
		}
	}
}

// whileWriting does something while several tenants are written to, and checks
// that everything was projected, once.
func (c *cluster) whileWriting(tenants []uuid.UUID, do func()) {
	c.t.Helper()
	ctx, done := context.WithCancel(c.t.Context())
	var writers sync.WaitGroup
	for _, id := range tenants {
		writers.Go(func() { c.write(ctx, id) })
	}
	do()
	done()
	writers.Wait()
	c.waitAll(c.any().Runner)
	require.Equal(c.t, c.expected(), c.rows())
	require.Empty(c.t, c.desired().DeadLetters)
}

func TestNodesShareThePartitions(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	c.ready(c.join("a").Runner)
	c.even("a")
	c.whileWriting(newTenants(12), func() {
		b := c.join("b")
		c.even("a", "b")
		c.join("c")
		c.even("a", "b", "c")
		require.Equal(t, []string{"a", "b", "c"}, c.status(b.Runner).Owners)
		c.stop("a") // which led
		c.even("b", "c")
	})
	c.eventually(func() bool { holder, _ := c.lease(); return holder != "a" }, "another must lead")
}

func TestPartitionsOfAKilledNodeMoveWhenItsLeasesRunOut(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	for _, id := range []string{"a", "b", "c"} {
		c.join(id)
	}
	c.even("a", "b", "c")
	c.whileWriting(newTenants(12), func() {
		leader, _ := c.lease()
		began := time.Now()
		c.kill(leader)
		var left []string
		for id := range c.nodes {
			left = append(left, id)
		}
		c.even(left...)
		t.Logf("partitions moved %v after the kill, with leases of %v", time.Since(began), clusterTTL)
	})
}

func TestStoppedNodeIsReplacedAtOnce(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	seldom := func(cfg *projections.Config) { cfg.PollInterval, cfg.LeaseTTL = 10*time.Second, time.Hour }
	c.join("a", seldom)
	c.even("a")
	c.join("b", seldom)
	c.even("a", "b")
	began := stopwatchtest.Start(t)
	c.stop("a")
	c.even("b")
	require.Eventually(t, func() bool { holder, _ := c.lease(); return holder == "b" }, time.Minute, time.Millisecond)
	t.Logf("replaced %v after it began to stop", began.Read())
	began.Within(6 * time.Second) // neither by a poll nor by the end of the lease
}

func TestRollingRestartsLoseNothing(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	for _, id := range []string{"a", "b", "c"} {
		c.join(id)
	}
	c.even("a", "b", "c")
	c.whileWriting(newTenants(8), func() {
		for _, id := range []string{"a", "b", "c"} {
			c.stop(id)
			c.join(id)
			c.even("a", "b", "c")
		}
	})
}

// Nodes are killed and started at random while the bus drops, repeats and
// reorders messages; in the end the rows are those of a rebuild.
func TestRandomKillsWithABadBus(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	bad := func(cfg *projections.Config) {
		cfg.Bus = chaoticBus{c.bus}
		cfg.LeaseTTL = time.Second
	}
	ids := []string{"a", "b", "c"}
	for _, id := range ids {
		c.join(id, bad)
	}
	c.even(ids...)
	c.whileWriting(newTenants(8), func() {
		for range 8 {
			id := ids[rand.IntN(len(ids))]
			c.kill(id)
			timer := time.NewTimer(rand.N(1400 * time.Millisecond)) // sometimes others take over, sometimes not
			<-timer.C
			c.join(id, bad)
		}
	})
	before := c.rows()
	c.do(projection.StartRebuild{Reason: "compare"})
	c.eventually(c.serving(c.any().Runner, 2), "generation 2 must serve")
	require.Equal(t, before, c.rows())
}

// Generations are switched while all three nodes move the serving one on: reads
// never fail and never go back, whichever node one waits on.
func TestSwitchWithThreeNodes(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	for _, id := range []string{"a", "b", "c"} {
		c.join(id, func(cfg *projections.Config) { cfg.DropAfter = time.Millisecond })
	}
	c.even("a", "b", "c")
	tenants := newTenants(8)
	c.fill(tenants, 2, 20)
	c.waitAll(c.any().Runner)
	c.whileWriting(tenants, func() {
		reading, stopReading := context.WithCancel(t.Context())
		var reader sync.WaitGroup
		reader.Go(func() { c.readForward(reading) })
		for generation := 2; generation <= 3; generation++ {
			began := time.Now()
			c.do(projection.StartRebuild{Reason: "test"})
			c.eventually(c.serving(c.any().Runner, generation), "generation %d must serve", generation)
			t.Logf("generation %d after %v", generation, time.Since(began))
			c.even("a", "b", "c")
		}
		leader, _ := c.lease()
		c.kill(leader)
		c.do(projection.StartRebuild{Reason: "with a dead node among them"})
		c.eventually(c.serving(c.any().Runner, 4), "generation 4 must serve")
		stopReading()
		reader.Wait()
	})
	c.eventually(func() bool { return len(c.schemas()) == 1 }, "old tables must go")
}

// readForward reads until ctx ends and complains about totals that sink.
func (c *cluster) readForward(ctx context.Context) {
	last := map[string]int64{}
	for ctx.Err() == nil {
		rows, err := c.readRows(c.t.Context())
		if err != nil {
			c.t.Errorf("a read failed: %v", err)
			return
		}
		for key, total := range last {
			if rows[key].total < total {
				c.t.Errorf("%s went back from %d to %d", key, total, rows[key].total)
				return
			}
		}
		for key, row := range rows {
			last[key] = row.total
		}
	}
}

// Dead letters, pause and resume work whichever node a tenant belongs to.
func TestCommandsReachTheNodeThatOwnsTheTenant(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	for _, id := range []string{"a", "b", "c"} {
		c.join(id)
	}
	c.even("a", "b", "c")
	c.failOn(poison("bad", 2))
	tenants := newTenants(12) // on all nodes
	for _, id := range tenants {
		c.append(id, "bad", added{1})
		c.append(id, "bad", added{1})
		c.append(id, "bad", added{1})
	}
	c.eventually(func() bool { return len(c.desired().DeadLetters) == len(tenants) }, "every tenant's stream must be parked")
	c.waitAll(c.any().Runner)
	c.failOn(nil)

	discarded := ""
	for letterID, letter := range c.desired().DeadLetters {
		if discarded == "" {
			discarded = letter.TenantID
			c.do(projection.Discard{DeadLetterID: letterID, Reason: "a test"})
		} else {
			c.do(projection.RequestRedrive{DeadLetterID: letterID})
		}
	}
	c.noLetters()
	c.eventually(func() bool {
		var rows int
		return c.pool.QueryRow(t.Context(), `SELECT count(*) FROM parked_streams`).Scan(&rows) == nil && rows == 0
	}, "nothing must be parked")
	for _, id := range tenants {
		c.wait(c.any().Runner, id, c.append(id, "bad", added{1}))
	}
	want := c.expected()
	want[discarded+"/bad"] = counter{2, []int64{1, 4}}
	require.Equal(t, want, c.rows())

	c.do(projection.Pause{})
	paused := func(state projections.State) func() bool {
		return func() bool {
			for _, n := range c.nodes {
				if c.status(n.Runner).State != state {
					return false
				}
			}
			return true
		}
	}
	c.eventually(paused(projections.StatePaused), "all must pause")
	before := c.rows()
	positions := map[uuid.UUID]int64{}
	for _, id := range tenants {
		positions[id] = c.append(id, "good", added{1})
	}
	expired, cancel := contextFor(t, 300*time.Millisecond)
	defer cancel()
	require.Error(t, c.any().Wait(expired, countersName, tenants[0], positions[tenants[0]]))
	require.Equal(t, before, c.rows())
	c.do(projection.Resume{})
	for id, position := range positions {
		c.wait(c.any().Runner, id, position)
	}
}

func TestFollowerMovesNothingOn(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	follower := c.join("follower", func(cfg *projections.Config) { cfg.Follow, cfg.Bus = true, nil })
	id := uuid.New()
	position := c.append(id, "a", added{1})
	select {
	case <-follower.Ready():
		require.Fail(t, "nothing can be read yet")
	case <-time.After(300 * time.Millisecond):
	}
	c.ready(c.join("a", func(cfg *projections.Config) { cfg.PollInterval = 10 * time.Second }).Runner)
	c.ready(follower.Runner)
	c.wait(follower.Runner, id, position)
	require.Equal(t, c.expected(), c.rows())
	c.even("a")
	c.eventually(func() bool { return c.status(follower.Runner).State == projections.StateRunning }, "it must know how things stand")
	c.eventually(func() bool { return slices.Equal([]string{"a"}, c.status(follower.Runner).Owners) }, "it must know who does it")
	position = c.append(id, "a", noted{"x"})
	c.wait(follower.Runner, id, position) // although no checkpoint is written for it
	c.stop("a")
	expired, cancel := contextFor(t, 500*time.Millisecond)
	defer cancel()
	require.Error(t, follower.Wait(expired, countersName, id, position+1), "it is beyond the end of the log")
	position = c.append(id, "a", added{1})
	expired, cancel = contextFor(t, 500*time.Millisecond)
	defer cancel()
	require.Error(t, follower.Wait(expired, countersName, id, position), "nobody is left to do it")
	var leases int
	require.NoError(t, c.pool.QueryRow(t.Context(), `SELECT count(*) FROM leases WHERE holder = 'follower'`).Scan(&leases))
	require.Zero(t, leases)
}

// A hint brings the news that no message brought.
func TestHintMovesOnWithoutMessages(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	silent := bus.NewInProcess(e.config().Logger)
	defer silent.Close()
	seldom := func(c *projections.Config) { c.Bus, c.PollInterval = silent, 2*time.Minute } // later than any wait
	r := e.start(seldom)
	id := uuid.New()
	e.eventually(func() bool { return len(e.status(r).Owners) == 1 }, "it must run")
	position := e.append(id, "a", added{1})
	r.Hint(id, position)
	r.Hint(uuid.New(), 7) // of a log that is not there yet
	e.eventually(func() bool { return len(e.rows()) == 1 }, "the hint must bring it")
	e.do(projection.Pause{})
	head, err := e.store.Head(t.Context(), eventstore.SystemTenant)
	require.NoError(t, err)
	r.Hint(eventstore.SystemTenant, head.Position)
	e.eventually(func() bool { return e.status(r).State == projections.StatePaused }, "the hint must bring the pause")
}
