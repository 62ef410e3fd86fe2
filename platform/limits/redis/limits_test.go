package redis_test

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tansu.cloud/platform/limits"
	"tansu.cloud/platform/limits/limitstest"
	limitsredis "tansu.cloud/platform/limits/redis"
	"tansu.cloud/platform/redis"
	"tansu.cloud/platform/redistest"
)

func TestMain(m *testing.M) { redistest.Main(m) }

const (
	patience = 30 * time.Second
	tick     = 5 * time.Millisecond
)

// installation is what the nodes of one have in common.
type installation struct {
	url, prefix string
	beat        time.Duration
}

func newInstallation(url string) installation {
	return installation{url: url, prefix: uuid.NewString(), beat: time.Minute} // nobody is believed dead
}

type node struct {
	*limitsredis.Limits
	link *redis.Link
	kill func() // ends it without a farewell
}

func (i installation) node(t testing.TB) node {
	t.Helper()
	l, link, kill := redistest.Node(t, redis.Config{URL: i.url, Prefix: i.prefix, Beat: i.beat, Timeout: patience}, limitsredis.New)
	return node{l, link, kill}
}

func (n node) await(t *testing.T, shared bool) {
	t.Helper()
	require.Eventually(t, func() bool { return (n.Healthy() == nil) == shared }, patience, tick)
}

func (n node) allowed(t *testing.T, key string, rate limits.Rate, tokens int) bool {
	return n.Allow(t.Context(), key, rate, tokens).OK
}

func TestLimits(t *testing.T) {
	t.Parallel()
	limitstest.Run(t, func(t *testing.T) limitstest.Fixture {
		i := newInstallation(redistest.URL(t))
		return limitstest.Fixture{Limits: i.node(t).Limits, Second: i.node(t).Limits}
	})
}

func TestLimitsWithoutRedis(t *testing.T) {
	t.Parallel()
	limitstest.Run(t, func(t *testing.T) limitstest.Fixture {
		i := newInstallation("redis://127.0.0.1:1")
		n := i.node(t)
		require.ErrorIs(t, n.Healthy(), redis.ErrAway)
		return limitstest.Fixture{Limits: n.Limits}
	})
}

// TestThreeProcessesKeepTheRate is not parallel: it measures.
func TestThreeProcessesKeepTheRate(t *testing.T) {
	i := newInstallation(redistest.URL(t))
	for _, rate := range []limits.Rate{
		// Bursts so large that what a busy machine misses can be made up for.
		{Tokens: 20, Per: time.Second, Burst: 20},
		{Tokens: 200, Per: time.Second, Burst: 200},
		{Tokens: 1_000, Per: time.Second, Burst: 1_000},
	} {
		p := limitstest.Press(t, rate, 2*time.Second, i.node(t), i.node(t), i.node(t))
		t.Logf("%d in %s, burst %d: %+v", rate.Tokens, rate.Per, rate.Burst, p)
		require.LessOrEqual(t, float64(p.Passed), p.Most*1.1)
		require.GreaterOrEqual(t, float64(p.Passed), p.Least*0.9)
	}
}

func TestWhoUsesOneProcessOnlyGetsTheWholeRate(t *testing.T) {
	i := newInstallation(redistest.URL(t))
	busy, _ := i.node(t), i.node(t)
	rate := limits.Rate{Tokens: 500, Per: time.Second, Burst: 500}
	p := limitstest.Press(t, rate, 2*time.Second, busy)
	require.LessOrEqual(t, float64(p.Passed), p.Most*1.1)
	require.GreaterOrEqual(t, float64(p.Passed), p.Least*0.9)
}

func TestWithoutRedisEachProcessKeepsTheRateForItself(t *testing.T) {
	t.Parallel()
	server := redistest.Private(t)
	i := newInstallation(server.URL())
	i.beat = 200 * time.Millisecond
	nodes := []node{i.node(t), i.node(t), i.node(t)}
	key, rate := uuid.NewString(), limits.Rate{Tokens: 1, Per: time.Hour, Burst: 60}
	passed := 0
	press := func() {
		for range 2 * rate.Burst {
			for _, n := range nodes {
				if n.allowed(t, key, rate, 1) {
					passed++
				}
			}
		}
	}
	press()
	require.Equal(t, rate.Burst, passed, "together")
	for range 3 {
		require.NoError(t, server.Kill())
		for _, n := range nodes {
			require.Error(t, n.link.Probe(t.Context()))
		}
		press()
		require.NoError(t, server.Start(t.Context())) // which has forgotten everything
		for _, n := range nodes {
			n.await(t, true)
		}
		press()
	}
	require.Equal(t, len(nodes)*rate.Burst, passed, "each for itself, however often Redis forgets")
}

func TestDecisionsAreMadeFromTheLease(t *testing.T) {
	t.Parallel()
	server := redistest.Private(t)
	i := newInstallation(server.URL())
	n := i.node(t)
	key, rate := uuid.NewString(), limits.Rate{Tokens: 100_000, Per: time.Second, Burst: 100_000}
	calls := func() int64 {
		client := redistest.Client(t, i.url)
		text, err := client.Do(t.Context(), client.B().Info().Section("commandstats").Build()).ToString()
		require.NoError(t, err)
		return callsOf(t, text, "evalsha")
	}
	before := calls()
	for range 50_000 {
		require.True(t, n.allowed(t, key, rate, 1))
	}
	require.Less(t, calls()-before, int64(2_500), "requests for 50,000 decisions") // about 20 unless the machine is slow
}

