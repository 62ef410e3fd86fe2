package ws_test

import (
	"context"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tansu.cloud/api/ws"
	"tansu.cloud/platform/tenantscope"
	"tansu.cloud/projections/feeds"
)

// TestDrain: everyone is told to come back, at different times, and resumes where
// it was; nothing is left.
func TestDrain(t *testing.T) {
	e := newEnv(t)
	e.commit(acme, "1", 5, 0)
	before := runtime.NumGoroutine()
	var all []*client
	for range 50 {
		c := e.connect("good")
		c.subscribe("a", `{"after":0}`)
		c.until(5)
		all = append(all, c)
	}
	feed, err := e.server.Open(tenantscope.Within(context.Background(), acme), ws.Reader{Token: "good", Tenant: acme, Cut: func() {}}, feeds.Spec{FromNow: true}, func() {})
	require.NoError(t, err)
	go func() {
		<-feed.Ended()
		feed.Close()
	}()
	drained := make(chan error)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), timeout)
		defer cancel()
		drained <- e.server.Drain(ctx)
	}()
	waits := map[int]bool{}
	for _, c := range all {
		last := c.ends(1012)
		require.Len(t, last, 1)
		require.Equal(t, "shutdown", last[0].Code)
		require.Equal(t, map[string]int64{"a": 5}, last[0].Positions)
		require.LessOrEqual(t, last[0].RetryIn, 1000)
		waits[last[0].RetryIn] = true
	}
	require.NoError(t, <-drained)
	require.Greater(t, len(waits), 20)
	require.Equal(t, "shutdown", feed.Reason().Code)
	_, res, err := e.tryDial("")
	require.Error(t, err)
	require.Equal(t, 503, res.StatusCode)
	require.Eventually(t, func() bool { return runtime.NumGoroutine() <= before+5 }, timeout, 10*time.Millisecond)
}

// TestDrainIsBounded: a client that takes nothing is cut when the time is over.
func TestDrainIsBounded(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	for range 8 {
		e.commit(acme, "1", 250, 4<<10)
	}
	c := e.connect("good")
	c.deafen()
	c.subscribe("a", `{"after":0}`)
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, e.server.Drain(ctx), context.DeadlineExceeded)
	require.Zero(t, e.server.Holders())
}

// TestFeedRights: a feed over HTTP ends like a socket.
func TestFeedRights(t *testing.T) {
	t.Parallel()
	e := newEnv(t, func(d *ws.Deps) { d.Quotas.Connections = ws.Quota{Tenant: 1, Principal: 1} })
	open := func(token string) (*ws.Feed, error) {
		return e.server.Open(tenantscope.Within(context.Background(), acme), ws.Reader{Token: token, Tenant: acme, Cut: func() {}}, feeds.Spec{FromNow: true}, func() {})
	}
	_, err := open("bad")
	require.ErrorContains(t, err, "unauthorized")
	for token, change := range map[string]func(){"good": func() { e.tokens.revoke("good") }, "expires": func() {}} {
		e.tokens.put("expires", ws.Principal{Actor: "ada", Permitted: everything, ExpiresAt: time.Now().Add(4 * time.Second)})
		f, err := open(token)
		require.NoError(t, err)
		_, err = open(token)
		require.ErrorContains(t, err, "too_many_connections")
		change()
		select {
		case <-f.Ended():
		case <-time.After(timeout):
			t.Fatal("the feed does not end")
		}
		require.Equal(t, map[string]string{"good": "unauthorized", "expires": "token_expired"}[token], f.Reason().Code)
		f.Close()
	}
	require.Zero(t, e.server.Holders())
}
