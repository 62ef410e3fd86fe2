package feeds

import (
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/uuid"
)

// tail is the newest part of a watched tenant's log, without holes. At most one
// worker fills it, which runs while there is something to do.
type tail struct {
	hub    *Hub
	tenant uuid.UUID

	// Guarded by the hub.
	users     int
	idleSince time.Time // since there are no users

	mu      sync.RWMutex
	started bool     // last is known
	entries []*Entry // that at last is the newest
	last    int64
	head    int64 // the log is known to reach up to here
	total   int64 // cost of everything that was ever appended
	dropped int64 // cost of what is no longer kept
	jumps   int   // how often even a reader that was up to date fell out
	err     error // ends all cursors

	inbox      []*message.Message
	inboxBytes int
	working    bool

	cursors  map[*Cursor]struct{}
	audience []*Cursor // the same as a list; nil when it has to be made again

	// Owned by the worker.
	failures int // in a row
	pace     pace
}

// inboxMessages is how many messages wait for the worker at most; in bytes it is
// as much as the tail may have.
const inboxMessages = 64

// start says where the log ends when the first cursor is opened. Messages that
// came before were kept.
func (t *tail) start(head int64) {
	t.mu.Lock()
	if !t.started {
		t.started, t.last = true, head
	}
	t.mu.Unlock()
	t.aim(head)
}

// aim says that the log reaches up to a position.
func (t *tail) aim(head int64) {
	t.mu.Lock()
	t.head = max(t.head, head)
	due := t.due()
	t.mu.Unlock()
	t.begin(due)
}

// offer takes a message about events up to a position. When too many wait, it is
// dropped: the log has the events.
func (t *tail) offer(m *message.Message, position int64) {
	t.mu.Lock()
	if t.err != nil || t.started && position <= t.last {
		t.mu.Unlock()
		return
	}
	size := len(m.Payload)
	if len(t.inbox) > 0 && (len(t.inbox) == inboxMessages || t.inboxBytes+size > t.hub.config.TailBytes) {
		t.head = max(t.head, position)
	} else {
		t.inbox = append(t.inbox, m)
		t.inboxBytes += size
	}
	due := t.due()
	t.mu.Unlock()
	t.begin(due)
}

// due reports whether a worker has to be started, and takes note of it. The
// caller holds the lock.
func (t *tail) due() bool {
	if t.working || !t.started || t.err != nil || len(t.inbox) == 0 && t.head <= t.last {
		return false
	}
	t.working = true
	return true
}

func (t *tail) begin(due bool) {
	if due {
		t.hub.spawn(t.work)
	}
}

// end makes every cursor return an error from now on.
func (t *tail) end(err error) {
	t.mu.Lock()
	if t.err == nil {
		t.err = err
	}
	t.hub.bytes.Add(t.dropped - t.total)
	t.dropped = t.total
	t.entries, t.inbox, t.inboxBytes = nil, nil, 0
	audience := t.listeners()
	t.mu.Unlock()
	for _, c := range audience {
		c.rouse()
	}
}

// extend appends entries that follow the last one and tells the cursors.
func (t *tail) extend(entries []*Entry) {
	t.mu.Lock()
	if t.err != nil {
		t.mu.Unlock()
		return
	}
	before := t.total - t.dropped
	old := len(t.entries)
	for _, e := range entries {
		t.total += e.cost()
		e.end = t.total
	}
	t.entries = append(t.entries, entries...)
	t.last += int64(len(entries))
	t.head = max(t.head, t.last)
	if t.trim() > old {
		t.jumps++
	}
	t.hub.bytes.Add(t.total - t.dropped - before)
	audience := t.listeners()
	t.mu.Unlock()
	tell(audience, entries)
}

// leastShare is how many cursors a processor tells at least: to have others help
// with fewer costs more than it gains.
const leastShare = 32

// tell tells the cursors of new entries. Readers that are live take them on the
// spot, which is most of the work of a delivery, so the processors share it.
func tell(audience []*Cursor, entries []*Entry) {
	share := max(leastShare, (len(audience)-1)/runtime.GOMAXPROCS(0)+1)
	var telling sync.WaitGroup
	for part := range slices.Chunk(audience, share) {
		telling.Go(func() {
			for _, c := range part {
				c.tell(entries)
			}
		})
	}
	telling.Wait()
}

// trim drops the oldest entries beyond the bounds, but never the newest one.
func (t *tail) trim() (n int) {
	for n < len(t.entries)-1 && (len(t.entries)-n > t.hub.config.TailEvents || t.total-t.dropped > int64(t.hub.config.TailBytes)) {
		t.dropped = t.entries[n].end
		n++
	}
	clear(t.entries[:n]) // the array stays, what it pointed to may go
	t.entries = t.entries[n:]
	return n
}

// jump starts the tail anew further on; cursors read what lies between from the
// log.
func (t *tail) jump(to int64) {
	t.mu.Lock()
	if t.err == nil {
		t.hub.bytes.Add(t.dropped - t.total)
		t.dropped = t.total
		t.entries, t.last = nil, to
		t.jumps++
	}
	audience := t.listeners()
	t.mu.Unlock()
	for _, c := range audience {
		c.rouse()
	}
}

// listeners lists the cursors. The caller holds the lock.
func (t *tail) listeners() []*Cursor {
	if t.audience == nil && len(t.cursors) > 0 {
		t.audience = make([]*Cursor, 0, len(t.cursors))
		for c := range t.cursors {
			t.audience = append(t.audience, c)
		}
	}
	return t.audience
}

func (t *tail) join(c *Cursor) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.err != nil {
		return t.err
	}
	t.cursors[c], t.audience = struct{}{}, nil
	return nil
}

func (t *tail) leave(c *Cursor) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.cursors, c)
	t.audience = nil
}

// view is how the tail looked when it was taken from.
type view struct {
	first, last int64 // positions in the tail are first … last; none if last < first
	jumps       int
	crowded     bool // the reader is more than half a tail behind
}

// take copies entries after a position, if that lies in the tail.
func (t *tail) take(after int64, into []*Entry) (n int, v view, err error) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	v = view{first: t.last - int64(len(t.entries)) + 1, last: t.last, jumps: t.jumps}
	v.crowded = t.head-after > int64(t.hub.config.TailEvents/2)
	if t.err != nil || after < v.first-1 || after >= t.last {
		return 0, v, t.err
	}
	behind := t.entries[after+1-v.first:]
	v.crowded = v.crowded || t.total-behind[0].end+behind[0].cost() > int64(t.hub.config.TailBytes/2)
	return copy(into, behind), v, nil
}