func TestConcurrentCallersShareARequest(t *testing.T) {
	t.Parallel()
	i := newInstallation(redistest.URL(t))
	n := i.node(t)
	rate := limits.Rate{Tokens: 1, Per: time.Hour, Burst: 50}
	for range 20 {
		key := uuid.NewString()
		var passed atomic.Int64
		var callers sync.WaitGroup
		for range 100 {
			callers.Go(func() {
				if n.allowed(t, key, rate, 1) {
					passed.Add(1)
				}
			})
		}
		callers.Wait()
		require.Equal(t, int64(rate.Burst), passed.Load())
	}
}

func TestADeadProcessHoldsNothing(t *testing.T) {
	t.Parallel()
	i := newInstallation(redistest.URL(t))
	i.beat = 2 * time.Second // a busy machine may let a few beats pass before the end
	dying, living := i.node(t), i.node(t)
	key := uuid.NewString()
	for range 3 {
		_, ok := dying.Acquire(t.Context(), key, 3)
		require.True(t, ok)
	}
	_, ok := living.Acquire(t.Context(), key, 3)
	require.False(t, ok)
	dying.kill()
	for range 3 {
		require.Eventually(t, func() bool {
			_, ok := living.Acquire(t.Context(), key, 3)
			return ok
		}, patience, tick)
	}
	_, ok = living.Acquire(t.Context(), key, 3)
	require.False(t, ok)
}

func TestWhatIsHeldIsToldAgainAfterAnOutage(t *testing.T) {
	t.Parallel()
	server := redistest.Private(t)
	i := newInstallation(server.URL())
	i.beat = 200 * time.Millisecond
	one, other := i.node(t), i.node(t)
	key := uuid.NewString()
	acquire := func(n node) func() {
		release, ok := n.Acquire(t.Context(), key, 3)
		require.True(t, ok)
		return release
	}
	released, kept := acquire(one), acquire(one)
	acquire(other)
	require.NoError(t, server.Stop())
	for _, n := range []node{one, other} {
		require.Error(t, n.link.Probe(t.Context()))
	}
	released()
	acquire(other)
	acquire(other)
	_, ok := other.Acquire(t.Context(), key, 3)
	require.False(t, ok, "the limit holds in each process")
	require.NoError(t, server.Start(t.Context()))
	require.Eventually(t, func() bool { return held(t, i, key) == 4 }, patience, tick)
	// The other node counts again as soon as it has shown that it lives.
	require.Eventually(t, func() bool {
		release, ok := one.Acquire(t.Context(), key, 3)
		if ok {
			release()
		}
		return !ok
	}, patience, tick, "more is held than the limit allows")
	kept()
	require.Eventually(t, func() bool { return held(t, i, key) == 3 }, patience, tick)
	_, ok = one.Acquire(t.Context(), key, 4)
	require.True(t, ok)
}

func TestAFrozenRedisHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	server := redistest.Private(t)
	l, _, _ := redistest.Node(t, redis.Config{URL: server.URL(), Beat: 200 * time.Millisecond, Timeout: 100 * time.Millisecond}, limitsredis.New)
	require.Eventually(t, func() bool { return l.Healthy() == nil }, patience, tick)
	require.NoError(t, server.Freeze())
	began := time.Now()
	for n := range 500 {
		key := fmt.Sprint(n)
		rate := limits.Rate{Tokens: 1, Per: time.Hour, Burst: 1}
		require.True(t, l.Allow(t.Context(), key, rate, 1).OK)
		require.False(t, l.Allow(t.Context(), key, rate, 1).OK)
		release, ok := l.Acquire(t.Context(), key, 1)
		require.True(t, ok)
		release()
	}
	require.Less(t, time.Since(began), 50*time.Second, "a few calls wait 100 ms, and not each of 1,500")
	require.NoError(t, server.Thaw())
	require.Eventually(t, func() bool { return l.Healthy() == nil }, patience, tick)
}

func BenchmarkAllow(b *testing.B) {
	n := newInstallation(redistest.URL(b)).node(b)
	keys := make([]string, 100)
	for i := range keys {
		keys[i] = uuid.NewString() + ":messages"
	}
	rate := limits.Rate{Tokens: 1_000_000, Per: time.Second, Burst: 1_000_000}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		n.Allow(b.Context(), keys[i%len(keys)], rate, 1)
	}
}

func BenchmarkAcquire(b *testing.B) {
	n := newInstallation(redistest.URL(b)).node(b)
	key := uuid.NewString() + ":connections"
	for b.Loop() {
		release, ok := n.Acquire(b.Context(), key, 10)
		require.True(b, ok)
		release()
	}
}

// held adds up what all nodes hold.
func held(t *testing.T, i installation, key string) (sum int64) {
	t.Helper()
	client := redistest.Client(t, i.url)
	counts, err := client.Do(t.Context(), client.B().Hvals().Key(i.prefix+":"+key+":held").Build()).AsIntSlice()
	require.NoError(t, err)
	for _, n := range counts {
		sum += n
	}
	return sum
}

// callsOf finds a command's calls in INFO commandstats.
func callsOf(t *testing.T, info, command string) (calls int64) {
	t.Helper()
	for line := range strings.Lines(info) {
		if n, err := fmt.Sscanf(line, "cmdstat_"+command+":calls=%d,", &calls); n == 1 && err == nil {
			return calls
		}
	}
	return 0
}
