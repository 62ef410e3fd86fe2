package projections

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

// pendingBytes is what q.bytes has to equal.
func (q *queue) pendingBytes() int {
	total := 0
	for _, t := range q.tenants {
		if t.pending == nil {
			continue
		}
		for i := range t.pending.events {
			total += eventBytes(&t.pending.events[i])
		}
	}
	return total
}

// Runs come repeated, cut differently and with holes; a worker takes what joins
// and reads the rest elsewhere. Nothing is taken twice and nothing leaks.
func TestQueueKeepsWhatJoinsAndCountsItsMemory(t *testing.T) {
	t.Parallel()
	q := newQueue(1)
	id := uuid.New()
	log := someEvents(id, 1, 400, `{"some":"data"}`)
	for offered := 0; offered < len(log); {
		from := max(offered-rand.IntN(20), 0)
		if rand.IntN(4) == 0 {
			from = min(offered+rand.IntN(10), len(log)-1) // something was lost
		}
		n := min(1+rand.IntN(30), len(log)-from)
		r := &run{tenant: id, last: log[from+n-1].Position}
		r.events = append(r.events, log[from:from+n]...)
		for i := range r.events {
			r.bytes += eventBytes(&r.events[i])
		}
		repeated := q.offer(r)
		require.LessOrEqual(t, repeated, n)
		require.Equal(t, q.pendingBytes(), q.bytes)
		offered = max(offered, from+n)

		if len(q.ready) == 0 || rand.IntN(2) == 0 {
			continue
		}
		tenant := q.next()
		w := q.take(tenant)
		require.Equal(t, q.pendingBytes(), q.bytes)
		if w.run != nil && w.run.events[0].Position == tenant.seen+1 {
			taken := w.run.cut(1 + rand.IntN(len(w.run.events)))
			tenant.seen, tenant.stored = taken.last, taken.last
			if len(w.run.events) > 0 {
				q.keep(tenant, w.run)
			}
		} else {
			tenant.seen, tenant.stored = w.target, w.target // a page of the log
		}
		q.publish(tenant)
		q.done(tenant)
		require.Equal(t, q.pendingBytes(), q.bytes)
	}
	for tenant := q.tenants[id]; len(q.ready) > 0; {
		require.Same(t, tenant, q.next())
		w := q.take(tenant)
		tenant.seen, tenant.stored = w.target, w.target
		q.publish(tenant)
		q.done(tenant)
	}
	require.Equal(t, log[len(log)-1].Position, q.tenants[id].reached)
	require.Zero(t, q.bytes)
	require.Zero(t, q.busy)
	require.NoError(t, q.settle(t.Context()))
}

func TestQueueForgetsEventsAndTenantsWhenFull(t *testing.T) {
	t.Parallel()
	q := newQueue(1)
	id := uuid.New()
	big := someEvents(id, 1, 1, "{}")
	q.offer(&run{tenant: id, events: big, last: 1, bytes: inboxBytes + 1})
	require.Nil(t, q.tenants[id].pending, "the log has it")
	require.Equal(t, int64(1), q.tenants[id].target)

	for range inboxTenants + 10 {
		q.offer(&run{tenant: uuid.New(), last: 1})
	}
	require.Len(t, q.tenants, inboxTenants, "the safety poll finds the others")
	waited := uuid.New()
	require.NotNil(t, q.await(waited, 1))
	q.nudge(waited, 1)
	require.Contains(t, q.tenants, waited, "but who is waited for is let in")
	for range 5 {
		tenant := q.next()
		tenant.seen = q.take(tenant).target
		tenant.stored = tenant.seen
		q.publish(tenant)
		q.done(tenant)
	}
	q.offer(&run{tenant: uuid.New(), last: 1})
	require.LessOrEqual(t, len(q.tenants), inboxTenants, "idle tenants make room")
}

func TestQueueReleasesWaitersInOrderOfPosition(t *testing.T) {
	t.Parallel()
	q := newQueue(1)
	id := uuid.New()
	near, far := q.await(id, 2), q.await(id, 5)
	q.nudge(id, 5)
	tenant := q.next()
	tenant.seen = 3
	q.publish(tenant)
	<-near.released
	select {
	case <-far.released:
		require.Fail(t, "released too early")
	default:
	}
	require.Nil(t, q.await(id, 3))
	tenant.seen = 5
	q.publish(tenant)
	<-far.released
	q.done(tenant)
	require.Empty(t, q.waiters)

	q.nudge(id, 9)
	q.rest(q.next(), errStale, time.Millisecond)
	require.Same(t, tenant, q.next(), "it comes back after its rest")
	require.ErrorIs(t, q.firstError(), errStale)
	q.exhausted(tenant, 9)
	q.done(tenant)
	require.NoError(t, q.firstError())
	require.Zero(t, q.busy, "a target beyond the log is given up")
	q.close()
	require.Nil(t, q.next())
	require.ErrorIs(t, q.settle(t.Context()), errStopping)
}
