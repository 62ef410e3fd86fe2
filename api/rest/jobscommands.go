package rest

import (
	"context"
	"errors"
	"net/http"
	"strconv"
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

// RedriveJobsResult counts.
type RedriveJobsResult struct {
	Requested int  `json:"requested" doc:"How many run again." example:"50"`
	More      bool `json:"more" doc:"Whether more are dead; send another request, with another Idempotency-Key." example:"true"`
}

type redriveJobsOutput struct {
	Status    int
	Position  int64  `header:"Tansu-Position" doc:"The position in the tenant's log from which on all of it can be read." example:"42"`
	Replayed  string `header:"Idempotency-Replayed" doc:"true, if an earlier request with the same key re-drove these." example:"true"`
	ReadModel string `header:"Tansu-Read-Model" doc:"pending, if the jobs were not made ready in time; they will be." example:"pending"`
	Applied   string `header:"Preference-Applied" doc:"Which preference of Prefer was followed." example:"wait=5"`
	Body      RedriveJobsResult
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

type redriveJobsInput struct {
	CommandHeaders
	Body *RedriveJobsBody
}

// redriveJobs sends one command for each job, as redriveMany does for dead
// letters.
func (s *server) redriveJobs(ctx context.Context, in *redriveJobsInput) (*redriveJobsOutput, error) {
	selection := RedriveJobsBody{Limit: redriveDefault}
	if in.Body != nil {
		selection = *in.Body
		if selection.Limit == 0 {
			selection.Limit = redriveDefault
		}
	}
	preferences, err := s.parsePrefer(in.Prefer)
	if err != nil {
		return nil, err
	}
	out := &redriveJobsOutput{Status: http.StatusOK, Applied: preferences.applied()}
	if preferences.async {
		out.Status = http.StatusAccepted
	}
	tenant := callOf(ctx).tenant
	before, position, err := s.sentBefore(ctx, in.IdempotencyKey, tenant, selection.Limit)
	if err != nil {
		return nil, err
	}
	dead, more, err := s.Jobs.Dead(ctx, tenant, DeadJobQuery(selection))
	if err != nil {
		return nil, err
	}
	if before > 0 {
		out.Replayed, out.Position, out.Body = "true", position, RedriveJobsResult{Requested: before, More: len(dead) > 0}
		return out, nil
	}
	out.Body.More = more
	headers := ChangeHeaders{CommandHeaders: CommandHeaders{IdempotencyKey: in.IdempotencyKey, Prefer: "respond-async"}}
	for _, one := range dead {
		o := jobOrder(ctx, one, commands.RedriveJob{Death: death(one)})
		o.part = strconv.Itoa(out.Body.Requested)
		sent, err := send(ctx, s, s.Commands.RedriveJob, headers, http.StatusOK, o)
		if errors.Is(err, job.ErrNotDead) {
			continue // somebody has given it up in this moment
		}
		if err != nil {
			return nil, err
		}
		out.Body.Requested++
		out.Position = max(out.Position, sent.Position)
	}
	if !preferences.async && out.Position > 0 && !s.settle(ctx, preferences, []string{jobOrders}, tenant, out.Position) {
		out.ReadModel = "pending"
	}
	return out, nil
}
