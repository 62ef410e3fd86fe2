package commands

import (
	"time"

	"tansu.cloud/domain/projection"
)

// ResolveStream closes a dead letter whose events are applied.
type ResolveStream struct {
	DeadLetterID string
	Applied      int64
}

func resolveStream(p *pipeline) Handler[ResolveStream, projection.State] {
	return handle(p, projectionUseCase[ResolveStream]{
		name:       "ResolveStream",
		permission: PermissionRunProjections,
		aggregate:  projections,
		command: func(r Request[ResolveStream], _ time.Time) projection.Command {
			return projection.ResolveStream(r.Command)
		},
	})
}
