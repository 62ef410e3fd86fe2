package main

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"tansu.cloud/api/rest"
	"tansu.cloud/domain/job"
	"tansu.cloud/platform/bus/jobs"
)

// jobQueries shows the job queue to the interface in the interface's words.
type jobQueries struct{ queue *jobs.Queue }

var _ rest.Jobs = jobQueries{}

func (q jobQueries) Get(ctx context.Context, tenant, id uuid.UUID) (rest.Job, error) {
	r, err := q.queue.Get(ctx, tenant, id)
	if errors.Is(err, jobs.ErrNotFound) {
		err = job.ErrNotFound
	}
	return jobView(r), err
}

func (q jobQueries) List(ctx context.Context, tenant uuid.UUID, l rest.JobQuery) ([]rest.Job, bool, error) {
	records, more, err := q.queue.List(ctx, tenant, jobs.ListQuery(l))
	return jobViews(records), more, err
}

func (q jobQueries) Dead(ctx context.Context, tenant uuid.UUID, d rest.DeadJobQuery) ([]rest.Job, bool, error) {
	records, more, err := q.queue.Dead(ctx, tenant, jobs.DeadQuery(d))
	return jobViews(records), more, err
}

func jobViews(records []jobs.Record) []rest.Job {
	views := make([]rest.Job, len(records))
	for i, r := range records {
		views[i] = jobView(r)
	}
	return views
}

func jobView(r jobs.Record) rest.Job {
	view := rest.Job{
		ID: r.ID.String(), Kind: r.Kind, Key: r.Key, Group: r.Group, State: r.State, Attempts: r.Attempts, Claims: r.Claims,
		RunAt: r.RunAt.UTC(), EnqueuedAt: r.EnqueuedAt.UTC(), LastError: r.LastError,
	}
	if !r.FinishedAt.IsZero() {
		finished := r.FinishedAt.UTC()
		view.FinishedAt = &finished
	}
	return view
}
