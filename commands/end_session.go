package commands

import (
	"time"

	"tansu.cloud/domain/identity/session"
)

// EndSession signs a user out of one session. Callers who only look after
// themselves have made sure that it is theirs.
type EndSession struct{ Reason string }

func endSession(p *pipeline) Handler[EndSession, session.State] {
	return handle(p, sessionUseCase[EndSession]{
		name:       "EndSession",
		permission: PermissionManageUsers,
		self:       true,
		aggregate:  sessions,
		reason:     func(c EndSession) string { return c.Reason },
		command: func(r Request[EndSession], now time.Time) session.Command {
			return session.End{Reason: r.Command.Reason, At: now}
		},
	})
}
