package presencetest

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"tansu.cloud/platform/presence"
)

func testBroadcast(t *testing.T, f Fixture) {
	c := channel()
	listeners := []*Recorder{Listen(t, f.Channels, c), Listen(t, f.Channels, c), Listen(t, f.far(), c)}
	require.NoError(t, f.Channels.Broadcast(t.Context(), c, member("a"), []byte(`{"text":"<&>"}`)))
	for _, told := range listeners {
		require.Eventually(t, func() bool { return len(told.Messages()) == 1 }, patience, tick)
		m := told.Messages()[0]
		require.Equal(t, presence.KindBroadcast, m.Kind)
		require.Equal(t, "actor of a", m.Member.Actor)
		require.JSONEq(t, `{"text":"<&>"}`, string(m.Data))
	}
}

func testSenderOrder(t *testing.T, f Fixture) {
	const senders, each = 4, 200
	c := channel()
	listeners := []*Recorder{Listen(t, f.Channels, c), Listen(t, f.far(), c)}
	var group errgroup.Group
	for s := range senders {
		group.Go(func() error {
			for i := range each {
				data := fmt.Appendf(nil, "%d", i)
				if err := f.Channels.Broadcast(t.Context(), c, member(fmt.Sprint(s)), data); err != nil {
					return err
				}
			}
			return nil
		})
	}
	require.NoError(t, group.Wait())
	for _, told := range listeners {
		require.Eventually(t, func() bool { return len(told.Messages()) >= senders*each }, patience, tick)
		next := map[string]int{}
		for _, m := range told.Messages() {
			require.Equal(t, fmt.Sprint(next[m.Member.ID]), string(m.Data), "of sender %s", m.Member.ID)
			next[m.Member.ID]++
		}
	}
}

func testStop(t *testing.T, f Fixture) {
	c := channel()
	var stopped Recorder
	stop := f.far().Listen(c, stopped.record)
	other := Listen(t, f.far(), c)
	require.NoError(t, f.Channels.Broadcast(t.Context(), c, member("a"), []byte(`1`)))
	stopped.Await(t, "broadcast a 1")
	stop()
	stop()
	require.NoError(t, f.Channels.Broadcast(t.Context(), c, member("a"), []byte(`2`)))
	other.Await(t, "broadcast a 1", "broadcast a 2")
	stopped.Await(t, "broadcast a 1")
	again := Listen(t, f.far(), c)
	require.NoError(t, f.Channels.Broadcast(t.Context(), c, member("a"), []byte(`3`)))
	again.Await(t, "broadcast a 3")
}

func testReentrance(t *testing.T, f Fixture) {
	c := channel()
	var called atomic.Bool
	done := make(chan error, 1)
	t.Cleanup(f.Channels.Listen(c, func(presence.Message) {
		if called.CompareAndSwap(false, true) { // what it does is heard here as well
			done <- callEverything(t, f.Channels, c)
		}
	}))
	require.NoError(t, f.Channels.Join(t.Context(), c, member("a")))
	require.NoError(t, <-done)
	AwaitMembers(t, f.Channels, c, "a")
}

func callEverything(t *testing.T, channels presence.Channels, c presence.Channel) error {
	channels.Listen(c, func(presence.Message) {})()
	if _, err := channels.Members(t.Context(), c); err != nil {
		return err
	}
	if err := channels.Join(t.Context(), c, member("b")); err != nil {
		return err
	}
	if err := channels.Broadcast(t.Context(), c, member("b"), []byte(`1`)); err != nil {
		return err
	}
	return channels.Leave(t.Context(), c, "b")
}

func testConcurrency(t *testing.T, f Fixture) {
	const clients, rounds = 8, 25
	c := channel()
	var received atomic.Int64
	var group errgroup.Group
	for i := range clients {
		channels, m := f.Channels, member(fmt.Sprint(i))
		if i%2 == 1 {
			channels = f.far()
		}
		group.Go(func() error {
			for range rounds {
				stop := channels.Listen(c, func(presence.Message) { received.Add(1) })
				if err := channels.Join(t.Context(), c, m); err != nil {
					return err
				}
				if err := channels.Broadcast(t.Context(), c, m, []byte(`1`)); err != nil {
					return err
				}
				if err := channels.Leave(t.Context(), c, m.ID); err != nil {
					return err
				}
				stop()
			}
			return nil
		})
	}
	require.NoError(t, group.Wait())
	require.GreaterOrEqual(t, received.Load(), int64(clients*rounds*3), "each hears at least itself")
	AwaitMembers(t, f.Channels, c)
	AwaitMembers(t, f.far(), c)
}
