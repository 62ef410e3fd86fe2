package commands

import (
	"time"

	"tansu.cloud/domain/projection"
)

// RedriveDeadLetter asks to apply a parked stream's events again.
type RedriveDeadLetter struct{ DeadLetterID string }

func redriveDeadLetter(p *pipeline) Handler[RedriveDeadLetter, projection.State] {
	return handle(p, projectionUseCase[RedriveDeadLetter]{
		name:       "RedriveDeadLetter",
		permission: PermissionManageDeadLetters,
		aggregate:  projections,
		command: func(r Request[RedriveDeadLetter], _ time.Time) projection.Command {
			return projection.RequestRedrive(r.Command)
		},
	})
}
