package commands

import (
	"time"

	"tansu.cloud/domain/identity/user"
)

// VerifyEmail notes that a user has shown that their address is theirs.
type VerifyEmail struct{}

func verifyEmail(p *pipeline) Handler[VerifyEmail, user.State] {
	return handle(p, userUseCase[VerifyEmail]{
		name:       "VerifyEmail",
		permission: PermissionManageUsers,
		self:       true,
		aggregate:  users,
		command: func(_ Request[VerifyEmail], now time.Time) user.Command {
			return user.VerifyEmail{At: now}
		},
	})
}
