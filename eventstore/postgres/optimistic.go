package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"tansu.cloud/eventstore"
)

// attemptTimeout bounds one round trip. A server that does not answer in this
// time is treated as a lost connection.
const attemptTimeout = 10 * time.Second

// flight is a transaction on its way.
type flight struct {
	plans      []*plan
	rejects    []rejected
	requests   int
	statements int
}

// rejected is a request that contradicts what the lane believes. The belief was
// true if the tenant's plan in the same flight commits.
type rejected struct {
	*request
	conflict *eventstore.VersionConflict
}

// optimistic sends what it can on the strength of what the lane knows, and
// answers the rest on the locked path.
func (l *lane) optimistic(ctx context.Context, groups []group) {
	if err := l.learnMissing(ctx, groups); err != nil {
		l.lockEach(ctx, groups) // it meets the same trouble and retries
		return
	}
	f := &flight{}
	var rest []group
	now := l.store.opts.Now()
	for _, g := range groups {
		t := l.known.tenant(g.tenant)
		if t == nil || t.contended > 0 {
			if t != nil {
				t.contended--
			}
			rest = append(rest, g)
			continue
		}
		p := newPlan(t.head, now)
		version := func(s eventstore.Stream) int64 {
			v, _ := l.known.version(t, s) // unknown: expected to be new, and fenced by the unique key
			return v
		}
		var others []*request
		var rejects []rejected
		for _, r := range g.requests {
			if !optimisticCan(r) || (r.Idempotency != nil && p.keys[r.Idempotency.Key]) {
				others = append(others, r)
			} else if c := p.conflict(r, version); c != nil && r.Idempotency == nil {
				rejects = append(rejects, rejected{r, c})
			} else if c != nil {
				others = append(others, r) // it may be the repeat of one that succeeded
			} else if p.holders.apply(r.Claims) != nil {
				others = append(others, r)
			} else {
				p.place(r, version)
			}
		}
		if p.empty() {
			for _, r := range rejects {
				others = append(others, r.request)
			}
		} else {
			f.plans, f.rejects = append(f.plans, p), append(f.rejects, rejects...)
			f.requests += len(p.placed)
		}
		if len(others) > 0 {
			rest = append(rest, group{g.tenant, others})
		}
	}
	if len(f.plans) > 0 {
		if err := l.send(ctx, f); err != nil {
			rest = merge(rest, l.failed(ctx, f, err))
		}
	}
	if len(rest) > 0 {
		l.lockEach(ctx, rest)
	}
}

// optimisticCan: releases, erasures and records without events need a look at
// rows that the lane does not remember.
func optimisticCan(r *request) bool {
	if len(r.Writes) == 0 || len(r.EraseSubjects) > 0 {
		return false
	}
	for _, c := range r.Claims {
		if c.Op != eventstore.TakeClaim {
			return false
		}
	}
	return true
}

// send puts the flight's transaction on its way and believes in its success
// until it lands.
func (l *lane) send(ctx context.Context, f *flight) error {
	conn, err := l.connection(ctx)
	if err != nil {
		return notSent{err}
	}
	b := &batch{}
	if len(f.plans) == 1 && (l.citus || f.requests <= rowByRow) {
		writeOne(b, f.plans[0])
	} else {
		writeMany(b, f.plans)
	}
	if err := b.prepare(ctx, conn.Conn()); err != nil {
		return notSent{err}
	}
	if l.pipeline == nil {
		// Watching a context costs a goroutine per pipeline; the deadline bounds it.
		l.pipeline = conn.Conn().PgConn().StartPipeline(context.Background())
	}
	l.extendDeadline()
	f.statements = len(b.statements)
	for _, p := range f.plans {
		l.known.assume(p)
	}
	if err := b.sendTo(conn.Conn().PgConn(), &l.wire, l.pipeline); err != nil {
		return err
	}
	l.flights = append(l.flights, f)
	l.store.aloft.Add(1)
	return nil
}

// land answers the oldest flight.
func (l *lane) land(ctx context.Context) {
	if rest := l.landOldest(ctx); len(rest) > 0 {
		l.lockEach(ctx, rest)
	}
	if len(l.flights) == 0 && len(l.queue) == 0 && l.held == nil {
		l.closePipeline()
	}
}

