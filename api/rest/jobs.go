package rest

import (
	"context"
	"net/http"
	"time"

	"github.com/google/uuid"

	"tansu.cloud/domain/job"
)

// Jobs answers questions about a tenant's jobs. What is decided about them is
// sent as commands.
type Jobs interface {
	// Get returns one job or job.ErrNotFound.
	Get(ctx context.Context, tenant, id uuid.UUID) (Job, error)
	// List returns jobs, the newest first.
	List(ctx context.Context, tenant uuid.UUID, q JobQuery) (jobs []Job, more bool, err error)
	// Dead returns dead jobs in the order of their enqueueing.
	Dead(ctx context.Context, tenant uuid.UUID, q DeadJobQuery) (jobs []Job, more bool, err error)
}

// JobQuery selects jobs.
type JobQuery struct {
	State, Kind string    // empty: all
	Before      uuid.UUID // only those enqueued before this one; nil: all
	Limit       int
}

// DeadJobQuery selects dead jobs.
type DeadJobQuery struct {
	Kind      string    // empty: all
	DiedUntil time.Time // zero: all
	Limit     int
}

// jobOrders is the saga that carries out what is decided about jobs.
const jobOrders = "job_orders"

// Job is a piece of work as clients see it. Its payload is not theirs to see: it
// may hold anything.
type Job struct {
	ID         string     `json:"id" doc:"UUID of the job." example:"01926a3f-3333-7c4b-9a51-3f0c1b2d4e5f"`
	Kind       string     `json:"kind" doc:"What kind of work." example:"webhook.deliver"`
	Key        string     `json:"key" doc:"Names the work within its kind; a second job with the same key is not taken." example:"01926a3e-2222-7c4b-9a51-3f0c1b2d4e5f/42"`
	Group      string     `json:"group,omitempty" doc:"Jobs of a group run one after the other." example:"01926a3e-2222-7c4b-9a51-3f0c1b2d4e5f/order/17"`
	State      string     `json:"state" enum:"waiting,scheduled,ready,dispatched,running,done,dead,discarded" doc:"Where it stands: waiting for others of its group; scheduled for run_at; ready for a worker; dispatched to one; running; done; dead when its attempts are used up; discarded by somebody." example:"dead"`
	Attempts   int        `json:"attempts" doc:"How often it was tried since it was last re-driven." example:"8"`
	Claims     int64      `json:"claims" doc:"How often workers have ever claimed it." example:"8"`
	RunAt      time.Time  `json:"run_at" doc:"Not tried before." example:"2026-01-31T12:00:00Z"`
	EnqueuedAt time.Time  `json:"enqueued_at" doc:"When it was asked for." example:"2026-01-31T12:00:00Z"`
	FinishedAt *time.Time `json:"finished_at,omitempty" doc:"When it was done, died or was discarded." example:"2026-02-01T12:00:00Z"`
	LastError  string     `json:"last_error,omitempty" doc:"Why its last attempt failed." example:"the address answered 500"`
}

// JobList is a page of jobs.
type JobList struct {
	Items      []Job  `json:"items" doc:"The jobs, newest first."`
	NextCursor string `json:"next_cursor,omitempty" doc:"Opens the next page; absent at the end." example:"Zm9v"`
}

type listJobsInput struct {
	ReadHeaders
	State string `query:"state" enum:"waiting,scheduled,ready,dispatched,running,done,dead,discarded" doc:"Only those in this state." example:"dead"`
	Kind  string `query:"kind" maxLength:"100" doc:"Only those of this kind." example:"webhook.deliver"`
	PageQuery
}

type jobOutput struct{ Body Job }

func (s *server) jobRoutes() {
	read := route{permission: "jobs.read", tenant: true}
	register(s, endpoint{
		route: read, id: "list-jobs", method: http.MethodGet, path: "/v1/jobs", tag: "Jobs",
		summary: "List jobs", description: "A page of the tenant's jobs: work with effects outside, such as the delivery of webhooks. Finished ones are kept for a week.",
	}, s.listJobs)
	register(s, endpoint{
		route: read, id: "get-job", method: http.MethodGet, path: "/v1/jobs/{id}", tag: "Jobs",
		summary: "Read a job", description: "One job, with the error of its last attempt.",
	}, func(ctx context.Context, in *struct {
		IDPath
		ReadHeaders
	}) (*jobOutput, error) {
		if err := s.awaitReadModel(ctx, in.ReadHeaders, jobOrders, callOf(ctx).tenant); err != nil {
			return nil, err
		}
		found, err := s.job(ctx, in.IDPath)
		return &jobOutput{found}, err
	})
	s.jobCommands()
}

func (s *server) job(ctx context.Context, path IDPath) (Job, error) {
	id, err := uuid.Parse(path.ID)
	if err != nil {
		return Job{}, job.ErrNotFound
	}
	return s.Jobs.Get(ctx, callOf(ctx).tenant, id)
}

func (s *server) listJobs(ctx context.Context, in *listJobsInput) (*listed[JobList], error) {
	c := callOf(ctx)
	if err := s.awaitReadModel(ctx, in.ReadHeaders, jobOrders, c.tenant); err != nil {
		return nil, err
	}
	query := []string{c.pattern, c.tenant.String(), in.State, in.Kind}
	q := JobQuery{State: in.State, Kind: in.Kind, Limit: in.Limit}
	from, err := s.cursors.begin(in.Cursor, query...)
	if err != nil {
		return nil, err
	}
	q.Before = from.ID
	found, more, err := s.Jobs.List(ctx, c.tenant, q)
	if err != nil {
		return nil, err
	}
	out := &listed[JobList]{PageHeaders: PageHeaders{Position: in.MinPosition}, Body: JobList{Items: append([]Job{}, found...)}}
	if more {
		out.Body.NextCursor = s.cursors.seal(bookmark{ID: uuid.MustParse(found[len(found)-1].ID)}, query...)
		out.Link = nextLink(c, out.Body.NextCursor)
	}
	return out, nil
}
