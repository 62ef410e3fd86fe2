package commands

import (
	"time"

	"tansu.cloud/domain/job"
)

// DiscardJob gives a dead job up; it needs a reason. The stream is the job's id.
type DiscardJob struct {
	Death  job.Death
	Reason string
}

func discardJob(p *pipeline) Handler[DiscardJob, job.State] {
	return handle(p, jobUseCase[DiscardJob]{
		name:       "DiscardJob",
		permission: PermissionManageJobs,
		aggregate:  jobs,
		reason:     func(c DiscardJob) string { return c.Reason },
		command: func(r Request[DiscardJob], _ time.Time) job.Command {
			return job.Discard{Death: r.Command.Death, Reason: r.Command.Reason}
		},
	})
}
