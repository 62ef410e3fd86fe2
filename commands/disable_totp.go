package commands

import (
	"time"

	"tansu.cloud/domain/identity/permission"
	"tansu.cloud/domain/identity/user"
)

// DisableTOTP asks a user for codes no longer.
type DisableTOTP struct{ Reason string }

func disableTOTP(p *pipeline) Handler[DisableTOTP, user.State] {
	return handle(p, userUseCase[DisableTOTP]{
		name:       "DisableTOTP",
		permission: permission.Self,
		aggregate:  users,
		reason:     func(c DisableTOTP) string { return c.Reason },
		command: func(r Request[DisableTOTP], now time.Time) user.Command {
			return user.DisableTOTP{Reason: r.Command.Reason, At: now}
		},
	})
}
