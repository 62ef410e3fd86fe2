package jobs

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"tansu.cloud/sql/db"
)

// Carrier tells the workers of a process which jobs to do next; the rows stay
// the truth. [Postgres] is the embedded one, platform/bus/jobs/rabbitmq the
// distributed one; both pass jobstest.
type Carrier interface {
	// Carry offers the workers what is ready until ctx ends, and returns when the
	// jobs that it handed out are done with. It outlives failures of its engine.
	Carry(ctx context.Context, w *Workers) error
}

// Do runs the job that a message of the carrier names, unless it is in other
// hands, finished or not due: what a message says is only a hint. It returns at
// once; the job waits in the order of the calls for a worker that is free for its
// tenant, at the most until ctx ends. answer is called once, when the message is
// of no more use or, with an error, when the job could not be claimed.
func (w *Workers) Do(ctx context.Context, kind string, ref Ref, answer func(error)) {
	c := w.crews[kind]
	p := c.lineUp(ref.TenantID)
	w.work.Go(func() { answer(w.do(ctx, c, p, ref)) })
}

func (w *Workers) do(ctx context.Context, c *crew, p *place, ref Ref) error {
	select {
	case <-p.engaged:
	case <-ctx.Done():
		c.giveUp(p)
		return ctx.Err()
	}
	row, err := w.claimJob(db.ClaimJobParams{
		TenantID: ref.TenantID, ID: ref.ID, Kind: c.name, Lease: interval(w.config.Lease), Worker: w.config.NodeID,
	})
	if err == nil {
		w.attempt(c, row)
		return nil
	}
	c.free(ref.TenantID)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	return err
}

// Woken has a value when there may be ready jobs of a kind, at the latest after
// each PollInterval. It is for one reader, in the carrier.
func (w *Workers) Woken(kind string) <-chan struct{} { return w.crews[kind].wake }

// Kinds returns what this process does, with the defaults filled in.
func (w *Workers) Kinds() map[string]Kind { return w.config.Kinds }

// claimJob is not interrupted when the process stops; see takeJobs.
func (w *Workers) claimJob(p db.ClaimJobParams) (db.ClaimJobRow, error) {
	ctx, cancel := context.WithTimeout(w.settling, persistTimeout)
	defer cancel()
	return w.queries.ClaimJob(ctx, p)
}
