package redis_test

import (
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tansu.cloud/platform/limits"
	limitsredis "tansu.cloud/platform/limits/redis"
	"tansu.cloud/platform/presence"
	"tansu.cloud/platform/presence/presencetest"
	"tansu.cloud/platform/redis"
	"tansu.cloud/platform/redistest"
)

func TestChannels(t *testing.T) {
	t.Parallel()
	presencetest.Run(t, func(t *testing.T) presencetest.Fixture {
		i := newInstallation(redistest.URL(t))
		i.beat = time.Minute // so that no node is believed dead, however slow the machine
		return presencetest.Fixture{Channels: i.node(t).Channels, Second: i.node(t).Channels}
	})
}

func TestChannelsWithoutRedis(t *testing.T) {
	t.Parallel()
	presencetest.Run(t, func(t *testing.T) presencetest.Fixture {
		channels, _, _ := redistest.Node(t, redis.Config{URL: "redis://127.0.0.1:1"}, newChannels)
		require.ErrorIs(t, channels.Healthy(), redis.ErrAway)
		return presencetest.Fixture{Channels: channels}
	})
}

func TestAnOutageLeavesEachProcessItsOwnMembers(t *testing.T) {
	t.Parallel()
	server := redistest.Private(t)
	i := newInstallation(server.URL())
	one, other := i.node(t), i.node(t)
	c := newChannel()
	told, toldOther := presencetest.Listen(t, one, c), presencetest.Listen(t, other, c)
	require.NoError(t, one.Join(t.Context(), c, member("stays")))
	require.NoError(t, one.Join(t.Context(), c, member("goes")))
	require.NoError(t, other.Join(t.Context(), c, member("elsewhere")))
	everybody := []string{"elsewhere", "goes", "stays"}
	presencetest.AwaitPresent(t, told, everybody...)
	presencetest.AwaitPresent(t, toldOther, everybody...)

	require.NoError(t, server.Stop())
	one.await(t, false)
	other.await(t, false)
	require.NoError(t, one.Leave(t.Context(), c, "goes"))
	require.NoError(t, one.Join(t.Context(), c, member("comes")))
	require.NoError(t, one.Broadcast(t.Context(), c, member("comes"), []byte(`1`)))
	require.Contains(t, told.Told(), "broadcast comes 1", "those of one process still hear each other")
	// After a while the others are taken for gone, as they take us.
	presencetest.AwaitPresent(t, told, "comes", "stays")
	presencetest.AwaitPresent(t, toldOther, "elsewhere")
	presencetest.AwaitMembers(t, one, c, "comes", "stays")
	presencetest.AwaitMembers(t, other, c, "elsewhere")

	require.NoError(t, server.Start(t.Context())) // with nothing in it
	everybody = []string{"comes", "elsewhere", "stays"}
	for _, n := range []node{one, other} {
		n.await(t, true)
		presencetest.AwaitMembers(t, n, c, everybody...)
	}
	presencetest.AwaitPresent(t, told, everybody...)
	presencetest.AwaitPresent(t, toldOther, everybody...)
	require.NoError(t, other.Broadcast(t.Context(), c, member("elsewhere"), []byte(`2`)))
	require.Eventually(t, func() bool { return slices.Contains(told.Told(), "broadcast elsewhere 2") }, patience, tick)
}

func TestWhatHappenedDuringAShortOutageIsMadeUpFor(t *testing.T) {
	t.Parallel()
	server := redistest.Private(t)
	i := newInstallation(server.URL())
	i.beat = 10 * time.Second // nobody is believed dead
	one, other := i.node(t), i.node(t)
	c := newChannel()
	require.NoError(t, other.Join(t.Context(), c, member("stays")))
	require.NoError(t, other.Join(t.Context(), c, member("goes")))
	told := presencetest.Listen(t, one, c)
	require.NoError(t, other.Join(t.Context(), c, member("later")))
	presencetest.AwaitPresent(t, told, "later")

	require.NoError(t, server.Kill())
	for _, n := range []node{one, other} {
		require.Error(t, n.link.Probe(t.Context()))
	}
	presencetest.AwaitMembers(t, one, c, "goes", "later", "stays")
	require.NoError(t, other.Leave(t.Context(), c, "goes"))
	require.NoError(t, server.Start(t.Context()))
	one.await(t, true)
	other.await(t, true)
	presencetest.AwaitMembers(t, one, c, "later", "stays")
	require.Eventually(t, func() bool { return slices.Contains(told.Told(), "left goes") }, patience, tick)
}

