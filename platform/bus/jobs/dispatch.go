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
// to one of them. The queues of a kind are numbered; see [Workers.QueueNumber].
// Its calls return in a few seconds, whatever happens to the broker.
type Broker interface {
	// Consumers is how many processes take messages from a queue now.
	Consumers(kind string, queue int64) (int, error)
	// Publish returns when the broker keeps the messages. The error wraps
	// ErrUnconfirmed if it is there but did not say so in time.
	Publish(kind string, queue int64, refs []Ref) error
}

// ErrUnconfirmed: the broker did not confirm messages in time.
var ErrUnconfirmed = errors.New("jobs: the broker did not confirm in time")

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
// claims within patience is named again, as its message must be lost; a queue
// that has confirmed nothing for a quarter of it is replaced.
func (w *Workers) Dispatch(ctx context.Context, b Broker, patience time.Duration) {
	var kinds sync.WaitGroup
	for _, c := range w.crews {
		d := &dispatcher{Workers: w, crew: c, broker: b, patience: patience}
		kinds.Go(func() { d.run(ctx) })
	}
	kinds.Wait()
}

// QueueNumber says which of the broker's queues is used for a kind. It changes
// when a queue takes no messages any more: then the next one is used in its
// place, by all processes within about a second.
func (w *Workers) QueueNumber(ctx context.Context, kind string) (int64, error) {
	number, err := w.queries.JobQueueNumber(ctx, dispatchLock(kind))
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, nil // nobody has dispatched yet
	}
	return number, err
}

// ReplaceQueue gives up a queue that takes or gives no messages, although its
// broker is there: one that has lost its nodes, for example. What it holds is
// named again when patience is over.
func (w *Workers) ReplaceQueue(ctx context.Context, kind string, number int64) error {
	replaced, err := w.queries.ReplaceJobQueue(ctx, db.ReplaceJobQueueParams{Name: dispatchLock(kind), Token: number})
	if replaced > 0 {
		w.config.Logger.WarnContext(ctx, "jobs: a queue of the broker does not work; another one is used in its place", "kind", kind, "queue", number)
	}
	return err
}

func dispatchLock(kind string) string { return "jobs/" + kind }

type dispatcher struct {
	*Workers
	crew     *crew
	broker   Broker
	patience time.Duration
	last     uuid.UUID // the tenant that was served last

	queue, consumers int64
	counted          time.Time // the two fields above
	unconfirmed      time.Time // since when; zero: the last messages were confirmed
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
		if err := d.count(ctx); err != nil {
			return false, err
		}
	}
	refs, err := d.take()
	if err != nil || len(refs) == 0 {
		return d.consumers > 0, err
	}
	err = d.broker.Publish(d.crew.name, d.queue, refs)
	if err == nil {
		d.unconfirmed = time.Time{}
		return true, nil
	}
	d.counted = time.Time{}
	d.putBack(refs)
	if errors.Is(err, ErrUnconfirmed) {
		err = errors.Join(err, d.replace(ctx))
	}
	return false, err
}

func (d *dispatcher) count(ctx context.Context) (err error) {
	if d.queue, err = d.QueueNumber(ctx, d.crew.name); err != nil {
		return err
	}
	consumers, err := d.broker.Consumers(d.crew.name, d.queue)
	if err != nil {
		return err
	}
	d.consumers, d.counted = int64(consumers), time.Now()
	return nil
}

// replace gives up a queue that has confirmed nothing for long.
func (d *dispatcher) replace(ctx context.Context) error {
	if d.unconfirmed.IsZero() {
		d.unconfirmed = time.Now()
	}
	if time.Since(d.unconfirmed) < d.patience/4 {
		return nil
	}
	d.unconfirmed = time.Time{}
	return d.ReplaceQueue(ctx, d.crew.name, d.queue)
}

// take marks jobs as dispatched. Like a claim it is not interrupted.
func (d *dispatcher) take() ([]Ref, error) {
	ctx, cancel := context.WithTimeout(d.settling, persistTimeout)
	defer cancel()
	var rows []db.TakeJobsRow
	err := pgx.BeginFunc(ctx, d.config.Pool, func(tx pgx.Tx) error {
		q := d.queries.WithTx(tx)
		queue, err := q.LockJobDispatcher(ctx, dispatchLock(d.crew.name))
		if err != nil {
			return err
		}
		if queue != d.queue {
			d.counted = time.Time{}
			return nil
		}
		bound := ahead * int(d.consumers) * d.crew.Workers
		underWay, err := q.JobsUnderWay(ctx, db.JobsUnderWayParams{Kind: d.crew.name, MaxRows: int32(bound)})
		if err != nil || len(underWay) >= bound {
			return err
		}
		rows, err = q.TakeJobs(ctx, db.TakeJobsParams{
			State: StateDispatched, Lease: interval(d.patience), Kind: d.crew.name, After: d.last,
			PerTenant: int32(ahead * int(d.consumers) * d.crew.PerTenant), Busy: underWay, MaxRows: int32(bound - len(underWay)),
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
