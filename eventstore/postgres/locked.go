package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"tansu.cloud/eventstore"
)

// locked writes one tenant's requests under the lock of its head, in two round
// trips: lock and look everything up, then write and commit. It tries until
// every request is answered or the deadline has passed.
func (l *lane) locked(ctx context.Context, deadline time.Time, g group) {
	pause := backoff.NewExponentialBackOff()
	pause.InitialInterval, pause.MaxInterval = 5*time.Millisecond, time.Second
	for len(g.requests) > 0 {
		err := l.lockedOnce(ctx, &g)
		if err == nil {
			continue // what is left was put in doubt or split off; go on at once
		}
		pgErr, fromServer := errors.AsType[*pgconn.PgError](err)
		if fromServer && !transient(err) {
			if len(g.requests) > 1 { // one of them may be what the server refuses
				for _, r := range g.requests {
					l.locked(ctx, deadline, group{g.tenant, []*request{r}})
				}
				return
			}
			if err := g.requests[0].CheckData(); err != nil {
				g.requests[0].fail(err)
				return
			}
			l.store.opts.Logger.Error("append refused by the database", "tenant", g.tenant, "sqlstate", pgErr.Code, "error", pgErr.Message)
		}
		if (fromServer && !transient(err)) || ctx.Err() != nil || time.Now().After(deadline) {
			for _, r := range g.requests {
				r.fail(refusal(r, err))
			}
			return
		}
		l.store.opts.Logger.Warn("append is retried", "tenant", g.tenant, "requests", len(g.requests), "error", err)
		select {
		case <-time.After(pause.NextBackOff()):
		case <-ctx.Done():
		}
	}
}

// lockedOnce makes one attempt. On success every request is answered.
func (l *lane) lockedOnce(ctx context.Context, g *group) (err error) {
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	conn, err := l.connection(ctx)
	if err != nil {
		return notSent{err}
	}
	l.known.distrustVersions(g.tenant)
	seen, err := lookUp(ctx, conn.Conn(), g)
	if err != nil {
		l.rollback(conn.Conn())
		return err
	}

	p := newPlan(seen.head, l.store.opts.Now())
	p.holders.before = seen.holders
	version := func(s eventstore.Stream) int64 { return seen.versions[s] }
	type answer struct {
		*request
		result
	}
	var answers []answer
	var again []*request // share a key with a placed request: next round finds its record
	for _, r := range g.requests {
		var reject error
		switch first := r.firstEvent(); {
		case r.inDoubt && seen.committed[first]:
			appended, err := l.committedBefore(ctx, seen.conn, r, first)
			if err != nil {
				l.rollback(conn.Conn())
				return err
			}
			answers = append(answers, answer{r, result{Appended: appended}})
			continue
		case r.Idempotency != nil && p.keys[r.Idempotency.Key]:
			again = append(again, r)
			continue
		case r.Idempotency != nil && seen.records[r.Idempotency.Key] != nil:
			record := seen.records[r.Idempotency.Key]
			if r.inDoubt && len(r.Writes) == 0 {
				answers = append(answers, answer{r, result{Appended: eventstore.Appended{Position: record.Position}}})
				continue
			}
			reject = &eventstore.AlreadyProcessed{Record: *record}
		default:
			if c := p.conflict(r, version); c != nil {
				reject = c
			} else if err := p.holders.apply(r.Claims); err != nil {
				reject = err
			}
		}
		if reject != nil {
			answers = append(answers, answer{r, result{err: reject}})
			continue
		}
		p.place(r, version)
	}

	if err := commitLocked(ctx, conn.Conn(), p); err != nil {
		l.rollback(conn.Conn())
		l.known.distrust(g.tenant)
		if outcomeUnknown(err) {
			p.doubt()
		}
		return err
	}
	for _, a := range answers {
		if a.err != nil {
			l.store.metrics.conflict(ctx, a.err)
		}
		a.done <- a.result
	}
	t := l.known.learn(seen.head)
	for s, v := range seen.versions {
		l.known.setVersion(t, s, v)
	}
	l.known.assume(p)
	l.finish(p)
	g.requests = again
	return nil
}

func (r *request) firstEvent() uuid.UUID {
	if len(r.Writes) == 0 {
		return uuid.Nil
	}
	return r.Writes[0].Events[0].ID
}

// rollback ends a transaction that failed half-way; the connection goes if that
// does not work.
func (l *lane) rollback(conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if conn.IsClosed() {
		return
	}
	if _, err := conn.Exec(ctx, "rollback"); err != nil {
		conn.Close(ctx)
	}
}

// commitLocked writes the plan and ends the transaction that lookUp began.
func commitLocked(ctx context.Context, conn *pgx.Conn, p *plan) error {
	b := &batch{}
	writeReleases(b, p)
	advance := len(b.statements)
	writeOne(b, p)
	writeErasures(b, p)
	b.add("commit", params{})
	results, err := b.run(ctx, conn)
	if err == nil && p.movesHead() && results[advance].CommandTag.RowsAffected() != 1 {
		err = &eventstore.CorruptLog{TenantID: p.old.TenantID, Position: p.old.Position, Problem: "the head moved while it was locked"}
	}
	return err
}
