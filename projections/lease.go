package projections

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"tansu.cloud/sql/db"
)

// lease says that this process does one part of a projection's work. Its token
// is higher than that of every lease before it, of whichever part.
type lease struct {
	tenure  *tenure
	name    string
	token   int64
	renewed time.Time // by our clock, before it was asked for; guarded by the tenure
}

// verify returns errLeaseLost if another process has the lease.
func (l *lease) verify(ctx context.Context) error {
	if err := l.tenure.renew(ctx); err != nil {
		return err
	}
	l.tenure.mu.Lock()
	defer l.tenure.mu.Unlock()
	if l.tenure.held[l.name] != l {
		return errLeaseLost
	}
	return nil
}

// holds reports, without asking, whether no other process can have the lease yet.
func (l *lease) holds() bool {
	l.tenure.mu.Lock()
	defer l.tenure.mu.Unlock()
	return l.tenure.held[l.name] == l && time.Since(l.renewed) < l.tenure.ttl
}

// tenure is the time in which this process holds leases of one projection, from
// the first to the loss of any of them. They are renewed together. Time is
// PostgreSQL's, so that the clocks of processes need not agree.
type tenure struct {
	queries *db.Queries
	holder  string
	ttl     time.Duration
	work    sync.WaitGroup // what ends with it

	mu   sync.Mutex
	held map[string]*lease
}

func newTenure(s *setup) *tenure {
	return &tenure{queries: s.queries, holder: s.config.NodeID, ttl: s.config.LeaseTTL, held: map[string]*lease{}}
}

func (t *tenure) interval() pgtype.Interval {
	return pgtype.Interval{Microseconds: t.ttl.Microseconds(), Valid: true}
}

// take returns nil if another process holds the lease. Whoever has it already
// gets a new token.
func (t *tenure) take(ctx context.Context, name string) (*lease, error) {
	l := &lease{tenure: t, name: name, renewed: time.Now()}
	var err error
	l.token, err = t.queries.AcquireLease(ctx, db.AcquireLeaseParams{Name: name, Holder: t.holder, Ttl: t.interval()})
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.held[name] = l
	return l, nil
}

// release lets other processes take the leases at once.
func (t *tenure) release(ctx context.Context, leases ...*lease) error {
	p := db.ReleaseLeasesParams{Holder: t.holder}
	t.mu.Lock()
	for _, l := range leases {
		if t.held[l.name] == l {
			delete(t.held, l.name)
			p.Names, p.Tokens = append(p.Names, l.name), append(p.Tokens, l.token)
		}
	}
	t.mu.Unlock()
	if len(p.Names) == 0 {
		return nil
	}
	return t.queries.ReleaseLeases(ctx, p)
}

func (t *tenure) all() []*lease {
	t.mu.Lock()
	defer t.mu.Unlock()
	leases := make([]*lease, 0, len(t.held))
	for _, l := range t.held {
		leases = append(leases, l)
	}
	return leases
}

// renew extends what is held; it returns errLeaseLost if another process has
// some of it.
func (t *tenure) renew(ctx context.Context) error {
	leases, asked := t.all(), time.Now()
	if len(leases) == 0 {
		return nil
	}
	p := db.RenewLeasesParams{Holder: t.holder, Ttl: t.interval()}
	for _, l := range leases {
		p.Names, p.Tokens = append(p.Names, l.name), append(p.Tokens, l.token)
	}
	names, err := t.queries.RenewLeases(ctx, p)
	if err != nil {
		return err
	}
	renewed := make(map[string]bool, len(names))
	for _, name := range names {
		renewed[name] = true
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, l := range leases {
		switch {
		case t.held[l.name] != l: // given back or taken anew meanwhile
		case !renewed[l.name]:
			return errLeaseLost
		default:
			l.renewed = asked
		}
	}
	return nil
}

// expiry is when the first of the leases runs out.
func (t *tenure) expiry() time.Time {
	first := time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, l := range t.held {
		if l.renewed.Before(first) {
			first = l.renewed
		}
	}
	return first.Add(t.ttl)
}

// keep renews the leases until ctx ends, and returns errLeaseLost as soon as
// another process may have one.
func (t *tenure) keep(ctx context.Context) error {
	for {
		sleep(ctx, min(t.ttl/3, max(time.Until(t.expiry()), 0)))
		if ctx.Err() != nil {
			return nil
		}
		try, cancel := context.WithDeadline(ctx, t.expiry())
		err := t.renew(try)
		cancel()
		if errors.Is(err, errLeaseLost) || (err != nil && !time.Now().Before(t.expiry())) {
			return errLeaseLost
		}
	}
}
