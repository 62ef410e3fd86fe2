package commands

import (
	"time"

	"tansu.cloud/domain/projection"
)

// ResumeProjection lets a paused projection apply events again.
type ResumeProjection struct{ Reason string }

func resumeProjection(p *pipeline) Handler[ResumeProjection, projection.State] {
	return handle(p, projectionUseCase[ResumeProjection]{
		name:       "ResumeProjection",
		permission: PermissionManageProjections,
		aggregate:  projections,
		reason:     func(c ResumeProjection) string { return c.Reason },
		command: func(r Request[ResumeProjection], _ time.Time) projection.Command {
			return projection.Resume(r.Command)
		},
	})
}
