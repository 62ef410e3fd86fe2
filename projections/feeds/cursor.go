package feeds

import (
	"context"
	"encoding/json"
	"sync/atomic"
)

// Cursor is one reader of one tenant's log. Nothing is queued for it: it takes
// what follows its position when it has time.
type Cursor struct {
	hub       *Hub
	tail      *tail
	selection *selection
	coalesce  bool
	wake      func()
	start     int64
	rows      []json.RawMessage

	position atomic.Int64 // everything up to here was handed out or not selected
	roused   atomic.Bool  // woken since the last Next
	closed   atomic.Bool

	// Owned by the caller of Next.
	live   bool // it was in the tail the last time
	lost   bool // it fell out of the tail and has not caught up
	lagged bool // the same, and not said yet
	jumps  int  // of the tail when it was live
	pace   pace
}

// Batch is a part of what a cursor delivers.
type Batch struct {
	Entries   []*Entry // selected events in order of position
	Position  int64    // everything up to here was delivered or not selected
	Lagged    bool     // the reader fell out of the tail since the last Next; said once
	More      bool     // there is more already
	Coalesced int      // selected events left out for newer ones of their streams
}

// Start returns the position after which delivery begins.
func (c *Cursor) Start() int64 { return c.start }

// Rows returns the rows of a snapshot, and releases them.
func (c *Cursor) Rows() []json.RawMessage {
	rows := c.rows
	c.rows = nil
	return rows
}

// Position returns how far the cursor is: everything up to there was handed out
// by Next or is not selected. It also moves while nothing is selected and wake is
// not called.
func (c *Cursor) Position() int64 { return c.position.Load() }

// Close ends the cursor. A call of wake that is under way may still return later.
func (c *Cursor) Close() {
	if c.closed.Swap(true) {
		return
	}
	c.tail.leave(c)
	c.hub.unwatch(c.tail)
	c.hub.cursors.Add(-1)
}

// Next returns what follows, at most maxEvents events of together maxBytes as
// CloudEvents, but one if there is one. It does not wait for new events; it may
// read a page of the log, and then return none although there is more. One call
// at a time. After an error that passes, such as eventstore.ErrUnavailable, it
// can be called again and goes on where it was.
func (c *Cursor) Next(ctx context.Context, maxEvents, maxBytes int) (Batch, error) {
	return c.next(ctx, maxEvents, maxBytes, true)
}

// NextLive is Next for who cannot wait: ErrBehind where Next would read the log
// or has to say that the reader lagged.
func (c *Cursor) NextLive(maxEvents, maxBytes int) (Batch, error) {
	return c.next(context.Background(), maxEvents, maxBytes, false)
}

func (c *Cursor) next(ctx context.Context, maxEvents, maxBytes int, wait bool) (Batch, error) {
	c.roused.Store(false) // before looking: what comes later wakes again
	if c.closed.Load() {
		return Batch{}, ErrClosed
	}
	from := c.position.Load()
	var chunk [64]*Entry
	n, v, err := c.tail.take(from, chunk[:])
	if err != nil {
		return Batch{}, err
	}
	c.locate(from, v)
	pick := picker{maxEvents: maxEvents, maxBytes: maxBytes, selection: c.selection}
	if c.coalesce && (v.crowded || c.lost) {
		pick.newest = map[stream]int{}
	}
	to, last, behind := from, v.last, from < v.first-1
	if !wait && (behind || c.lagged) {
		return Batch{}, ErrBehind
	}
	if behind {
		to, err = c.page(ctx, from, &pick)
	} else {
		for n > 0 && err == nil && to < last {
			if to = pick.take(chunk[:n], to); pick.full {
				break
			}
			n, v, err = c.tail.take(to, chunk[:])
		}
	}
	if err != nil {
		return Batch{}, err
	}
	b := Batch{Entries: pick.entries(), Coalesced: pick.coalesced, Position: c.advance(to), Lagged: c.lagged}
	b.More = b.Position < v.last
	c.lagged = false
	c.hub.metrics.handedOut(ctx, &b)
	return b, nil
}

// locate takes note of whether the cursor is in the tail. It lags if it was, and
// fell out although the tail went on in steps that one could follow.
func (c *Cursor) locate(from int64, v view) {
	switch {
	case from >= v.first-1:
		c.live, c.lost, c.jumps = true, false, v.jumps
	case c.live:
		c.live = false
		if c.jumps == v.jumps {
			c.lost, c.lagged = true, true
		}
	}
}

// page takes from the log.
func (c *Cursor) page(ctx context.Context, from int64, pick *picker) (to int64, err error) {
	events, err := c.hub.read(ctx, c.hub.config.Walled, c.hub.cursorPages, c.tail.tenant, from, c.pace.next())
	if err != nil {
		return from, err
	}
	if len(events) == 0 { // yet the tail has later ones
		err := missing(c.tail.tenant, from+1)
		c.hub.alarm(ctx, err)
		return from, err
	}
	to = pick.take(wrap(events), from)
	c.pace.learn(events, int(to-from))
	return to, nil
}

// advance moves the position on, unless tell has moved it further.
func (c *Cursor) advance(to int64) int64 {
	for {
		now := c.position.Load()
		if now >= to {
			return now
		}
		if c.position.CompareAndSwap(now, to) {
			return to
		}
	}
}

// quietRun is up to how many new events are looked at to find out whether a
// cursor need not be woken.
const quietRun = 32

// tell says that entries were appended to the tail. A cursor that was up to date
// and selects none of them moves on in its sleep: most cursors of a busy tenant
// watch something else.
func (c *Cursor) tell(entries []*Entry) {
	before, last := entries[0].Event.Position-1, entries[len(entries)-1].Event.Position
	if c.position.Load() >= last {
		return
	}
	if len(entries) <= quietRun && !c.selection.everything() && c.position.Load() == before {
		for _, e := range entries {
			if c.selection.selects(e) {
				c.rouse()
				return
			}
		}
		if c.position.CompareAndSwap(before, last) {
			return
		}
	}
	c.rouse()
}

// rouse wakes the reader, once until it calls Next.
func (c *Cursor) rouse() {
	if !c.closed.Load() && !c.roused.Swap(true) {
		c.wake()
	}
}
