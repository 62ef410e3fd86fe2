package projections

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"tansu.cloud/sql/db"
)

// lease says that this process runs a projection. Its token is higher than that
// of every lease before it. Time is PostgreSQL's, so that the clocks of
// processes need not agree.
type lease struct {
	queries *db.Queries
	name    string
	holder  string
	ttl     time.Duration
	token   int64
	taken   time.Time // by our clock, before it was asked for
}

// acquireLease returns nil if another process holds the lease.
func acquireLease(ctx context.Context, s *setup) (*lease, error) {
	l := &lease{queries: s.queries, name: "projection/" + s.Name, holder: s.config.NodeID, ttl: s.config.LeaseTTL, taken: time.Now()}
	var err error
	l.token, err = l.queries.AcquireLease(ctx, db.AcquireLeaseParams{Name: l.name, Holder: l.holder, Ttl: l.interval()})
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return l, nil
}

func (l *lease) interval() pgtype.Interval {
	return pgtype.Interval{Microseconds: l.ttl.Microseconds(), Valid: true}
}

// verify renews the lease; it returns errLeaseLost if another process has it.
func (l *lease) verify(ctx context.Context) error {
	n, err := l.queries.RenewLease(ctx, db.RenewLeaseParams{Name: l.name, Holder: l.holder, Token: l.token, Ttl: l.interval()})
	if err == nil && n == 0 {
		return errLeaseLost
	}
	return err
}

// keep renews the lease until ctx ends, and returns errLeaseLost as soon as
// another process may have it.
func (l *lease) keep(ctx context.Context) error {
	renewed := l.taken
	for {
		sleep(ctx, min(l.ttl/3, max(time.Until(renewed.Add(l.ttl)), 0)))
		if ctx.Err() != nil {
			return nil
		}
		asked := time.Now()
		try, cancel := context.WithDeadline(ctx, renewed.Add(l.ttl))
		err := l.verify(try)
		cancel()
		switch {
		case err == nil:
			renewed = asked
		case errors.Is(err, errLeaseLost), time.Since(renewed) >= l.ttl:
			return errLeaseLost
		}
	}
}

// release lets another process take the projection at once.
func (l *lease) release(ctx context.Context) error {
	return l.queries.ReleaseLease(ctx, db.ReleaseLeaseParams{Name: l.name, Holder: l.holder, Token: l.token})
}
