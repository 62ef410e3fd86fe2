package ws_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tansu.cloud/sdk/go/feed"
)

// cutter accepts connections and cuts them.
type cutter struct {
	net.Listener
	mu   sync.Mutex
	open []net.Conn
}

func (c *cutter) Accept() (net.Conn, error) {
	conn, err := c.Listener.Accept()
	if err == nil {
		c.mu.Lock()
		c.open = append(c.open, conn)
		c.mu.Unlock()
	}
	return conn, err
}

// cut closes one of the connections, perhaps for the second time.
func (c *cutter) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.open) > 0 {
		_ = c.open[rand.IntN(len(c.open))].Close()
	}
}

// TestTheGoClient: through cut connections each of its subscriptions yields every
// event once and in order.
func TestTheGoClient(t *testing.T) {
	t.Parallel()
	const subscribers, events = 10, 1500
	e := newEnv(t)
	flaky := httptest.NewUnstartedServer(e.server)
	cut := &cutter{Listener: flaky.Listener}
	flaky.Listener = cut
	flaky.Start()
	t.Cleanup(flaky.Close)
	ctx, cancel := context.WithTimeout(context.Background(), 2*timeout)
	defer cancel()

	var reading sync.WaitGroup
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
			}
		})
	}
	for i := range events {
		e.commit(acme, fmt.Sprint(i%3), 1, 100)
		if i%10 == 0 {
			cut.cut()
			time.Sleep(10 * time.Millisecond)
		}
	}
	reading.Wait()
	require.NotZero(t, breaks, "%v", breaks)

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
