package commands

import (
	"time"

	"tansu.cloud/domain/projection"
)

// ParkStream sets a stream aside because one of its events failed.
type ParkStream projection.ParkStream

func parkStream(p *pipeline) Handler[ParkStream, projection.State] {
	return handle(p, projectionUseCase[ParkStream]{
		name:       "ParkStream",
		permission: PermissionRunProjections,
		aggregate:  projections,
		command: func(r Request[ParkStream], _ time.Time) projection.Command {
			return projection.ParkStream(r.Command)
		},
	})
}
