package commands

import (
	"context"
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
		check: func(ctx context.Context, r Request[EnableUser], _ user.State, _ []user.Event) error {
			return p.mayLookAfter(ctx, r.Caller, r.Stream)
		},
	})
}
