package jobs

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"

	"tansu.cloud/sql/db"
)

// CompleteTx marks the job done in a transaction of its handler, so that the
// handler's rows and the completion are committed together: an effect in this
// database happens exactly once, however often the job runs. It returns
// ErrClaimLost if another worker may have the job; the handler then rolls back
// and returns the error. After the commit the handler returns nil.
func CompleteTx(ctx context.Context, tx db.DBTX, d Delivery) error {
	if d.claim == nil {
		return errors.New("jobs: this delivery does not come from workers")
	}
	d.claim.completing.Store(true)
	finished, err := db.New(tx).FinishJob(ctx, db.FinishJobParams{TenantID: d.TenantID, ID: d.ID, Claim: d.claim.number})
	if err == nil && finished == 0 {
		return ErrClaimLost
	}
	return err
}

// finishing is a job on its way to done.
type finishing struct {
	*claim
	done chan struct{}
}

// finish writes down that a job is done and returns when that is committed. Jobs
// go together as far as they wait together; one whose row or group may be locked
// by somebody else's transaction goes alone, so that only its own worker waits.
func (w *Workers) finish(c *claim) {
	if c.grouped || c.completing.Load() {
		w.persist("finish a job", func(ctx context.Context) error {
			_, err := w.queries.FinishJob(ctx, db.FinishJobParams{TenantID: c.tenant, ID: c.id, Claim: c.number})
			return err
		})
		if c.grouped {
			w.Wake() // the next of the group
		}
		return
	}
	f := finishing{c, make(chan struct{})}
	select {
	case w.finished <- f:
		<-f.done
	case <-w.settling.Done():
	}
}

// finishAll writes down what is done, in one statement what has come together
// while the last one ran.
func (w *Workers) finishAll() {
	for {
		var batch []finishing
		select {
		case f := <-w.finished:
			batch = append(batch, f)
		case <-w.settled:
			return
		}
		for len(batch) < maxClaim {
			select {
			case f := <-w.finished:
				batch = append(batch, f)
				continue
			default:
			}
			break
		}
		w.finishBatch(batch)
	}
}

// finishBatch frees the workers together, so that they get the next jobs
// together.
func (w *Workers) finishBatch(batch []finishing) {
	var p db.FinishJobsParams
	tenants := map[*crew][]uuid.UUID{}
	for _, f := range batch {
		p.TenantIds, p.Ids, p.Claims = append(p.TenantIds, f.tenant), append(p.Ids, f.id), append(p.Claims, f.number)
		tenants[f.crew] = append(tenants[f.crew], f.tenant)
	}
	w.persist("finish jobs", func(ctx context.Context) error { return w.queries.FinishJobs(ctx, p) })
	for crew, freed := range tenants {
		crew.free(freed...)
	}
	for _, f := range batch {
		f.freed = true
		close(f.done)
	}
}

// persist repeats what must be written until it succeeds or the process is
// aborted; then the leases run out and the jobs run again.
func (w *Workers) persist(what string, write func(ctx context.Context) error) {
	o := outage{logger: w.config.Logger, what: what}
	for delay := 50 * time.Millisecond; ; delay = min(2*delay, 5*time.Second) {
		ctx, cancel := context.WithTimeout(w.settling, persistTimeout)
		err := write(ctx)
		cancel()
		o.note(w.settling, err)
		if err == nil || w.settling.Err() != nil {
			return
		}
		sleep(w.settling, delay/2+rand.N(delay))
	}
}

// persistTimeout bounds one try.
const persistTimeout = 30 * time.Second

func sleep(ctx context.Context, delay time.Duration) {
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
