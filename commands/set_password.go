package commands

import (
	"time"

	"tansu.cloud/domain/identity/permission"
	"tansu.cloud/domain/identity/user"
)

// SetPassword replaces a user's password, which has been stored before. Only the
// user does that.
type SetPassword struct{ PasswordID string }

func setPassword(p *pipeline) Handler[SetPassword, user.State] {
	return handle(p, userUseCase[SetPassword]{
		name:       "SetPassword",
		permission: permission.Self,
		aggregate:  users,
		command: func(r Request[SetPassword], now time.Time) user.Command {
			return user.SetPassword{PasswordID: r.Command.PasswordID, At: now}
		},
	})
}
