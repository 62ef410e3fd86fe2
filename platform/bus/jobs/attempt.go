package jobs

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"tansu.cloud/sql/db"
)

// How an attempt ended, as the metrics say it.
const (
	outcomeDone     = "done"
	outcomeFailed   = "failed"   // there will be another attempt
	outcomeDead     = "dead"     // there will be none
	outcomeReleased = "released" // the process stopped
	outcomeLost     = "lost"     // the lease ran out
)

var (
	errStopping = errors.New("jobs: the process stops")
	errCrashed  = errors.New("the process died, or lost its database, in every attempt")
)

// claim is this process's hold on a job. number counts the claims on the row:
// whoever has an older number cannot change it any more.
type claim struct {
	tenant, id uuid.UUID
	number     int64
	grouped    bool
	cancel     context.CancelCauseFunc // of the handler
	// completing: CompleteTx was called, so a transaction of the handler may
	// still hold the row's lock.
	completing atomic.Bool

	crew  *crew
	freed bool // the worker is free already
}

// attempt runs a claimed job, writes down how it ended, and frees the worker that
// the caller has engaged for it.
func (w *Workers) attempt(c *crew, row db.ClaimJobRow) {
	ctx, cancel := context.WithCancelCause(w.handling)
	defer cancel(nil)
	limit := len(c.Delays) + 1
	d := Delivery{
		Job: Job{TenantID: row.TenantID, Kind: row.Kind, Key: row.Key, Group: row.JobGroup, Payload: row.Payload, RunAt: row.RunAt},
		ID:  row.ID, Attempt: int(row.Attempts), LastAttempt: int(row.Attempts) >= limit,
		claim: &claim{tenant: row.TenantID, id: row.ID, number: row.Claim, grouped: row.JobGroup != "", cancel: cancel, crew: c},
	}
	w.hold(d.claim)
	defer w.letGo(d.claim)
	w.metrics.wait.Record(ctx, row.Waited, c.attributes)

	began := time.Now()
	var err error
	if d.Attempt > limit {
		d.Attempt = limit
		err = Dead(errCrashed)
	} else {
		err = w.handle(ctx, c, d)
	}
	w.metrics.duration.Record(ctx, time.Since(began).Seconds(), c.attributes)
	outcome := w.settle(ctx, c, d, err)
	w.metrics.attempts.Add(w.settling, 1, c.outcomes[outcome])
}

// handle calls the handler within its time and turns a panic into an error.
func (w *Workers) handle(ctx context.Context, c *crew, d Delivery) (err error) {
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			w.config.Logger.ErrorContext(ctx, "job panicked", "job", d.ID, "kind", d.Kind, "panic", p, "stack", string(debug.Stack()))
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return c.Handle(ctx, d)
}

// settle writes down what became of an attempt.
func (w *Workers) settle(ctx context.Context, c *crew, d Delivery, err error) (outcome string) {
	logger := w.config.Logger.With("job", d.ID, "kind", d.Kind, "tenant", d.TenantID, "attempt", d.Attempt)
	switch {
	case err == nil:
		w.finish(d.claim)
		return outcomeDone
	case errors.Is(context.Cause(ctx), ErrClaimLost):
		logger.WarnContext(ctx, "job: the lease ran out while the handler ran; it runs again", "error", err)
		return outcomeLost
	case errors.Is(context.Cause(ctx), errStopping):
		w.persist("release a job", func(ctx context.Context) error {
			_, err := w.queries.ReleaseJob(ctx, db.ReleaseJobParams{TenantID: d.TenantID, ID: d.ID, Claim: d.claim.number})
			return err
		})
		return outcomeReleased
	}
	delay, dead := c.next(d, err)
	var changed int64
	w.persist("write down a failed job", func(ctx context.Context) (failed error) {
		changed, failed = w.queries.FailJob(ctx, db.FailJobParams{
			TenantID: d.TenantID, ID: d.ID, Claim: d.claim.number, LastError: cleanError(err), Delay: interval(delay), Dead: dead,
		})
		return failed
	})
	switch {
	case changed == 0:
		return outcomeLost // or finished by a transaction of the handler after all
	case !dead:
		logger.InfoContext(ctx, "job failed; trying again", "delay", delay, "error", err)
		return outcomeFailed
	}
	logger.WarnContext(ctx, "job died; re-drive it when the cause is fixed, or discard it", "error", err)
	w.onDead(ctx, c, d, err)
	return outcomeDead
}

// next says when a failed job is tried again, if at all.
func (c *crew) next(d Delivery, err error) (delay time.Duration, dead bool) {
	if errors.As(err, new(*deadError)) || d.LastAttempt {
		return 0, true
	}
	var after *afterError
	if errors.As(err, &after) {
		return max(after.delay, 0), false
	}
	delay = c.Delays[d.Attempt-1]
	tenth := delay / 10
	return delay - tenth + rand.N(2*tenth+1), false
}

func (w *Workers) onDead(ctx context.Context, c *crew, d Delivery, cause error) {
	if c.OnDead == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.Timeout)
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			w.config.Logger.ErrorContext(ctx, "job: OnDead panicked", "job", d.ID, "kind", d.Kind, "panic", p, "stack", string(debug.Stack()))
		}
	}()
	c.OnDead(ctx, d, cause)
}

// maxError is the most bytes that are kept of an error's text.
const maxError = 4000

// cleanError makes any error text fit for a text column.
func cleanError(err error) string {
	text := strings.ReplaceAll(strings.ToValidUTF8(err.Error(), "�"), "\x00", "�")
	if len(text) <= maxError {
		return text
	}
	return strings.ToValidUTF8(text[:maxError], "")
}
