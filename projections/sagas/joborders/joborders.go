// Package joborders carries out what people decide about dead jobs: it follows
// every tenant's log and changes the job's row in the transaction that moves its
// checkpoint. So a decision that is in the log takes effect, whatever crashes
// when. The rows' workers are those of platform/bus/jobs.
package joborders

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tansu.cloud/domain/job"
	"tansu.cloud/platform/bus/jobs"
	"tansu.cloud/projections"
)

// Name of the saga. The interface waits for it.
const Name = "job_orders"

// New returns the saga. wake is called when there are jobs to do again.
func New(wake func()) projections.Projection {
	s := saga{wake}
	return projections.Projection{
		Name: Name, Version: 1, Saga: true, EveryTenant: true, Apply: s.apply, Types: projections.TypesOf(job.Events()),
	}
}

type saga struct{ wake func() }

// apply changes a row only if the job still lies in the death that was decided
// about. A row that is gone has nothing to be changed.
func (s saga) apply(ctx context.Context, tx pgx.Tx, changes []projections.Change) error {
	queue := jobs.NewQueue(tx)
	for _, c := range changes {
		id, err := uuid.Parse(c.Event.Stream.ID)
		if err != nil {
			return fmt.Errorf("the stream of job %q has no UUID: %w", c.Event.Stream.ID, err)
		}
		var changed bool
		switch e := c.Payload.(type) {
		case job.Redriven:
			changed, err = queue.Redrive(ctx, c.Event.TenantID, id, e.Claim)
		case job.Discarded:
			changed, err = queue.Discard(ctx, c.Event.TenantID, id, e.Claim)
		}
		if err != nil {
			return fmt.Errorf("job %s: %w", id, err)
		}
		if changed {
			projections.AfterCommit(ctx, s.wake)
		}
	}
	return nil
}
