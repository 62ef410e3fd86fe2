package jobs

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tansu.cloud/sql/db"
)

// Ref is what a message says: which job.
type Ref struct{ TenantID, ID uuid.UUID }

// Broker brings messages to all processes that do jobs of a kind, each message
// to one of them. Its calls return in a few seconds, whatever happens to the
// broker.
type Broker interface {
	// Consumers is how many processes take messages now.
	Consumers(kind string) (int, error)
	// Publish returns when the broker keeps the messages.
	Publish(kind string, refs []Ref) error
}

const (
	// backlogInterval is the time between looks for room while jobs wait for it.
	backlogInterval = 5 * time.Millisecond
	// countInterval is how long the number of consumers is relied on.
	countInterval = time.Second
	// ahead is how many jobs are on their way for each worker, the one that it
	// does included. The rest wait in the database, where their order is fair.
	ahead = 2
)

// Dispatch names ready jobs to a broker until ctx ends, fairly and no more than
// the workers of all processes can soon do. Every process may do so: a row's
// lock lets one at a time, so none is missed when it dies. A job that no worker
// claims within patience is named again, as its message must be lost.
func (w *Workers) Dispatch(ctx context.Context, b Broker, patience time.Duration) {
	var kinds sync.WaitGroup
	for _, c := range w.crews {
		d := &dispatcher{Workers: w, crew: c, broker: b, patience: patience}
		kinds.Go(func() { d.run(ctx) })
	}
	kinds.Wait()
}

func dispatchLock(kind string) string { return "jobs/" + kind }

type dispatcher struct {
	*Workers
	crew     *crew
	broker   Broker
	patience time.Duration
	last     uuid.UUID // the tenant that was served last

	consumers int
	counted   time.Time // when consumers was
}

func (d *dispatcher) run(ctx context.Context) {
	o := outage{logger: d.config.Logger.With("kind", d.crew.name), what: "dispatching jobs"}
	d.persist("prepare to dispatch jobs", func(ctx context.Context) error {
		return d.queries.AddJobDispatcher(ctx, dispatchLock(d.crew.name))
	})
	for {
		backlog, err := d.round(ctx)
		o.note(ctx, err)
		var again <-chan time.Time
		if backlog {
			again = time.After(backlogInterval)
		}
		select {
		case <-ctx.Done():
			return
		case <-d.crew.wake:
		case <-again:
		}
	}
}

// round reports whether there may be more jobs than there was room for.
func (d *dispatcher) round(ctx context.Context) (backlog bool, err error) {
	if ready, err := d.queries.HasReadyJobs(ctx, d.crew.name); err != nil || !ready {
		return false, err
	}
	if time.Since(d.counted) > countInterval {
		if d.consumers, err = d.broker.Consumers(d.crew.name); err != nil {
			return false, err
		}
		d.counted = time.Now()
	}
	refs, err := d.take()
	if err != nil || len(refs) == 0 {
		return d.consumers > 0, err
	}
	if err := d.broker.Publish(d.crew.name, refs); err != nil {
		d.counted = time.Time{}
		d.putBack(refs)
		return false, err
	}
	return true, nil
}

// take marks jobs as dispatched. Like a claim it is not interrupted.
func (d *dispatcher) take() ([]Ref, error) {
	ctx, cancel := context.WithTimeout(d.settling, persistTimeout)
	defer cancel()
	var rows []db.TakeJobsRow
	err := pgx.BeginFunc(ctx, d.config.Pool, func(tx pgx.Tx) error {
		q := d.queries.WithTx(tx)
		if _, err := q.LockJobDispatcher(ctx, dispatchLock(d.crew.name)); err != nil {
			return err
		}
		bound := ahead * d.consumers * d.crew.Workers
		underWay, err := q.JobsUnderWay(ctx, db.JobsUnderWayParams{Kind: d.crew.name, MaxRows: int32(bound)})
		if err != nil || len(underWay) >= bound {
			return err
		}
		rows, err = q.TakeJobs(ctx, db.TakeJobsParams{
			State: StateDispatched, Lease: interval(d.patience), Kind: d.crew.name, After: d.last,
			PerTenant: int32(ahead * d.consumers * d.crew.PerTenant), Busy: underWay, MaxRows: int32(bound - len(underWay)),
		})
		return err
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	d.last = rows[len(rows)-1].TenantID
	slices.SortStableFunc(rows, func(a, b db.TakeJobsRow) int { return cmp.Compare(a.Seq, b.Seq) })
	refs := make([]Ref, len(rows))
	for i, row := range rows {
		refs[i] = Ref{row.TenantID, row.ID}
	}
	return refs, nil
}

// putBack makes jobs ready whose messages the broker did not take, as far as is
// known. If it took one after all, the worker that gets it finds the job ready.
func (d *dispatcher) putBack(refs []Ref) {
	var p db.UndispatchJobsParams
	for _, ref := range refs {
		p.TenantIds, p.Ids = append(p.TenantIds, ref.TenantID), append(p.Ids, ref.ID)
	}
	d.persist("put jobs back", func(ctx context.Context) error { return d.queries.UndispatchJobs(ctx, p) })
}
