package main

import (
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// cutter is a TCP proxy before some servers that cuts connections on demand, as
// networks do.
type cutter struct {
	listener net.Listener
	running  sync.WaitGroup

	mu      sync.Mutex
	servers []string
	pairs   [][2]*net.TCPConn
	cuts    int
}

func newCutter(t *testing.T, servers ...string) *cutter {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	c := &cutter{listener: listener, servers: servers}
	c.running.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			c.running.Go(func() { c.forward(client.(*net.TCPConn)) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		for c.cut(1) {
		}
		c.running.Wait()
	})
	return c
}

func (c *cutter) url() string { return "http://" + c.listener.Addr().String() }

// forward connects to one of the servers that are up.
func (c *cutter) forward(client *net.TCPConn) {
	defer client.Close()
	for _, i := range rand.Perm(len(c.servers)) {
		conn, err := net.Dial("tcp", c.servers[i])
		if err != nil {
			continue
		}
		server := conn.(*net.TCPConn)
		pair := [2]*net.TCPConn{client, server}
		c.mu.Lock()
		c.pairs = append(c.pairs, pair)
		c.mu.Unlock()
		c.running.Go(func() {
			_, _ = io.Copy(server, client)
			_ = server.CloseWrite()
		})
		_, _ = io.Copy(client, server)
		_ = server.Close()
		c.mu.Lock()
		defer c.mu.Unlock()
		c.pairs = slices.DeleteFunc(c.pairs, func(p [2]*net.TCPConn) bool { return p == pair })
		return
	}
}

// cut breaks one of so many connections at random, wherever it stands in a frame,
// and reports whether that one is there: so each lives equally long, however many
// there are.
func (c *cutter) cut(of int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := rand.IntN(of)
	if i >= len(c.pairs) {
		return false
	}
	for _, conn := range c.pairs[i] {
		_ = conn.SetLinger(0) // what is under way is thrown away
		_ = conn.Close()
	}
	c.pairs = slices.Delete(c.pairs, i, i+1)
	c.cuts++
	return true
}

func (c *cutter) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cuts
}
