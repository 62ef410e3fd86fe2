package presencetest

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"tansu.cloud/platform/presence"
)

const hands = 32 // that fill a bound at the same time

func testMaxMembers(t *testing.T, f Fixture) {
	c := channel()
	var group errgroup.Group
	group.SetLimit(hands)
	for i := range presence.MaxMembers {
		group.Go(func() error { return f.Channels.Join(t.Context(), c, member(fmt.Sprint(i))) })
	}
	require.NoError(t, group.Wait())
	require.ErrorIs(t, f.far().Join(t.Context(), c, member("too many")), presence.ErrFull)
	require.NoError(t, f.Channels.Join(t.Context(), c, member("7")), "changes the state of a member")
	require.NoError(t, f.Channels.Leave(t.Context(), c, "7"))
	require.NoError(t, f.far().Join(t.Context(), c, member("not too many")))
	members, err := f.far().Members(t.Context(), c)
	require.NoError(t, err)
	require.Len(t, members, presence.MaxMembers)
}

func testMaxChannels(t *testing.T, f Fixture) {
	c := channel()
	nth := func(i int) presence.Channel { return presence.Channel{Tenant: c.Tenant, Name: fmt.Sprint(i)} }
	var group errgroup.Group
	group.SetLimit(hands)
	for i := range presence.MaxChannels {
		group.Go(func() error { return f.Channels.Join(t.Context(), nth(i), member(fmt.Sprint(i))) })
	}
	require.NoError(t, group.Wait())
	require.ErrorIs(t, f.far().Join(t.Context(), c, member("a")), presence.ErrFull)
	require.NoError(t, f.far().Join(t.Context(), nth(7), member("a")), "joins a channel that others have joined")
	require.NoError(t, f.far().Join(t.Context(), channel(), member("a")), "of another tenant")
	require.NoError(t, f.Channels.Leave(t.Context(), nth(8), "8"))
	require.NoError(t, f.far().Join(t.Context(), c, member("a")))
}

func testMaxSizes(t *testing.T, f Fixture) {
	c, m := channel(), member("a")
	m.State = jsonOfSize(presence.MaxState)
	require.NoError(t, f.Channels.Join(t.Context(), c, m))
	m.State = jsonOfSize(presence.MaxState + 1)
	require.ErrorIs(t, f.Channels.Join(t.Context(), c, m), presence.ErrFull)

	told := Listen(t, f.far(), c)
	require.ErrorIs(t, f.Channels.Broadcast(t.Context(), c, m, jsonOfSize(presence.MaxPayload+1)), presence.ErrFull)
	require.NoError(t, f.Channels.Broadcast(t.Context(), c, m, jsonOfSize(presence.MaxPayload)))
	told.Await(t, "broadcast a "+string(jsonOfSize(presence.MaxPayload)))

	c.Name = strings.Repeat("ö", presence.MaxChannelName)
	require.NoError(t, f.Channels.Join(t.Context(), c, member("a")))
	AwaitMembers(t, f.far(), c, "a")
	c.Name += "o"
	require.ErrorIs(t, f.Channels.Join(t.Context(), c, member("a")), presence.ErrFull)
	require.ErrorIs(t, f.Channels.Broadcast(t.Context(), c, m, []byte(`1`)), presence.ErrFull)
}

func jsonOfSize(n int) []byte { return fmt.Appendf(nil, "%q", bytes.Repeat([]byte("x"), n-2)) }
