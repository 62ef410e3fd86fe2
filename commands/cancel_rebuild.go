package commands

import (
	"time"

	"tansu.cloud/domain/projection"
)

// CancelRebuild gives up the generation that is being filled.
type CancelRebuild struct{ Reason string }

func cancelRebuild(p *pipeline) Handler[CancelRebuild, projection.State] {
	return handle(p, projectionUseCase[CancelRebuild]{
		name:       "CancelRebuild",
		permission: PermissionManageProjections,
		aggregate:  projections,
		reason:     func(c CancelRebuild) string { return c.Reason },
		command: func(r Request[CancelRebuild], _ time.Time) projection.Command {
			return projection.CancelRebuild(r.Command)
		},
	})
}
