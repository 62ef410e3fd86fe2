package commands

import "tansu.cloud/domain/job"

// PermissionManageJobs is needed to decide about dead jobs.
const PermissionManageJobs = "jobs.manage"

var jobs = aggregate[job.State, job.Command, job.Event]{
	streamType:   job.StreamType,
	stateVersion: job.StateVersion,
	decide:       job.Decide,
	apply:        job.Apply,
}

type jobUseCase[In any] = useCase[In, job.State, job.Command, job.Event]
