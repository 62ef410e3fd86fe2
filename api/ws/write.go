package ws

import (
	"errors"
	"slices"
	"time"

	"github.com/gorilla/websocket"

	"tansu.cloud/api/problem"
)

// closeRestart is the close code of a server that shuts down.
const closeRestart = websocket.CloseServiceRestart

// writeAll writes until there is nothing to write, or nothing that may be
// written now.
func (c *conn) writeAll() {
	for !c.broken && !c.goodbye && c.writeNext() {
	}
	c.plan()
}

// writeNext writes one frame or batch: answers first, then a batch of the next
// subscription that has one.
func (c *conn) writeNext() bool {
	if c.unsent != nil {
		return c.sendRest()
	}
	if i, ok := c.next(); ok {
		if i.make != nil {
			i.frame = i.make()
		}
		return len(i.frame) == 0 || c.send(i.frame)
	}
	sub, ended, why := c.pick()
	switch {
	case why != nil:
		c.sayGoodbye(why)
		return false
	case ended != nil:
		sub.close(c.server)
		return c.send(encode(ended))
	case sub != nil && sub.told.Load() == unannounced:
		return c.announce(sub)
	case sub != nil:
		return c.deliver(sub)
	}
	return c.list()
}

// pick chooses what comes after the answers: the end, if there is one; a
// subscription that has ended, which is taken off; one with news, in turn.
func (c *conn) pick() (sub *subscription, ended *Unsubscribed, why *closing) {
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closing != nil {
		return nil, nil, c.closing
	}
	for i, sub := range c.subs {
		if sub.ended != nil {
			c.subs = slices.Delete(c.subs, i, i+1)
			return sub, sub.ended, nil
		}
	}
	for range c.subs {
		c.turn = (c.turn + 1) % len(c.subs)
		sub := c.subs[c.turn]
		due := sub.due.Load() && !now.Before(sub.retryAt) || sub.untold(now, c.server.times.keepalive)
		if sub.told.Load() == unannounced || due && !now.Before(c.notBefore) {
			return sub, nil, nil
		}
	}
	return nil, nil, nil
}

// send writes a message.
func (c *conn) send(message []byte) bool {
	return c.transmit(len(message), func(deadline time.Time) error {
		_ = c.ws.SetWriteDeadline(deadline) // only remembers it
		return c.ws.WriteMessage(websocket.TextMessage, message)
	})
}

// sendRest writes what sendNow has left.
func (c *conn) sendRest() bool {
	rest := c.unsent
	c.unsent = nil
	return c.transmit(len(rest), func(deadline time.Time) error {
		line := c.ws.NetConn()
		_ = line.SetWriteDeadline(deadline) // the write fails too if this does
		_, err := line.Write(rest)
		return err
	})
}

// transmit writes a frame and notices a reader that stalls.
func (c *conn) transmit(size int, write func(deadline time.Time) error) bool {
	begun := time.Now()
	if err := write(begun.Add(c.server.times.write)); err != nil {
		c.fail(err)
		return false
	}
	c.sent(size)
	if took := time.Since(begun); took > c.server.times.slowWrite {
		c.stalled(begun)
	}
	return true
}

// control writes a ping or a pong.
func (c *conn) control(kind int, data string) bool {
	if err := c.ws.WriteControl(kind, []byte(data), time.Now().Add(c.server.times.write)); err != nil {
		c.fail(err)
		return false
	}
	return true
}

// sent counts a frame.
func (c *conn) sent(size int) {
	c.server.counters.frames.Add(1)
	c.server.counters.bytes.Add(int64(size))
}

// fail gives the connection up; the reader notices.
func (c *conn) fail(err error) {
	c.broken = true
	why := closing{code: websocket.CloseAbnormalClosure, reason: problem.Unavailable}
	var timeout interface{ Timeout() bool }
	if errors.As(err, &timeout) && timeout.Timeout() {
		why = closing{code: CloseTooSlow, reason: problem.TooSlow}
	}
	c.shut(why)
	c.cut()
}

// maxStalls is how many frames a minute may take long to be taken.
const maxStalls = 3

func (c *conn) stalled(at time.Time) {
	c.stalls = slices.DeleteFunc(c.stalls, func(t time.Time) bool { return at.Sub(t) > time.Minute })
	if c.stalls = append(c.stalls, at); len(c.stalls) > maxStalls {
		c.end(CloseTooSlow, problem.TooSlow, 5*time.Second)
	}
}

// sayGoodbye announces the end and closes this side.
func (c *conn) sayGoodbye(why *closing) {
	if why.announce {
		last := Closing{Type: "closing", Code: string(why.reason), RetryIn: milliseconds(why.retryIn), Positions: map[string]int64{}}
		c.mu.Lock()
		for _, sub := range c.subs {
			if told := sub.told.Load(); told != unannounced {
				last.Positions[sub.id] = max(told, sub.cursor.Position())
			}
		}
		c.mu.Unlock()
		if !c.send(encode(last)) {
			return
		}
	}
	c.goodbye = true
	c.cutAt.Store(time.Now().Add(c.server.times.goodbye).UnixMilli())
	farewell := websocket.FormatCloseMessage(why.code, string(why.reason))
	if err := c.ws.WriteControl(websocket.CloseMessage, farewell, time.Now().Add(c.server.times.goodbye)); err != nil {
		c.cut()
	}
}

// plan pings if it is time, and says when the writer has to be woken next
// although nothing happens.
func (c *conn) plan() {
	now := time.Now()
	if c.broken || c.goodbye {
		return
	}
	if !now.Before(c.nextPing) {
		c.nextPing = now.Add(c.server.times.ping)
		if !c.control(websocket.PingMessage, "") {
			return
		}
	}
	due := c.nextPing
	c.mu.Lock()
	for _, sub := range c.subs {
		if sub.due.Load() {
			due = earlier(due, sub.retryAt)
		}
	}
	c.mu.Unlock()
	c.dueAt.Store(due.UnixMilli())
}

// earlier passes over a zero time.
func earlier(a, b time.Time) time.Time {
	if !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
