package commands

import (
	"slices"
	"time"

	"tansu.cloud/domain/projection"
)

// StartRebuild begins to fill a new generation of a projection's tables beside
// the one that serves; Version 0 means the version that serves.
type StartRebuild struct {
	Version int
	Reason  string
}

func startRebuild(p *pipeline) Handler[StartRebuild, projection.State] {
	return handle(p, projectionUseCase[StartRebuild]{
		name:       "StartRebuild",
		permission: PermissionManageProjections,
		aggregate:  projections,
		reason:     func(c StartRebuild) string { return c.Reason },
		command: func(r Request[StartRebuild], _ time.Time) projection.Command {
			return projection.StartRebuild{Version: r.Command.Version, Reason: r.Command.Reason, Saga: slices.Contains(p.sagas, r.Stream)}
		},
	})
}
