package commands

import (
	"time"

	"tansu.cloud/domain/projection"
)

// SwitchProjection makes a generation the one that readers see.
type SwitchProjection struct{ Generation, Version int }

func switchProjection(p *pipeline) Handler[SwitchProjection, projection.State] {
	return handle(p, projectionUseCase[SwitchProjection]{
		name:       "SwitchProjection",
		permission: PermissionRunProjections,
		aggregate:  projections,
		command: func(r Request[SwitchProjection], _ time.Time) projection.Command {
			return projection.Switch{Name: r.Stream, Generation: r.Command.Generation, Version: r.Command.Version}
		},
	})
}
