package jobs

import (
	"cmp"
	"context"
	"slices"
	"sync"

	"github.com/google/uuid"

	"tansu.cloud/sql/db"
)

// Postgres is the carrier without a broker: workers ask the database for what is
// ready when they are woken, when one of them becomes free, and at intervals.
type Postgres struct{}

// Carry implements Carrier.
func (Postgres) Carry(ctx context.Context, w *Workers) error {
	var crews sync.WaitGroup
	for _, c := range w.crews {
		crews.Go(func() {
			o := outage{logger: w.config.Logger.With("kind", c.name), what: "claiming jobs"}
			var last uuid.UUID // the tenant that was served last
			for {
				freed, err := w.claim(ctx, c, &last)
				o.note(ctx, err)
				select {
				case <-ctx.Done():
					return
				case <-c.wake:
				case <-freed:
				}
			}
		})
	}
	crews.Wait()
	return nil
}

// maxClaim is the most jobs that one statement takes, as its SQL says.
const maxClaim = 100

// claim engages free workers until none is left or there is nothing for them.
// freed is closed when another one is free. It is nil after a failure: then the
// next look at the database is at the interval's end.
func (w *Workers) claim(ctx context.Context, c *crew, last *uuid.UUID) (freed <-chan struct{}, err error) {
	for ctx.Err() == nil {
		free, busy, freed := c.room()
		if free == 0 {
			return freed, nil
		}
		free = min(free, maxClaim)
		rows, err := w.takeJobs(db.TakeJobsParams{
			State: StateRunning, Attempt: 1, Lease: interval(w.config.Lease), Worker: w.config.NodeID,
			Kind: c.name, After: *last, PerTenant: int32(c.PerTenant), Busy: busy, MaxRows: int32(free),
		})
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			*last = row.TenantID
		}
		slices.SortStableFunc(rows, func(a, b db.TakeJobsRow) int { return cmp.Compare(a.Seq, b.Seq) })
		for _, row := range rows {
			c.engage(row.TenantID)
			w.work.Go(func() { w.attempt(c, db.ClaimJobRow(row)) })
		}
		if len(rows) < free {
			return freed, nil
		}
	}
	return nil, nil
}

// takeJobs is not interrupted when the process stops: jobs that were taken
// without our knowing would wait for the end of their leases.
func (w *Workers) takeJobs(p db.TakeJobsParams) ([]db.TakeJobsRow, error) {
	ctx, cancel := context.WithTimeout(w.settling, persistTimeout)
	defer cancel()
	return w.queries.TakeJobs(ctx, p)
}
