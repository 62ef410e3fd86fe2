package rabbitmq_test

import (
	"net"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tansu.cloud/platform/bus/bustest"
	"tansu.cloud/platform/rabbitmqtest"
	"tansu.cloud/platform/stopwatchtest"
)

// proxy stands between a bus and its broker and can stop passing bytes on, as a
// network does that drops packets.
type proxy struct {
	listener net.Listener
	target   string
	frozen   atomic.Bool
	copies   sync.WaitGroup
}

func startProxy(t *testing.T, target string) *proxy {
	t.Helper()
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	require.NoError(t, err)
	p := &proxy{listener: listener, target: target}
	p.copies.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", target)
			if err != nil {
				t.Error(err)
				return
			}
			p.copies.Go(func() { p.pass(client, server) })
			p.copies.Go(func() { p.pass(server, client) })
		}
	})
	t.Cleanup(func() {
		require.NoError(t, listener.Close())
		p.copies.Wait()
	})
	return p
}

// pass swallows what it reads while the proxy is frozen.
func (p *proxy) pass(from, to net.Conn) {
	defer from.Close()
	defer to.Close()
	for buffer := make([]byte, 32<<10); ; {
		n, err := from.Read(buffer)
		if err != nil {
			return
		}
		if p.frozen.Load() {
			continue
		}
		if _, err := to.Write(buffer[:n]); err != nil {
			return
		}
	}
}

func TestABrokerThatFallsSilentHoldsPublishersForABoundedTime(t *testing.T) {
	t.Parallel()
	address, err := url.Parse(rabbitmqtest.URL(t))
	require.NoError(t, err)
	p := startProxy(t, address.Host)
	address.Host = p.listener.Addr().String()
	b := open(t, address.String(), rabbitmqtest.Prefix())
	require.NoError(t, b.Publish(topic, bustest.NewMessage("tenant", "m")))
	p.frozen.Store(true)
	began := stopwatchtest.Start(t)
	require.ErrorContains(t, b.Publish(topic, bustest.NewMessage("tenant", "m")), "did not confirm in time")
	began.Within(10 * time.Second)
	require.Eventually(t, func() bool { // the proxy has swallowed a part of what was said: both ends must begin anew
		err := b.Publish(topic, bustest.NewMessage("tenant", "m"))
		return err != nil && strings.Contains(err.Error(), "away")
	}, time.Minute, 10*time.Millisecond, "silence is noticed")
	p.frozen.Store(false)
	require.Eventually(t, func() bool { return b.Healthy() == nil }, time.Minute, 10*time.Millisecond)
	require.NoError(t, b.Publish(topic, bustest.NewMessage("tenant", "m")))
}
