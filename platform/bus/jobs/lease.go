package jobs

import (
	"context"
	"time"

	"github.com/google/uuid"

	"tansu.cloud/sql/db"
)

// hold keeps a job's lease from now on.
func (w *Workers) hold(c *claim) {
	w.holding.Lock()
	defer w.holding.Unlock()
	w.held[c] = true
}

// letGo ends a claim that is settled.
func (w *Workers) letGo(c *claim) {
	w.holding.Lock()
	delete(w.held, c)
	w.holding.Unlock()
	if !c.freed {
		c.crew.free(c.tenant)
	}
}

// keepLeases renews the leases of all jobs that run here until all are settled.
func (w *Workers) keepLeases() {
	ticker := time.NewTicker(w.config.Lease / 4)
	defer ticker.Stop()
	o := outage{logger: w.config.Logger, what: "renewing leases"}
	for {
		select {
		case <-w.settled:
			return
		case <-w.settling.Done():
			return
		case <-ticker.C:
		}
		ctx, cancel := context.WithTimeout(w.settling, w.config.Lease/4)
		o.note(w.settling, w.renew(ctx))
		cancel()
	}
}

// renew also interrupts the handlers of jobs that are no longer ours.
func (w *Workers) renew(ctx context.Context) error {
	p := db.RenewJobsParams{Lease: interval(w.config.Lease)}
	w.holding.Lock()
	asked := make([]*claim, 0, len(w.held))
	for c := range w.held {
		asked = append(asked, c)
		p.TenantIds, p.Ids, p.Claims = append(p.TenantIds, c.tenant), append(p.Ids, c.id), append(p.Claims, c.number)
	}
	w.holding.Unlock()
	if len(asked) == 0 {
		return nil
	}
	ids, err := w.queries.RenewJobs(ctx, p)
	if err != nil {
		return err
	}
	ours := make(map[uuid.UUID]bool, len(ids))
	for _, id := range ids {
		ours[id] = true
	}
	for _, c := range asked {
		if !ours[c.id] && !c.completing.Load() {
			c.cancel(ErrClaimLost)
		}
	}
	return nil
}
