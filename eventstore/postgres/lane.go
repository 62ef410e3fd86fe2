package postgres

import (
	"context"
	"runtime"
	"slices"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"tansu.cloud/eventstore"
)

// A lane stops taking requests into a batch at these bounds. A single request
// may be larger; it then travels alone.
const (
	maxBatchEvents = 512
	maxBatchBytes  = 1 << 20
)

// States of a request: the caller may abandon it until the lane has taken it.
const (
	waiting int32 = iota
	taken
	abandoned
)

// request is one caller's append on its way through a lane.
type request struct {
	eventstore.Append
	metadata []byte // JSON, the same for all its events
	queued   time.Time
	state    atomic.Int32
	done     chan result

	// inDoubt is set when a commit that carried the request was interrupted:
	// its events may stand anywhere above doubtAfter.
	inDoubt    bool
	doubtAfter int64
}

type result struct {
	eventstore.Appended
	err error
}

func (r *request) size() (events, bytes int) {
	for _, w := range r.Writes {
		events += len(w.Events)
		for _, e := range w.Events {
			bytes += len(e.Data) + len(r.metadata)
		}
	}
	return max(events, 1), bytes
}

func (r *request) fail(err error) { r.done <- result{err: err} }

// lane writes the appends of its tenants. Up to two transactions are on their
// way at once, on one connection: while the server works on one, the lane
// answers the one before and prepares the next. That is safe because each
// compares the head that it builds on; if one fails, so does what follows it.
// When other lanes have as much to do, they keep the cores busy between them, and
// one larger transaction at a time costs each of them less.
type lane struct {
	store *Store
	queue chan *request
	held  *request // taken from the queue, but too large for the batch then
	citus bool     // one tenant per transaction
	known *knowledge

	conn     *pgxpool.Conn // kept while healthy, for its prepared statements
	pipeline *pgconn.Pipeline
	wire     wire      // what conn writes from
	flights  []*flight // sent and not yet answered, oldest first
}

// maxFlights is how many transactions of a lane are on their way at most.
const maxFlights = 2

// room is how many more transactions may overlap with those on their way. Each
// lane may always have one.
func (l *lane) room() int {
	return max(maxFlights, len(l.store.lanes)) - int(l.store.aloft.Load())
}

// full: the oldest transaction is to be answered before another is sent.
func (l *lane) full() bool {
	return len(l.flights) == maxFlights || (len(l.flights) > 0 && l.room() <= 0)
}

func newLane(s *Store, citus bool) *lane {
	return &lane{store: s, queue: make(chan *request, s.opts.QueueLimit), citus: citus, known: newKnowledge()}
}

// run ends when the queue is closed and everything is answered.
func (l *lane) run(ctx context.Context) {
	defer l.dropConn()
	for {
		// Callers answered just now may be about to append again: let them run
		// before looking into the queue. This is not a wait.
		runtime.Gosched()
		batch := l.take()
		if batch != nil {
			l.process(ctx, batch)
		} else if len(l.flights) == 0 {
			return
		}
		if l.full() || (batch == nil && len(l.flights) > 0) {
			l.land(ctx)
		}
	}
}

// take returns what waits, without lingering; if nothing is on its way it waits
// for one request. When two transactions can overlap it leaves half of the load
// for the other one. It returns nil if there is nothing, or at the end.
func (l *lane) take() []*request {
	aloft := 0
	for _, f := range l.flights {
		aloft += f.requests
	}
	var batch []*request
	events, bytes, share := 0, 0, 0
	for {
		r, ok := l.next(len(batch) == 0 && aloft == 0)
		if !ok {
			return batch
		}
		if len(batch) == 0 {
			share = maxBatchEvents
			if len(l.flights) > 0 || l.room() > 1 {
				share = max(minShare, (aloft+len(l.queue)+2)/2)
			}
		}
		e, b := r.size()
		if len(batch) > 0 && (events+e > maxBatchEvents || bytes+b > maxBatchBytes) {
			l.held = r
			return batch
		}
		if !r.state.CompareAndSwap(waiting, taken) {
			continue
		}
		batch = append(batch, r)
		events, bytes = events+e, bytes+b
		if len(batch) >= share {
			return batch
		}
	}
}

// minShare: smaller transactions cost more than overlapping them gains.
const minShare = 16

func (l *lane) next(wait bool) (*request, bool) {
	if r := l.held; r != nil {
		l.held = nil
		return r, true
	}
	if wait {
		r, ok := <-l.queue
		return r, ok
	}
	select {
	case r, ok := <-l.queue:
		return r, ok
	default:
		return nil, false
	}
}

// process sends a batch on its way, or answers it on the locked path.
func (l *lane) process(ctx context.Context, batch []*request) {
	now := time.Now()
	for _, r := range batch {
		l.store.metrics.wait.Record(ctx, now.Sub(r.queued).Seconds())
	}
	l.store.metrics.batch.Record(ctx, int64(len(batch)))
	groups := groupByTenant(batch)
	if !l.citus {
		l.optimistic(ctx, groups)
		return
	}
	for i := range groups {
		l.optimistic(ctx, groups[i:i+1])
		for l.full() {
			l.land(ctx)
		}
	}
}

// lockEach answers requests on the locked path, once nothing is on its way.
func (l *lane) lockEach(ctx context.Context, rest []group) {
	for len(l.flights) > 0 {
		rest = merge(rest, l.landOldest(ctx))
	}
	l.closePipeline()
	deadline := time.Now().Add(l.store.opts.RetryFor)
	for _, g := range rest {
		l.store.metrics.fallbacks.Add(ctx, 1)
		l.locked(ctx, deadline, g)
	}
}

// group is the part of a batch that concerns one tenant.
type group struct {
	tenant   uuid.UUID
	requests []*request
}

func groupByTenant(batch []*request) []group {
	if len(batch) == 1 {
		return []group{{batch[0].TenantID, batch}}
	}
	at := map[uuid.UUID]int{}
	var groups []group
	for _, r := range batch {
		i, ok := at[r.TenantID]
		if !ok {
			i = len(groups)
			at[r.TenantID] = i
			groups = append(groups, group{tenant: r.TenantID})
		}
		groups[i].requests = append(groups[i].requests, r)
	}
	return groups
}

// merge joins groups of the same tenant.
func merge(groups, more []group) []group {
	for _, g := range more {
		i := slices.IndexFunc(groups, func(have group) bool { return have.tenant == g.tenant })
		if i < 0 {
			groups = append(groups, g)
		} else {
			groups[i].requests = append(groups[i].requests, g.requests...)
		}
	}
	return groups
}

// connection returns the lane's connection, acquiring one if needed.
func (l *lane) connection(ctx context.Context) (*pgxpool.Conn, error) {
	if l.conn != nil && l.conn.Conn().IsClosed() {
		l.dropConn()
	}
	if l.conn == nil {
		c, err := l.store.pool.Acquire(ctx)
		if err != nil {
			return nil, err
		}
		// Nothing can be prepared later, while transactions are on their way.
		hot := &batch{}
		for _, sql := range []string{sqlAdvanceOne, sqlInsertOne, sqlInsertRow, sqlRecordOne, sqlRecordRow, sqlTakeOne, sqlAdvanceMany, sqlInsertMany, sqlRecordMany} {
			hot.add(sql, params{})
		}
		if err := hot.prepare(ctx, c.Conn()); err != nil {
			c.Release()
			return nil, err
		}
		l.conn = c
	}
	return l.conn, nil
}

func (l *lane) dropConn() {
	if l.conn != nil {
		l.conn.Release()
		l.conn = nil
	}
}
