package commands

import (
	"time"

	"tansu.cloud/domain/projection"
)

// PauseProjection stops a projection from applying events.
type PauseProjection struct{ Reason string }

func pauseProjection(p *pipeline) Handler[PauseProjection, projection.State] {
	return handle(p, projectionUseCase[PauseProjection]{
		name:       "PauseProjection",
		permission: PermissionManageProjections,
		aggregate:  projections,
		reason:     func(c PauseProjection) string { return c.Reason },
		command: func(r Request[PauseProjection], _ time.Time) projection.Command {
			return projection.Pause(r.Command)
		},
	})
}
