package presencetest

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"tansu.cloud/platform/presence"
)

func testMembers(t *testing.T, f Fixture) {
	c := channel()
	require.NoError(t, f.Channels.Join(t.Context(), c, member("a")))
	AwaitMembers(t, f.far(), c, "a")
	require.NoError(t, f.far().Join(t.Context(), c, member("b")))
	AwaitMembers(t, f.Channels, c, "a", "b")
	AwaitMembers(t, f.far(), c, "a", "b")
	require.NoError(t, f.Channels.Leave(t.Context(), c, "a"))
	AwaitMembers(t, f.far(), c, "b")
	AwaitMembers(t, f.Channels, c, "b")
	require.NoError(t, f.far().Leave(t.Context(), c, "b"))
	AwaitMembers(t, f.Channels, c)
}

func testState(t *testing.T, f Fixture) {
	c := channel()
	told := Listen(t, f.far(), c)
	before, after := member("a"), member("a")
	after.State = []byte(`{"cursor":"<2>"}`)
	require.NoError(t, f.Channels.Join(t.Context(), c, before))
	require.NoError(t, f.Channels.Join(t.Context(), c, after))
	told.Await(t, "joined a", "joined a")
	for i, want := range []presence.Member{before, after} {
		require.Equal(t, want.Actor, told.Messages()[i].Member.Actor)
		require.JSONEq(t, string(want.State), string(told.Messages()[i].Member.State))
	}
	for _, channels := range []presence.Channels{f.Channels, f.far()} {
		members, err := channels.Members(t.Context(), c)
		require.NoError(t, err)
		require.Len(t, members, 1)
		require.Equal(t, after.Actor, members[0].Actor)
		require.JSONEq(t, string(after.State), string(members[0].State))
	}
}

func testOrderOfMembers(t *testing.T, f Fixture) {
	c := channel()
	var ids []string
	for i := range 20 {
		ids = append(ids, fmt.Sprintf("m%02d", i))
	}
	for i := range ids {
		require.NoError(t, f.Channels.Join(t.Context(), c, member(ids[len(ids)-1-i])))
	}
	AwaitMembers(t, f.Channels, c, ids...)
	AwaitMembers(t, f.far(), c, ids...)
}

func testAnnouncements(t *testing.T, f Fixture) {
	c := channel()
	near, far := Listen(t, f.Channels, c), Listen(t, f.far(), c)
	require.NoError(t, f.Channels.Join(t.Context(), c, member("a")))
	near.Await(t, "joined a")
	far.Await(t, "joined a")
	require.NoError(t, f.Channels.Leave(t.Context(), c, "a"))
	near.Await(t, "joined a", "left a")
	far.Await(t, "joined a", "left a")
	require.Equal(t, "actor of a", far.Messages()[1].Member.Actor)
}

func testLeaveUnknown(t *testing.T, f Fixture) {
	c := channel()
	told := Listen(t, f.far(), c)
	require.NoError(t, f.Channels.Leave(t.Context(), c, "a"))
	require.NoError(t, f.Channels.Join(t.Context(), c, member("b")))
	told.Await(t, "joined b")
	require.NoError(t, f.Channels.Leave(t.Context(), c, "b"))
	require.NoError(t, f.Channels.Leave(t.Context(), c, "b"))
	require.NoError(t, f.Channels.Broadcast(t.Context(), c, member("b"), []byte(`1`)))
	told.Await(t, "joined b", "left b", "broadcast b 1")
}

func testTenants(t *testing.T, f Fixture) {
	ours, theirs := channel(), channel()
	require.Equal(t, ours.Name, theirs.Name)
	told := Listen(t, f.far(), theirs)
	require.NoError(t, f.Channels.Join(t.Context(), ours, member("a")))
	require.NoError(t, f.Channels.Broadcast(t.Context(), ours, member("a"), []byte(`1`)))
	require.NoError(t, f.Channels.Join(t.Context(), theirs, member("b")))
	told.Await(t, "joined b")
	AwaitMembers(t, f.far(), theirs, "b")
	AwaitMembers(t, f.far(), ours, "a")
}

func testChannels(t *testing.T, f Fixture) {
	one := channel()
	other := one
	other.Name = one.Name + ":"
	told := Listen(t, f.far(), other)
	require.NoError(t, f.Channels.Join(t.Context(), one, member("a")))
	require.NoError(t, f.Channels.Join(t.Context(), other, member("a")))
	require.NoError(t, f.Channels.Leave(t.Context(), one, "a"))
	require.NoError(t, f.Channels.Broadcast(t.Context(), other, member("a"), []byte(`1`)))
	told.Await(t, "joined a", "broadcast a 1")
	AwaitMembers(t, f.far(), one)
	AwaitMembers(t, f.far(), other, "a")
}
