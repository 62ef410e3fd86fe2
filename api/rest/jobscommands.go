package rest

import (
	"context"
	"net/http"
	"time"

	"tansu.cloud/commands"
	"tansu.cloud/domain/job"
	"tansu.cloud/eventstore"
)

// JobOrder is what was decided about a dead job.
type JobOrder struct {
	ID    string `json:"id" doc:"UUID of the job." example:"01926a3f-3333-7c4b-9a51-3f0c1b2d4e5f"`
	Kind  string `json:"kind" doc:"What kind of work." example:"webhook.deliver"`
	Key   string `json:"key" doc:"Names the work within its kind." example:"01926a3e-2222-7c4b-9a51-3f0c1b2d4e5f/42"`
	Order string `json:"order" enum:"redrive,discard" doc:"What was decided." example:"redrive"`
}

// RedriveJobsBody selects dead jobs.
type RedriveJobsBody struct {
	Kind      string    `json:"kind,omitempty" maxLength:"100" doc:"Only those of this kind." example:"webhook.deliver"`
	DiedUntil time.Time `json:"died_until,omitzero" doc:"Only those that had died by then: what dies again meanwhile is not taken again." example:"2026-01-31T12:00:00Z"`
	Limit     int       `json:"limit,omitempty" minimum:"1" maximum:"200" doc:"The most to re-drive with this request; 50 if not given." example:"50"`
}

func (s *server) jobCommands() {
	access := route{permission: commands.PermissionManageJobs, tenant: true}
	register(s, endpoint{
		route: access, id: "redrive-job", method: http.MethodPost, path: "/v1/jobs/{id}/redrive", tag: "Jobs",
		summary: "Re-drive a job", description: "Lets a dead job run again, with all its attempts; its group goes on behind it. Use it after the cause is fixed.",
	}, func(ctx context.Context, in *struct {
		IDPath
		ChangeHeaders
	}) (*changed[JobOrder], error) {
		return sendToJob(ctx, s, s.Commands.RedriveJob, in.IDPath, in.ChangeHeaders, "redrive",
			func(d job.Death) commands.RedriveJob { return commands.RedriveJob{Death: d} })
	})
	register(s, endpoint{
		route: access, id: "discard-job", method: http.MethodPost, path: "/v1/jobs/{id}/discard", tag: "Jobs",
		summary: "Discard a job", description: "Gives a dead job up; its group goes on without it. That cannot be taken back.",
	}, func(ctx context.Context, in *struct {
		IDPath
		ChangeHeaders
		Body ReasonBody
	}) (*changed[JobOrder], error) {
		return sendToJob(ctx, s, s.Commands.DiscardJob, in.IDPath, in.ChangeHeaders, "discard",
			func(d job.Death) commands.DiscardJob {
				return commands.DiscardJob{Death: d, Reason: in.Body.Reason}
			})
	})
	register(s, endpoint{
		route: access, id: "redrive-jobs", method: http.MethodPost, path: "/v1/jobs/redrive", tag: "Jobs",
		summary: "Re-drive many jobs",
		description: "Lets dead jobs run again, in the order in which they were enqueued, up to a limit. Each is a command of its own. " +
			"The body may be left out. Repeated with the same Idempotency-Key, the request re-drives no others but counts those of the first time.",
	}, s.redriveJobs)
}

func sendToJob[C any](ctx context.Context, s *server, handler commands.Handler[C, job.State],
	path IDPath, h ChangeHeaders, what string, command func(job.Death) C) (*changed[JobOrder], error) {
	found, err := s.job(ctx, path)
	if err != nil {
		return nil, err
	}
	sent, err := send(ctx, s, handler, h, http.StatusOK, jobOrder(ctx, found, command(death(found))))
	if err != nil {
		return nil, err
	}
	return &changed[JobOrder]{sent.status, sent.Written, JobOrder{found.ID, found.Kind, found.Key, what}}, nil
}

func death(j Job) job.Death {
	return job.Death{ID: j.ID, Kind: j.Kind, Key: j.Key, Claim: j.Claims, Dead: j.State == "dead"}
}

func jobOrder[C any](ctx context.Context, j Job, command C) order[C] {
	return order[C]{
		tenant:     callOf(ctx).tenant,
		stream:     eventstore.Stream{Type: job.StreamType, ID: j.ID},
		command:    command,
		readModels: []string{jobOrders},
	}
}

func (s *server) redriveJobs(ctx context.Context, in *struct {
	CommandHeaders
	Body *RedriveJobsBody
}) (*redriveOutput, error) {
	selection := RedriveJobsBody{Limit: redriveDefault}
	if in.Body != nil {
		selection = *in.Body
		if selection.Limit == 0 {
			selection.Limit = redriveDefault
		}
	}
	tenant := callOf(ctx).tenant
	return redrive[Job, commands.RedriveJob, job.State]{
		tenant: tenant, limit: selection.Limit,
		find:    func() ([]Job, bool, error) { return s.Jobs.Dead(ctx, tenant, DeadJobQuery(selection)) },
		handler: s.Commands.RedriveJob,
		order: func(j Job) order[commands.RedriveJob] {
			return jobOrder(ctx, j, commands.RedriveJob{Death: death(j)})
		},
		readModel: jobOrders, gone: job.ErrNotDead,
	}.send(ctx, s, in.CommandHeaders)
}