// landOldest returns the requests that are not answered yet.
func (l *lane) landOldest(ctx context.Context) []group {
	f := l.flights[0]
	l.flights = l.flights[1:]
	l.extendDeadline()
	results, err := receive(l.pipeline, f.statements)
	l.store.aloft.Add(-1)
	if err == nil && len(f.plans) == 1 && results[0].CommandTag.RowsAffected() != 1 {
		err = errHeadMoved
	}
	if err != nil {
		return l.failed(ctx, f, err)
	}
	for _, p := range f.plans {
		l.finish(p)
	}
	for _, r := range f.rejects {
		l.store.metrics.conflict(ctx, r.conflict)
		r.fail(r.conflict)
	}
	return nil
}

// failed takes back what the flight made the lane believe.
func (l *lane) failed(ctx context.Context, f *flight, err error) (rest []group) {
	l.store.metrics.conflict(ctx, err)
	for _, p := range f.plans {
		if headMoved(err) {
			l.store.metrics.headMoved.Add(ctx, 1)
			l.known.contend(p.old)
		} else {
			l.known.distrust(p.old.TenantID)
		}
		if outcomeUnknown(err) {
			p.doubt()
		}
		g := group{tenant: p.old.TenantID}
		for _, pl := range p.placed {
			g.requests = append(g.requests, pl.request)
		}
		rest = append(rest, g)
	}
	for _, r := range f.rejects {
		rest = merge(rest, []group{{r.TenantID, []*request{r.request}}})
	}
	return rest
}

// finish answers the requests of a committed plan.
func (l *lane) finish(p *plan) {
	if p.movesHead() {
		l.store.opts.OnCommit(p.events())
	}
	for _, pl := range p.placed {
		pl.done <- result{Appended: pl.result}
	}
}

// closePipeline frees the connection for other use.
func (l *lane) closePipeline() {
	if l.pipeline == nil {
		return
	}
	if err := l.pipeline.Close(); err != nil || l.conn.Conn().PgConn().Conn().SetDeadline(time.Time{}) != nil {
		l.dropConn() // the pool destroys it if it is broken
	}
	l.pipeline = nil
}

func (l *lane) extendDeadline() {
	// An error means a broken connection, which sending or receiving reports.
	_ = l.conn.Conn().PgConn().Conn().SetDeadline(time.Now().Add(attemptTimeout))
}

const sqlHead = `SELECT position, chain_hash, recorded_at FROM heads WHERE tenant_id = $1`

const sqlVersion = `
SELECT version FROM events WHERE tenant_id = $1 AND stream_type = $2 AND stream_id = $3
ORDER BY version DESC LIMIT 1`

// learnMissing looks up the heads and stream versions that the batch needs and
// the lane does not know, in one round trip. A stream that is expected to be new
// is not looked up. The order of the look-ups does not matter: whatever moves
// between them moves the head, and the write compares that.
func (l *lane) learnMissing(ctx context.Context, groups []group) error {
	b := &pgx.Batch{}
	for _, g := range groups {
		t := l.known.tenant(g.tenant)
		if t != nil && t.contended > 0 {
			continue
		}
		if t == nil {
			b.Queue(sqlHead, g.tenant).QueryRow(func(row pgx.Row) error {
				head := eventstore.Head{TenantID: g.tenant}
				if err := scanHead(row, &head); err == pgx.ErrNoRows {
					return nil
				} else if err != nil {
					return err
				}
				l.known.learn(head)
				return nil
			})
		}
		queued := map[eventstore.Stream]bool{}
		for _, r := range g.requests {
			for _, w := range r.Writes {
				if w.Expected == eventstore.NoStream || queued[w.Stream] {
					continue
				}
				if t != nil {
					if _, ok := l.known.version(t, w.Stream); ok {
						continue
					}
				}
				queued[w.Stream] = true
				b.Queue(sqlVersion, g.tenant, w.Stream.Type, w.Stream.ID).QueryRow(func(row pgx.Row) error {
					var v int64
					if err := row.Scan(&v); err != nil && err != pgx.ErrNoRows {
						return err
					}
					if t := l.known.tenant(g.tenant); t != nil {
						l.known.setVersion(t, w.Stream, v)
					}
					return nil
				})
			}
		}
	}
	if b.Len() == 0 {
		return nil
	}
	if len(l.flights) > 0 || l.pipeline != nil {
		l.lockEach(ctx, nil) // the look-ups need the connection for themselves
	}
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	conn, err := l.connection(ctx)
	if err != nil {
		return err
	}
	return conn.SendBatch(ctx, b).Close()
}

func scanHead(row pgx.Row, head *eventstore.Head) error {
	var hash []byte
	if err := row.Scan(&head.Position, &hash, &head.RecordedAt); err != nil {
		return err
	}
	copy(head.Hash[:], hash)
	head.RecordedAt = head.RecordedAt.UTC()
	return nil
}
