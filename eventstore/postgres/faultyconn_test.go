package postgres_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"tansu.cloud/platform/postgrestest"
)

// fault is what happens to a connection that is about to carry a commit.
type fault int

const (
	lostRequest fault = iota // the connection breaks before the server gets it
	lostAnswer               // the server gets it, the client never hears of it
	lateRequest              // the client sees a broken connection; the server gets it later
	faults
)

// faultyNetwork breaks connections when they carry large writes, which here are
// appends on their way.
type faultyNetwork struct {
	every   atomic.Int64 // one of how many large writes breaks; 0 = none
	broken  atomic.Int64
	counts  [faults]atomic.Int64
	pending sync.WaitGroup // late deliveries
}

// pool connects to a fresh database through the network.
func (n *faultyNetwork) pool(t *testing.T) *pgxpool.Pool {
	config, err := pgxpool.ParseConfig(postgrestest.NewDSN(t))
	require.NoError(t, err)
	config.MaxConns = 8
	dial := config.ConnConfig.DialFunc
	config.ConnConfig.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return &faultyConn{Conn: conn, network: n}, nil
	}
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(func() {
		n.pending.Wait()
		pool.Close()
	})
	return pool
}

type faultyConn struct {
	net.Conn
	network *faultyNetwork
	broken  atomic.Bool
}

var errBroken = errors.New("connection broken by the test")

func (c *faultyConn) Write(b []byte) (int, error) {
	if c.broken.Load() {
		return 0, errBroken
	}
	every := c.network.every.Load()
	if every == 0 || len(b) < 1000 || rand.Int64N(every) != 0 {
		return c.Conn.Write(b)
	}
	c.broken.Store(true)
	f := fault(c.network.broken.Add(1) % int64(faults)) // in turn, so that each happens
	c.network.counts[f].Add(1)
	switch f {
	case lostRequest:
		c.Conn.Close()
		return 0, errBroken
	case lostAnswer:
		n, err := c.Conn.Write(b)
		// A server that was in the middle of a transaction would keep its locks
		// until it heard that the client is gone.
		c.network.pending.Go(func() {
			<-time.After(20 * time.Millisecond)
			c.Conn.Close()
		})
		return n, err
	default:
		late := append([]byte(nil), b...)
		c.network.pending.Go(func() {
			// The delay is the fault itself: long enough that the client has
			// looked the outcome up and tried again in most cases.
			<-time.After(time.Duration(rand.IntN(20)) * time.Millisecond)
			c.Conn.Write(late)
			<-time.After(20 * time.Millisecond)
			c.Conn.Close()
		})
		return len(b), nil
	}
}

func (c *faultyConn) Read(b []byte) (int, error) {
	if c.broken.Load() {
		return 0, errBroken
	}
	n, err := c.Conn.Read(b)
	if c.broken.Load() {
		return 0, errBroken
	}
	return n, err
}

func (c *faultyConn) Close() error {
	if c.broken.Load() {
		return nil // a late delivery may still need it; the server ends with the test
	}
	return c.Conn.Close()
}
