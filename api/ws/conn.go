package ws

import (
	"context"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/google/uuid"
	"github.com/gorilla/websocket"

	"tansu.cloud/api/bounds"
	"tansu.cloud/api/problem"
)

// conn is a socket. One goroutine at a time waits for the client's next frame.
// What is to be written is written by whoever took the writer's part: the hub, for
// events that need no waiting, or a goroutine that lives only while there is
// something. A socket without traffic costs one parked goroutine.
type conn struct {
	server *Server
	ws     *websocket.Conn
	line   syscall.RawConn // below ws; nil if it cannot be written to without waiting
	id     string
	named  []string // tenants that the handshake names
	origin string   // of the page that connects; empty if it is ours, or none
	opened time.Time
	ctx    context.Context
	cancel context.CancelFunc

	session atomic.Pointer[session] // nil before connect
	tenant  uuid.UUID               // set before session, and never again
	payer   *payer
	release func() // of the quotas; as tenant

	writing atomic.Int32 // resting, atWork, called or over
	leaving atomic.Bool  // the reader waits for the writer to rest
	heardAt atomic.Int64 // Unix milliseconds; when something last came from the client
	dueAt   atomic.Int64 // the same; when the writer has something to do by itself
	cutAt   atomic.Int64 // the same; when patience with a closing connection ends

	mu       sync.Mutex
	changed  sync.Cond // the queue has room, the connection closes, or the writer rests
	queue    []item
	queued   int // bytes
	subs     []*subscription
	channels map[string]*membership
	left     []*membership // of which the writer still has to take leave
	closing  *closing
	warned   time.Time // of which expiry

	// Of the reader.
	pace pace

	// Of the writer.
	broken    bool   // nothing more can be written
	goodbye   bool   // the close frame was sent
	unsent    []byte // of a frame that was begun
	turn      int    // of the subscriptions
	debt      int    // bytes delivered and not paid for
	notBefore time.Time
	nextPing  time.Time
	stalls    []time.Time

	code int // how it ended, for the metric
}

// closing says why a connection ends.
type closing struct {
	code     int
	reason   problem.Code
	retryIn  time.Duration
	announce bool // by a closing frame; else an error frame said so
}

// States of the writer.
const (
	resting int32 = iota
	atWork
	called // at work, and something came since
	over
)

// wake makes the writer look for what is to be written. It does not block.
func (c *conn) wake() {
	for {
		switch c.writing.Load() {
		case resting:
			if c.writing.CompareAndSwap(resting, atWork) {
				go c.write()
				return
			}
		case atWork:
			if c.writing.CompareAndSwap(atWork, called) {
				return
			}
		default:
			return
		}
	}
}

func (c *conn) write() {
	for {
		c.writing.Store(atWork)
		c.writeAll()
		if c.rest() {
			return
		}
	}
}

// rest ends the writer's work, unless something came since it began.
func (c *conn) rest() bool {
	if !c.writing.CompareAndSwap(atWork, resting) {
		return false
	}
	if c.leaving.Load() {
		c.signal()
	}
	return true
}

// signal wakes the reader if it waits.
func (c *conn) signal() {
	c.mu.Lock()
	c.changed.Broadcast()
	c.mu.Unlock()
}

// rights implements holder.
func (c *conn) rights() (*session, uuid.UUID, string) {
	s := c.session.Load()
	if s == nil {
		return nil, uuid.Nil, ""
	}
	return s, c.tenant, c.origin
}

// judge implements holder.
func (c *conn) judge(p Principal) {
	events, channels := p.may(c.tenant, PermissionEvents), p.may(c.tenant, PermissionChannels)
	switch {
	case events && channels:
	case !events && !channels:
		c.end(CloseForbidden, problem.Forbidden, 0)
	case !events:
		c.endSubscriptions(problem.Forbidden, "The principal may no longer read events.")
	default:
		c.leaveChannels()
	}
}

func (p Principal) may(tenant uuid.UUID, permission string) bool {
	return p.Permitted != nil && p.Permitted(tenant, permission)
}

// end implements holder.
func (c *conn) end(code int, reason problem.Code, retryIn time.Duration) {
	c.shut(closing{code, reason, retryIn, true})
}

