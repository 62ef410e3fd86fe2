package jobs

import (
	"context"
	"time"

	"tansu.cloud/sql/db"
)

const (
	// pause is the least time between two rounds, which bounds what a flood of
	// Wake costs.
	pause = 2 * time.Millisecond
	// dueChunk is the most that ReadyDueJobs takes at once, groupChunk the most
	// that ActivateJobGroups takes of one tenant: so many changed rows mean that
	// there may be more.
	dueChunk, groupChunk = 500, 20
)

// sweep makes jobs ready: at intervals those that are due or whose lease has run
// out, and whenever it is woken the first ones of idle groups. After each round
// the carrier looks for what is ready.
func (w *Workers) sweep() {
	ticker := time.NewTicker(w.config.PollInterval)
	defer ticker.Stop()
	o := outage{logger: w.config.Logger, what: "looking for jobs that are due"}
	var due bool // whether this round looks for them
	for {
		select {
		case <-w.claiming.Done():
			return
		case <-ticker.C:
			due = true
		case <-w.woken:
			w.signal() // jobs without a group need no round
		}
		var err error
		if due {
			due, err = w.readyDue()
		}
		groups, err2 := w.queries.ActivateJobGroups(w.claiming)
		if err == nil {
			err = err2
		}
		o.note(w.claiming, err)
		w.signal()
		if due || groups >= groupChunk {
			w.Wake()
		}
		sleep(w.claiming, pause)
	}
}

func (w *Workers) signal() {
	for _, c := range w.crews {
		c.signal()
	}
}

// readyDue reports whether more may be due.
func (w *Workers) readyDue() (more bool, err error) {
	expired, err := w.queries.ExpireJobs(w.claiming)
	if err != nil {
		return false, err
	}
	for _, e := range expired {
		w.logExpired(e)
	}
	ready, err := w.queries.ReadyDueJobs(w.claiming)
	if err != nil || ready < dueChunk {
		return false, err
	}
	_, err = w.queries.ReadyDueJobsOfEachTenant(w.claiming)
	return err == nil, err
}

func (w *Workers) logExpired(e db.ExpireJobsRow) {
	if !e.Ran {
		return // the broker has lost a message, or is slow
	}
	w.config.Logger.WarnContext(w.claiming, "job: its worker is gone; it runs again", "job", e.ID, "kind", e.Kind,
		"tenant", e.TenantID, "worker", e.Worker, "attempt", e.Attempts)
}

// cleanEvery is how often finished jobs are deleted. Several processes may do it
// at once; each takes other rows.
const cleanEvery = time.Minute

// clean deletes finished jobs past their retention, and groups without jobs.
func (w *Workers) clean() {
	ticker := time.NewTicker(cleanEvery)
	defer ticker.Stop()
	o := outage{logger: w.config.Logger, what: "deleting finished jobs"}
	for {
		select {
		case <-w.claiming.Done():
			return
		case <-ticker.C:
			o.note(w.claiming, Clean(w.claiming, w.config.Pool, w.config.Retention))
		}
	}
}

// Clean deletes the jobs that have been finished for the retention, and with
// them their keys. Workers do it all the time.
func Clean(ctx context.Context, tx db.DBTX, retention time.Duration) error {
	queries := db.New(tx)
	for deleted := int64(1); deleted > 0; {
		var err error
		if deleted, err = queries.DeleteFinishedJobs(ctx, interval(retention)); err != nil {
			return err
		}
	}
	for deleted := int64(1); deleted > 0; {
		var err error
		if deleted, err = queries.DeleteEmptyJobGroups(ctx); err != nil {
			return err
		}
	}
	return nil
}
