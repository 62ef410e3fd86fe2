package webhooks

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"tansu.cloud/eventstore"
	"tansu.cloud/platform/bus/jobs"
	"tansu.cloud/projections/feeds"
	"tansu.cloud/sql/db"
)

const (
	// replayPage is how many events one transaction of a replay looks at.
	replayPage = 500
	// replayTime is how long a replay goes on in one job; then another one takes
	// over, so that others have their turn.
	replayTime = 20 * time.Second
)

// replay goes through a part of the log and writes a job for each event that
// the webhook selects as it is now. Its place is kept with the jobs, so that it
// goes on there whatever interrupts it; deleting or disabling the webhook ends
// it.
func (c *Courier) replay(ctx context.Context, d jobs.Delivery) error {
	o, err := orderOf(d)
	if err != nil {
		return err
	}
	r, err := c.queries.WebhookReplay(ctx, db.WebhookReplayParams{TenantID: d.TenantID, ID: o.ReplayID})
	if err != nil {
		return fmt.Errorf("replay %s: %w", o.ReplayID, err)
	}
	for until := time.Now().Add(replayTime); r.DonePosition < r.ToPosition; {
		s, err := c.subscription(ctx, d.TenantID, o.WebhookID)
		if err != nil || s == nil {
			return err
		}
		if why, err := c.closed(ctx, d.TenantID, s); err != nil || why != "" {
			return err
		}
		work, done, err := c.replayed(ctx, s, &r)
		if err != nil {
			return err
		}
		rest := time.Now().After(until) && done < r.ToPosition
		selected := len(work)
		if rest {
			work = append(work, replayJob(d.TenantID, o.WebhookID, r.ID, done))
		}
		moved, err := c.moveReplay(ctx, r, done, selected, work)
		if err != nil || !moved || rest {
			return err // not moved: another worker is at it
		}
		r.DonePosition = done
	}
	return nil
}

// replayed looks at the next page of a replay.
func (c *Courier) replayed(ctx context.Context, s *subscription, r *db.WebhookReplay) (work []jobs.Job, done int64, err error) {
	page, err := c.Log.ReadLog(ctx, r.TenantID, eventstore.LogQuery{After: r.DonePosition, Limit: replayPage})
	if err != nil {
		return nil, 0, fmt.Errorf("replay %s: %w", r.ID, err)
	}
	if len(page.Events) == 0 {
		return nil, r.ToPosition, nil
	}
	done = min(page.Events[len(page.Events)-1].Position, r.ToPosition)
	for _, e := range page.Events {
		if e.Position > done {
			break
		}
		if deliverable(e.Type) && s.selects(&c.filters, feeds.NewEntry(e)) {
			work = append(work, deliveryJob(s.id, e, r.ID))
		}
	}
	return work, done, nil
}

func (c *Courier) moveReplay(ctx context.Context, r db.WebhookReplay, done int64, selected int, work []jobs.Job) (moved bool, err error) {
	err = pgx.BeginFunc(ctx, c.Pool, func(tx pgx.Tx) error {
		rows, err := c.queries.WithTx(tx).MoveWebhookReplay(ctx, db.MoveWebhookReplayParams{
			TenantID: r.TenantID, ID: r.ID, FromDone: r.DonePosition, ToDone: done, More: int64(selected), Now: time.Now().UTC(),
		})
		if moved = rows == 1; err != nil || !moved {
			return err
		}
		_, err = jobs.Enqueue(ctx, tx, work...)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("replay %s: %w", r.ID, err)
	}
	return moved, nil
}
