package commands

import "tansu.cloud/domain/projection"

// Permissions of the commands on projections.
const (
	PermissionManageProjections = "projections.manage"
	PermissionManageDeadLetters = "dead_letters.manage"
	// PermissionRunProjections belongs to the projection runner alone.
	PermissionRunProjections = "projections.run"
)

var projections = aggregate[projection.State, projection.Command, projection.Event]{
	streamType:   projection.StreamType,
	stateVersion: projection.StateVersion,
	systemOnly:   true,
	decide:       projection.Decide,
	apply:        projection.Apply,
}

type projectionUseCase[In any] = useCase[In, projection.State, projection.Command, projection.Event]