func TestADeadProcessLosesItsMembers(t *testing.T) {
	t.Parallel()
	i := newInstallation(redistest.URL(t))
	dying, living := i.node(t), i.node(t)
	c, other := newChannel(), newChannel()
	told := presencetest.Listen(t, living, c)
	require.NoError(t, dying.Join(t.Context(), c, member("a")))
	require.NoError(t, dying.Join(t.Context(), c, member("b")))
	require.NoError(t, dying.Join(t.Context(), other, member("a")))
	require.NoError(t, living.Join(t.Context(), c, member("c")))
	presencetest.AwaitPresent(t, told, "a", "b", "c")
	dying.kill()
	presencetest.AwaitPresent(t, told, "c")
	presencetest.AwaitMembers(t, living, c, "c")
	presencetest.AwaitMembers(t, living, other)
	for range 2 { // each is announced once
		require.NoError(t, living.Broadcast(t.Context(), c, member("c"), []byte(`1`)))
	}
	require.Len(t, told.Messages(), 3+2+2)
	require.Eventually(t, func() bool { return keys(t, i) == 5 }, patience, tick, "what is left: one channel, one node")
}

func TestAProcessThatWasBelievedDeadComesBack(t *testing.T) {
	t.Parallel()
	i := newInstallation(redistest.URL(t))
	one, other := i.node(t), i.node(t)
	c := newChannel()
	told, ownTold := presencetest.Listen(t, other, c), presencetest.Listen(t, one, c)
	require.NoError(t, one.Join(t.Context(), c, member("a")))
	presencetest.AwaitPresent(t, told, "a")
	del(t, i, one.link.NodeKey(one.link.Node()))
	require.Eventually(t, func() bool { return one.link.State().Session > 1 }, patience, tick)
	presencetest.AwaitMembers(t, other, c, "a")
	presencetest.AwaitPresent(t, told, "a")
	ownTold.Await(t, "joined a")
}

func TestABrokenSubscriptionIsMadeUpFor(t *testing.T) {
	t.Parallel()
	i := newInstallation(redistest.Private(t).URL())
	one, other := i.node(t), i.node(t)
	c := newChannel()
	told := presencetest.Listen(t, one, c)
	require.NoError(t, other.Join(t.Context(), c, member("a")))
	presencetest.AwaitPresent(t, told, "a")
	client := redistest.Client(t, i.url)
	for range 3 {
		require.NoError(t, client.Do(t.Context(), client.B().ClientKill().TypePubsub().Build()).Error())
		require.NoError(t, other.Leave(t.Context(), c, "a"))
		require.NoError(t, other.Join(t.Context(), c, member("b")))
		presencetest.AwaitPresent(t, told, "b")
		require.NoError(t, client.Do(t.Context(), client.B().ClientKill().TypePubsub().Build()).Error())
		require.NoError(t, other.Leave(t.Context(), c, "b"))
		require.NoError(t, other.Join(t.Context(), c, member("a")))
		presencetest.AwaitPresent(t, told, "a")
	}
	require.Equal(t, int64(1), one.link.State().Session)
}

func TestSubscriptionsThatAreRefusedAreReported(t *testing.T) {
	t.Parallel()
	i := newInstallation(redistest.Private(t).URL())
	admin := redistest.Client(t, i.url)
	permit := func(rule string) {
		require.NoError(t, admin.Do(t.Context(), admin.B().AclSetuser().Username("default").Rule(rule).Build()).Error())
	}
	permit("-subscribe")
	one, other := i.node(t), i.node(t)
	c := newChannel()
	told := presencetest.Listen(t, one, c)
	require.Eventually(t, func() bool { return one.Healthy() != nil }, patience, tick)
	require.ErrorContains(t, one.Healthy(), "NOPERM")
	require.True(t, one.link.Up())
	require.NoError(t, other.Join(t.Context(), c, member("a")))
	presencetest.AwaitMembers(t, one, c, "a")
	permit("+subscribe")
	presencetest.AwaitPresent(t, told, "a")
	one.await(t, true) // all topics have been entered a moment after the first one
}

