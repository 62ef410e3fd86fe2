package commands

import (
	"context"
	"time"

	"tansu.cloud/domain/identity/user"
)

// DisableUser keeps a user out until further notice; it needs a reason.
type DisableUser struct{ Reason string }

func disableUser(p *pipeline) Handler[DisableUser, user.State] {
	return handle(p, userUseCase[DisableUser]{
		name:       "DisableUser",
		permission: PermissionManageUsers,
		aggregate:  users,
		reason:     func(c DisableUser) string { return c.Reason },
		command: func(r Request[DisableUser], now time.Time) user.Command {
			return user.Disable{Reason: r.Command.Reason, At: now}
		},
		check: func(ctx context.Context, r Request[DisableUser], _ user.State, _ []user.Event) error {
			return p.mayLookAfter(ctx, r.Caller, r.Stream)
		},
	})
}
