package commands

import (
	"time"

	"tansu.cloud/domain/identity/user"
)

// EnableUser lets a disabled user in again.
type EnableUser struct{ Reason string }

func enableUser(p *pipeline) Handler[EnableUser, user.State] {
	return handle(p, userUseCase[EnableUser]{
		name:       "EnableUser",
		permission: PermissionManageUsers,
		aggregate:  users,
		reason:     func(c EnableUser) string { return c.Reason },
		command: func(r Request[EnableUser], now time.Time) user.Command {
			return user.Enable{Reason: r.Command.Reason, At: now}
		},
	})
}