// TestWhatTheRunbookPermitsIsEnough: docs/runbooks/redis.md.
func TestWhatTheRunbookPermitsIsEnough(t *testing.T) {
	t.Parallel()
	i := newInstallation(redistest.Private(t).URL())
	admin := redistest.Client(t, i.url)
	require.NoError(t, admin.Do(t.Context(), admin.B().AclSetuser().Username("tansu").Rule(
		"on", ">word", "~"+i.prefix+":*", "&"+i.prefix+":*", "+@connection", "+@scripting", "+@pubsub", "+@read", "+@write", "+time").Build()).Error())
	server, err := url.Parse(i.url)
	require.NoError(t, err)
	server.User = url.UserPassword("tansu", "word")
	i.url = server.String()
	one, other := i.node(t), i.node(t)
	one.await(t, true)
	c := newChannel()
	told := presencetest.Listen(t, one, c)
	require.NoError(t, other.Join(t.Context(), c, member("a")))
	require.NoError(t, other.Leave(t.Context(), c, "a"))
	told.Await(t, "joined a", "left a")

	shared := limitsredis.New(one.link)
	ok := shared.Allow(t.Context(), c.Tenant.String(), limits.Rate{Tokens: 1, Per: time.Hour, Burst: 1}, 1).OK
	require.True(t, ok)
	release, ok := shared.Acquire(t.Context(), c.Tenant.String(), 1)
	require.True(t, ok)
	release()
	require.NoError(t, one.Healthy(), "nothing was refused")
}

func TestOnlyChannelsWithListenersAreSubscribed(t *testing.T) {
	t.Parallel()
	server := redistest.Private(t)
	i := newInstallation(server.URL())
	n := i.node(t)
	client := redistest.Client(t, i.url)
	subscribed := func() int {
		names, err := client.Do(t.Context(), client.B().PubsubChannels().Pattern("*").Build()).AsStrSlice()
		require.NoError(t, err)
		return len(names)
	}
	c := newChannel()
	require.NoError(t, n.Join(t.Context(), c, member("a")))
	stopOne := n.Listen(c, func(presence.Message) {})
	stopTwo := n.Listen(c, func(presence.Message) {})
	stopOther := n.Listen(newChannel(), func(presence.Message) {})
	require.Equal(t, 2, subscribed(), "when Listen has returned")
	stopOne()
	stopOne()
	stopOther()
	require.Eventually(t, func() bool { return subscribed() == 1 }, patience, tick)
	stopTwo()
	require.Eventually(t, func() bool { return subscribed() == 0 }, patience, tick)
}

func TestAFrozenRedisHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	server := redistest.Private(t)
	channels, _, _ := redistest.Node(t, redis.Config{URL: server.URL(), Beat: 200 * time.Millisecond, Timeout: 100 * time.Millisecond}, newChannels)
	require.Eventually(t, func() bool { return channels.Healthy() == nil }, patience, tick)
	require.NoError(t, server.Freeze())
	began := time.Now()
	c := newChannel()
	for n := range 200 {
		told := presencetest.Listen(t, channels, c)
		require.NoError(t, channels.Join(t.Context(), c, member("a")))
		require.NoError(t, channels.Broadcast(t.Context(), c, member("a"), []byte(`1`)))
		members, err := channels.Members(t.Context(), c)
		require.NoError(t, err)
		require.Len(t, members, 1)
		require.NoError(t, channels.Leave(t.Context(), c, "a"))
		require.Len(t, told.Messages(), 3, "round %d", n)
	}
	require.Less(t, time.Since(began), 40*time.Second, "a few calls wait 100 ms, and not each of 800")
	require.NoError(t, channels.Join(t.Context(), c, member("a")))
	require.NoError(t, server.Thaw())
	require.Eventually(t, func() bool { return channels.Healthy() == nil }, patience, tick)
	presencetest.AwaitMembers(t, channels, c, "a")
}

func TestStopTakesTheMembersOut(t *testing.T) {
	t.Parallel()
	i := newInstallation(redistest.URL(t))
	i.beat = time.Minute
	stopping, other := i.node(t), i.node(t)
	c := newChannel()
	told := presencetest.Listen(t, other, c)
	require.NoError(t, stopping.Join(t.Context(), c, member("a")))
	require.NoError(t, stopping.Stop(t.Context()))
	told.Await(t, "joined a", "left a")
}

func keys(t *testing.T, i installation) int {
	t.Helper()
	client := redistest.Client(t, i.url)
	found, err := client.Do(t.Context(), client.B().Keys().Pattern(i.prefix+":*").Build()).AsStrSlice()
	require.NoError(t, err)
	return len(found)
}

func del(t *testing.T, i installation, key string) {
	t.Helper()
	client := redistest.Client(t, i.url)
	require.NoError(t, client.Do(t.Context(), client.B().Del().Key(key).Build()).Error())
}
