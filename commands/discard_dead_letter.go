package commands

import (
	"time"

	"tansu.cloud/domain/projection"
)

// DiscardDeadLetter gives up a parked stream's events up to the checkpoint; it
// needs a reason.
type DiscardDeadLetter struct{ DeadLetterID, Reason string }

func discardDeadLetter(p *pipeline) Handler[DiscardDeadLetter, projection.State] {
	return handle(p, projectionUseCase[DiscardDeadLetter]{
		name:       "DiscardDeadLetter",
		permission: PermissionManageDeadLetters,
		aggregate:  projections,
		reason:     func(c DiscardDeadLetter) string { return c.Reason },
		command: func(r Request[DiscardDeadLetter], _ time.Time) projection.Command {
			return projection.Discard(r.Command)
		},
	})
}
