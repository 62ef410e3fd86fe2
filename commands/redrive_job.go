package commands

import (
	"time"

	"tansu.cloud/domain/job"
)

// RedriveJob lets a dead job run again. The stream is the job's id.
type RedriveJob struct{ Death job.Death }

func redriveJob(p *pipeline) Handler[RedriveJob, job.State] {
	return handle(p, jobUseCase[RedriveJob]{
		name:       "RedriveJob",
		permission: PermissionManageJobs,
		aggregate:  jobs,
		command: func(r Request[RedriveJob], _ time.Time) job.Command {
			return job.Redrive{Death: r.Command.Death}
		},
	})
}
