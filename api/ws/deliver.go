package ws

import (
	"encoding/json"
	"errors"
	"strconv"
	"sync"
	"time"

	"tansu.cloud/api/problem"
	"tansu.cloud/eventstore"
	"tansu.cloud/projections/feeds"
)

// Bounds of a batch. One larger event travels alone.
const (
	maxBatchEvents = 500
	maxBatchBytes  = 256 << 10
	// maxUntold is how far the position may move before the client is told,
	// although nothing was selected.
	maxUntold = 10_000
	// credit is how much is delivered before it is paid for from the quota.
	credit = 64 << 10
	// retryPause is between attempts when the log cannot be read.
	retryPause = time.Second
)

// announce sends the rows of a snapshot and says where delivery begins.
func (c *conn) announce(sub *subscription) bool {
	if sub.rows != nil {
		rows := sub.cursor.Rows()
		for len(rows) > 0 {
			n := chunk(rows)
			if !c.send(encode(Snapshot{Type: "snapshot", ID: sub.id, Rows: rows[:n]})) {
				return false
			}
			rows = rows[n:]
		}
		sub.rows()
		sub.rows = nil
	}
	sub.tell(sub.cursor.Start(), time.Now())
	return c.send(encode(Subscribed{Type: "subscribed", ID: sub.id, Position: sub.cursor.Start()}))
}

// chunk is how many rows fit in a frame, at least one.
func chunk(rows []json.RawMessage) int {
	size := 0
	for i, row := range rows {
		if size += len(row); size > maxBatchBytes && i > 0 {
			return i
		}
	}
	return len(rows)
}

// deliver takes a batch from the cursor and writes it. The batch is not held
// during the write: a stalled reader keeps one frame alive and nothing else.
func (c *conn) deliver(sub *subscription) bool {
	if !c.pay() {
		return true
	}
	sub.due.Store(false)
	batch, err := sub.cursor.Next(c.within(c.ctx), maxBatchEvents, maxBatchBytes)
	if err != nil {
		return c.postpone(sub, err)
	}
	sub.failing = false
	if batch.Lagged {
		c.server.counters.lagged.Add(1)
		if !c.send(encode(Lagged{Type: "lagged", ID: sub.id, Position: sub.told.Load()})) {
			return false
		}
	}
	frame := c.frame(sub, batch)
	if frame == nil {
		return true
	}
	ok := c.send((*frame)[headerRoom:])
	release(frame)
	return ok
}

// deliverNow is deliver for a connection that has nothing else to do and a line
// that takes the frame without waiting. It reports whether that was all.
func (c *conn) deliverNow(sub *subscription) bool {
	if !c.free(sub) {
		return false
	}
	sub.due.Store(false)
	batch, err := sub.cursor.NextLive(maxBatchEvents, maxBatchBytes)
	if err != nil {
		sub.due.Store(true)
		return false
	}
	frame := c.frame(sub, batch)
	return (frame == nil || c.sendNow(frame)) && !batch.More
}

// free reports whether a subscription may deliver and nothing comes before it.
func (c *conn) free(sub *subscription) bool {
	if c.broken || c.goodbye || c.debt >= credit || sub.told.Load() == unannounced {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.queue) == 0 && c.closing == nil && sub.ended == nil
}

// frame makes the frame of a batch; nil if nothing is to be said.
func (c *conn) frame(sub *subscription, batch feeds.Batch) *[]byte {
	if batch.More {
		sub.due.Store(true)
	}
	now := time.Now()
	if len(batch.Entries) == 0 && !sub.untold(now, c.server.times.keepalive) {
		return nil
	}
	sub.tell(batch.Position, now)
	c.server.counters.deliveries.Add(int64(len(batch.Entries)))
	frame := eventsFrame(sub.id, batch)
	c.debt += len(*frame)
	return frame
}

// postpone deals with a cursor that cannot go on now.
func (c *conn) postpone(sub *subscription, err error) bool {
	var corrupt *eventstore.CorruptLog
	switch {
	case c.ctx.Err() != nil:
		return false
	case errors.Is(err, feeds.ErrStopped):
		c.end(closeRestart, problem.Shutdown, time.Second)
		return true
	case errors.As(err, &corrupt):
		c.server.Logger.Error("a feed meets a damaged log", "tenant_id", c.tenant, "error", err)
		c.mu.Lock()
		sub.ended = &Unsubscribed{Type: "unsubscribed", ID: sub.id, Code: string(problem.LogCorrupt), Detail: "The log contradicts itself; an operator has to look."}
		c.mu.Unlock()
		return true
	}
	if !sub.failing {
		sub.failing = true
		c.server.Logger.Warn("a feed cannot be read now; it is tried again", "tenant_id", c.tenant, "connection", c.id, "error", err)
	}
	sub.retryAt = time.Now().Add(retryPause)
	sub.due.Store(true)
	return true
}

// pay takes what was delivered from the quotas; while they are used up, delivery
// waits.
func (c *conn) pay() bool {
	for c.debt >= credit {
		spent, after := c.server.spend(c.ctx, &c.payer.bytes, c.debt)
		if spent == 0 {
			c.notBefore = time.Now().Add(after)
			time.AfterFunc(after, c.wake)
			return false
		}
		c.debt -= spent
	}
	return true
}

// buffers are frames under construction or being written.
var buffers = sync.Pool{New: func() any { return new([]byte) }}

// maxKept is the size above which a buffer is not used again.
const maxKept = 2 * maxBatchBytes

func release(frame *[]byte) {
	if cap(*frame) <= maxKept {
		*frame = (*frame)[:0]
		buffers.Put(frame)
	}
}

// eventsFrame is the Events frame of a batch, put together from the events'
// encodings, after headerRoom.
func eventsFrame(id string, batch feeds.Batch) *[]byte {
	frame := buffers.Get().(*[]byte)
	b := append(*frame, make([]byte, headerRoom)...)
	b = append(b, `{"type":"events","id":`...)
	b = strconv.AppendQuote(b, id) // as JSON does: it is visible ASCII
	b = append(b, `,"position":`...)
	b = strconv.AppendInt(b, batch.Position, 10)
	b = append(b, `,"events":[`...)
	for i, e := range batch.Entries {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, e.CloudEvent()...)
	}
	*frame = append(b, ']', '}')
	return frame
}
