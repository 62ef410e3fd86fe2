package ws_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"tansu.cloud/sdk/go/feed"
)

// cutter accepts connections and cuts them.
type cutter struct {
	net.Listener
	mu    sync.Mutex
	uncut []net.Conn
}

func (c *cutter) Accept() (net.Conn, error) {
	conn, err := c.Listener.Accept()
	if err == nil {
		c.mu.Lock()
		c.uncut = append(c.uncut, conn)
		c.mu.Unlock()
	}
	return conn, err
}

// cut closes one of the connections.
func (c *cutter) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.uncut) > 0 {
		i := rand.IntN(len(c.uncut))
		_ = c.uncut[i].Close()
		c.uncut = slices.Delete(c.uncut, i, i+1)
	}
}

// TestTheGoClient: through cut connections each of its subscriptions yields every
// event once and in order. Whenever one of them has come to the end, a connection
// is cut and more is written.
func TestTheGoClient(t *testing.T) {
	t.Parallel()
	const subscribers, events, perCut = 10, 1500, 25
	e := newEnv(t)
	flaky := httptest.NewUnstartedServer(e.server)
	cut := &cutter{Listener: flaky.Listener}
	flaky.Listener = cut
	flaky.Start()
	t.Cleanup(flaky.Close)
	ctx, cancel := context.WithTimeout(context.Background(), 2*timeout)
	defer cancel()

	var reading sync.WaitGroup
	arrived, written := make(chan int64), make(chan struct{})
	var breaks [subscribers]int
	for s := range subscribers {
		reading.Go(func() {
			client := &feed.Client{URL: flaky.URL, Token: feed.StaticToken("good"), Tenant: "acme"}
			var seen int64
			for event, err := range client.Subscribe(ctx, feed.Subscription{OnDisconnected: func(error) { breaks[s]++ }}) {
				if err != nil || event.Position != seen+1 {
					t.Errorf("subscriber %d: %d after %d: %v", s, event.Position, seen, err)
					return
				}
				if seen++; seen == events {
					return
				}
				if seen%perCut == 0 {
					select {
					case arrived <- seen:
					case <-written:
					}
				}
			}
		})
	}
	for head := int64(0); head < events; {
		for range perCut {
			head = e.commit(acme, fmt.Sprint(head%3), 1, 100)
		}
		for position := int64(0); position < head && head < events; {
			select {
			case position = <-arrived:
			case <-ctx.Done():
				require.NoError(t, ctx.Err())
			}
		}
		cut.cut()
	}
	close(written)
	reading.Wait()
	total := 0
	for _, n := range breaks {
		total += n
	}
	require.Greater(t, total, subscribers, "%v", breaks)

	client := &feed.Client{URL: e.http.URL, Token: feed.StaticToken("good"), Tenant: "acme"}
	channel, err := client.Join(ctx, "room", map[string]int{"n": 1})
	require.NoError(t, err)
	defer channel.Close()
	require.Len(t, channel.Members(), 1)
	require.NoError(t, channel.Broadcast("hello"))
	heard, err := channel.Receive()
	require.NoError(t, err)
	require.Equal(t, channel.ID(), heard.Message.From.ID)

	_, err = (&feed.Client{URL: e.http.URL, Token: feed.StaticToken("bad")}).Join(ctx, "room", nil)
	var refused *feed.Error
	require.ErrorAs(t, err, &refused)
	require.Equal(t, "unauthorized", refused.Code)
}
