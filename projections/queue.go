package projections

import (
	"context"
	"sync"
	"time"

	"github.com/google/uuid"

	"tansu.cloud/eventstore"
)

// What the inbox of one generation holds at most, all partitions together.
const (
	inboxBytes   = 32 << 20
	inboxTenants = 10_000
)

// tenant is one tenant's place in a generation. It is worked on by at most one
// worker at a time.
type tenant struct {
	id uuid.UUID

	// Guarded by the queue.
	target  int64 // the log is known to reach up to here
	pending *run  // events to apply, when they join
	tasks   map[uuid.UUID]task
	place   place
	again   bool  // something came up while a worker had it
	save    bool  // the checkpoint is to be written although nothing changed
	reached int64 // everything up to here was looked at
	kept    int64 // the stored checkpoint
	doubted bool  // the database may have lost the checkpoint: read it again
	err     error // of the last try

	exact   bool      // the rows are those of version, and stay so until a worker changes them
	version int64     // a position up to which the rows contain everything
	touched time.Time // when the rows began to change last, or it was tried to make them exact

	// Owned by the worker that has it.
	loaded   bool
	stored   int64     // checkpoint in the database
	seen     int64     // everything up to here was looked at
	seenAt   time.Time // when the event at seen was recorded
	parked   map[eventstore.Stream]parked
	ownTypes bool // others are of no use to Apply at the moment
	failures int
}

// unsaved reports whether the stored checkpoint is behind what was looked at.
func (t *tenant) unsaved() bool { return t.reached > t.kept }

type place int

const (
	idle    place = iota
	waiting       // in the queue
	taken         // with a worker
	resting       // until its retry is due
)

// queue hands tenants with something to do to workers. Its memory is bounded:
// it forgets events and tenants, which the log and the safety poll bring back.
type queue struct {
	mu      sync.Mutex
	filled  sync.Cond // something waits, or the queue was closed
	settled sync.Cond // nothing waits, is taken or rests
	tenants map[uuid.UUID]*tenant
	ready   []*tenant
	busy    int // tenants that are not idle
	bytes   int
	parts   int // queues that share what an inbox may hold
	closed  bool
	waiters map[uuid.UUID][]*waiter
}

// waiter is released when everything up to position was looked at.
type waiter struct {
	position int64
	released chan struct{}
}

func newQueue(parts int) *queue {
	q := &queue{parts: parts, tenants: map[uuid.UUID]*tenant{}, waiters: map[uuid.UUID][]*waiter{}}
	q.filled.L, q.settled.L = &q.mu, &q.mu
	return q
}

// offer says how far a tenant's log reaches, with events if they are at hand.
// It returns how many of them were known already.
func (q *queue) offer(r *run) (repeated int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	t := q.tenant(r.tenant, false)
	if t == nil || q.closed {
		return 0
	}
	known := max(t.reached, t.lastPending())
	if len(r.events) > 0 {
		repeated = int(min(max(known-r.events[0].Position+1, 0), int64(len(r.events))))
	}
	t.target = max(t.target, r.last)
	q.join(t, r, repeated)
	if t.target > t.reached {
		q.enqueue(t)
	}
	return repeated
}

func (t *tenant) lastPending() int64 {
	if t.pending == nil {
		return 0
	}
	return t.pending.last
}

// join keeps the run's new events if they continue what is pending and there is
// room; otherwise the worker reads them from the log.
func (q *queue) join(t *tenant, r *run, repeated int) {
	r.drop(repeated)
	if len(r.events) == 0 || q.bytes+r.bytes > inboxBytes/q.parts {
		return
	}
	if t.pending == nil {
		t.pending = r
	} else if !t.pending.join(r) {
		return
	}
	q.bytes += r.bytes
}

// tenant returns the tenant's entry. When there is no room for another, idle
// ones are forgotten; if none is idle it returns nil, unless it must not.
func (q *queue) tenant(id uuid.UUID, must bool) *tenant {
	if t := q.tenants[id]; t != nil {
		return t
	}
	if len(q.tenants) >= inboxTenants/q.parts {
		for other, t := range q.tenants {
			if t.place == idle && !t.unsaved() {
				delete(q.tenants, other)
			}
		}
		if len(q.tenants) >= inboxTenants/q.parts && !must {
			return nil
		}
	}
	t := &tenant{id: id}
	q.tenants[id] = t
	return t
}

func (q *queue) enqueue(t *tenant) {
	switch t.place {
	case idle:
		q.busy++
		t.place = waiting
		q.ready = append(q.ready, t)
		q.filled.Signal()
	case taken:
		t.again = true
	}
}

// add gives a tenant's worker something to do besides advancing.
func (q *queue) add(id, key uuid.UUID, do task) {
	q.mu.Lock()
	defer q.mu.Unlock()
	t := q.tenant(id, true)
	t.add(key, do)
	q.enqueue(t)
}

func (t *tenant) add(key uuid.UUID, do task) {
	if t.tasks == nil {
		t.tasks = map[uuid.UUID]task{}
	}
	t.tasks[key] = do
}

// saveAll has the checkpoints written that are behind what was looked at.
func (q *queue) saveAll() {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, t := range q.tenants {
		if t.unsaved() {
			t.save = true
			q.enqueue(t)
		}
	}
}