// shut closes the connection from this side, for the first reason that comes.
func (c *conn) shut(why closing) {
	c.mu.Lock()
	first := c.closing == nil
	if first {
		c.closing = &why
		c.changed.Broadcast()
	}
	c.mu.Unlock()
	if !first {
		return
	}
	patience := c.server.times.write
	if why.code == CloseUnauthorized || why.code == CloseForbidden {
		patience = c.server.times.recheck // who has lost the right is not waited for
	}
	c.cutAt.Store(time.Now().Add(patience).UnixMilli())
	c.wake()
}

func (c *conn) isClosing() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closing != nil
}

// cut implements holder. The reader notices.
func (c *conn) cut() { _ = c.ws.NetConn().Close() }

// keep implements holder.
func (c *conn) keep(now time.Time) {
	at := c.cutAt.Load()
	silence := now.UnixMilli() - c.heardAt.Load()
	if at != 0 && now.UnixMilli() >= at || silence >= c.server.times.silence.Milliseconds() {
		c.cut()
		return
	}
	session := c.session.Load()
	if session == nil {
		if now.Sub(c.opened) > c.server.times.connect {
			c.end(CloseTimeout, problem.ConnectTimeout, 0)
		}
		return
	}
	if expires := session.principal.Load().ExpiresAt; !expires.IsZero() {
		c.keepToken(expires, now)
	}
	if now.UnixMilli() >= c.dueAt.Load() || c.untold(now) {
		c.wake()
	}
}

// untold reports whether a subscription has a position to tell.
func (c *conn) untold(now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.ContainsFunc(c.subs, func(s *subscription) bool { return s.untold(now, c.server.times.keepalive) })
}

func (c *conn) keepToken(expires, now time.Time) {
	switch {
	case !now.Before(expires.Add(c.server.times.grace)):
		c.end(CloseUnauthorized, problem.TokenExpired, 0)
	case !now.Before(expires.Add(-c.server.times.warn)):
		c.mu.Lock()
		known := c.warned.Equal(expires)
		c.warned = expires
		c.mu.Unlock()
		if !known {
			c.push(encode(Expiring{Type: "expiring", ExpiresAt: timestamp(expires)}), nil)
		}
	}
}

// finish ends what the connection holds, after the last read.
func (c *conn) finish() {
	c.cancel()
	c.cut()
	c.leaving.Store(true)
	c.mu.Lock()
	for !c.writing.CompareAndSwap(resting, over) {
		c.changed.Wait()
	}
	if c.closing != nil {
		c.code = c.closing.code
	}
	c.server.counters.queued.Add(-int64(c.queued))
	c.mu.Unlock()
	for _, sub := range c.subs {
		sub.close(c.server)
	}
	for _, m := range c.channels {
		c.depart(m)
	}
	for _, m := range c.left {
		c.depart(m)
	}
	if c.release != nil {
		c.release()
	}
	c.server.sessions.release(c.session.Load())
	c.server.metrics.closedWith(c.code)
	c.server.counters.connections.Add(-1)
	c.server.leave(c)
}

func timestamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// named lists the tenants that a handshake names. They are copied: the connection
// outlives the request.
func named(r *http.Request) []string {
	var names []string
	for _, name := range r.Header.Values("X-Tenant-Id") {
		if name != "" {
			names = append(names, strings.Clone(name))
		}
	}
	return names
}

// newConn wraps an upgraded connection.
func newConn(s *Server, socket *websocket.Conn, r *http.Request) *conn {
	now := time.Now()
	c := &conn{
		server: s, ws: socket, id: uuid.Must(uuid.NewV7()).String(), named: named(r), origin: strings.Clone(bounds.CrossOrigin(r)),
		opened: now, nextPing: now.Add(s.times.ping), code: websocket.CloseAbnormalClosure,
	}
	c.changed.L = &c.mu
	if tcp, ok := socket.NetConn().(*net.TCPConn); ok {
		c.line, _ = tcp.SyscallConn() // fails only for a nil connection
	}
	c.heardAt.Store(now.UnixMilli())
	c.dueAt.Store(c.nextPing.UnixMilli())
	c.ctx, c.cancel = context.WithCancel(context.Background())
	return c
}