// next waits for a tenant with something to do. It returns nil when the queue
// was closed.
func (q *queue) next() *tenant {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.ready) == 0 && !q.closed {
		q.filled.Wait()
	}
	if q.closed {
		return nil
	}
	t := q.ready[0]
	q.ready[0] = nil
	q.ready = q.ready[1:]
	t.place = taken
	t.again = false
	if t.doubted {
		t.loaded, t.doubted = false, false
	}
	return t
}

// doubt forgets how far the tenants are, because a crash of the database may
// have taken the end of what it had committed without waiting for the disk.
func (q *queue) doubt() {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, t := range q.tenants {
		t.doubt()
	}
}

func (t *tenant) doubt() { t.doubted, t.exact, t.reached, t.kept = true, false, 0, 0 }

// behind says how far a tenant's log reaches and where its checkpoint stands in
// the database.
func (q *queue) behind(id uuid.UUID, head, stored int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	t := q.tenant(id, false)
	if t == nil || q.closed {
		return
	}
	if t.place == idle && stored < t.kept {
		t.doubt()
	}
	if t.target = max(t.target, head); t.target > t.reached {
		q.enqueue(t)
	}
}

// work is what a worker finds in a tenant's entry when it takes it.
type work struct {
	target int64
	run    *run
	tasks  map[uuid.UUID]task
	save   bool
}

func (q *queue) take(t *tenant) work {
	q.mu.Lock()
	defer q.mu.Unlock()
	w := work{target: t.target, run: t.pending, tasks: t.tasks, save: t.save}
	if w.run != nil {
		q.bytes -= w.run.bytes
	}
	t.pending, t.tasks, t.save = nil, nil, false
	return w
}

// keep puts back what a worker did not come to, unless newer events have come.
func (q *queue) keep(t *tenant, rest *run) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.bytes += rest.bytes
	if t.pending != nil && !rest.join(t.pending) {
		q.bytes -= rest.bytes
		return
	}
	t.pending = rest
}

// exhausted corrects a target that lies beyond the end of the log.
func (q *queue) exhausted(t *tenant, target int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if t.target == target {
		t.target = t.seen
	}
}

// publish makes a worker's progress known and releases who waits for it.
func (q *queue) publish(t *tenant) {
	q.mu.Lock()
	defer q.mu.Unlock()
	t.reached, t.kept = t.seen, t.stored
	rest := q.waiters[t.id][:0]
	for _, w := range q.waiters[t.id] {
		if w.position <= t.reached {
			close(w.released)
		} else {
			rest = append(rest, w)
		}
	}
	if len(rest) == 0 {
		delete(q.waiters, t.id)
	} else {
		q.waiters[t.id] = rest
	}
}

// done gives a tenant back.
func (q *queue) done(t *tenant) {
	q.mu.Lock()
	defer q.mu.Unlock()
	t.err = nil
	q.release(t)
	if t.again || t.target > t.reached || len(t.tasks) > 0 {
		q.enqueue(t)
	}
	q.checkSettled()
}

// rest gives a tenant back that failed; it is not taken again before the delay.
func (q *queue) rest(t *tenant, err error, delay time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	t.err, t.exact = err, false
	t.place = resting
	time.AfterFunc(delay, func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		q.release(t)
		q.enqueue(t)
	})
}

func (q *queue) release(t *tenant) {
	t.place = idle
	q.busy--
}

func (q *queue) checkSettled() {
	if q.busy == 0 {
		q.settled.Broadcast()
	}
}

// settle waits until no tenant has anything left to do.
func (q *queue) settle(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		q.settled.Broadcast()
	})
	defer stop()
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.busy > 0 && !q.closed && ctx.Err() == nil {
		q.settled.Wait()
	}
	if q.closed {
		return errStopping
	}
	return ctx.Err()
}

// await returns nil if everything up to position was looked at, else a waiter.
func (q *queue) await(id uuid.UUID, position int64) *waiter {
	q.mu.Lock()
	defer q.mu.Unlock()
	if t := q.tenants[id]; t != nil && t.reached >= position {
		return nil
	}
	w := &waiter{position, make(chan struct{})}
	q.waiters[id] = append(q.waiters[id], w)
	return w
}

// forget ends a wait.
func (q *queue) forget(id uuid.UUID, w *waiter) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for i, other := range q.waiters[id] {
		if other == w {
			q.waiters[id] = append(q.waiters[id][:i], q.waiters[id][i+1:]...)
			break
		}
	}
	if len(q.waiters[id]) == 0 {
		delete(q.waiters, id)
	}
}

// nudge asks to look at a tenant's log up to a position that may not exist.
func (q *queue) nudge(id uuid.UUID, position int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	t := q.tenant(id, true)
	if t.target = max(t.target, position); t.target > t.reached {
		q.enqueue(t)
	}
}

// firstError returns the error of a tenant that fails, if any.
func (q *queue) firstError() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	var first error
	for _, t := range q.tenants {
		if t.err != nil && (first == nil || blocking(t.err)) {
			first = t.err
		}
	}
	return first
}

// unsaved lists the tenants whose checkpoint is behind. The workers must have
// ended.
func (q *queue) unsaved() []*tenant {
	q.mu.Lock()
	defer q.mu.Unlock()
	var found []*tenant
	for _, t := range q.tenants {
		if t.unsaved() {
			found = append(found, t)
		}
	}
	return found
}

// close ends the workers after what they are doing.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.filled.Broadcast()
	q.settled.Broadcast()
}
