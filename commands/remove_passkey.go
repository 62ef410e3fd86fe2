package commands

import (
	"time"

	"tansu.cloud/domain/identity/permission"
	"tansu.cloud/domain/identity/user"
)

// RemovePasskey makes a user's passkey useless.
type RemovePasskey struct {
	PasskeyID string
	Reason    string
}

func removePasskey(p *pipeline) Handler[RemovePasskey, user.State] {
	return handle(p, userUseCase[RemovePasskey]{
		name:       "RemovePasskey",
		permission: permission.Self,
		aggregate:  users,
		reason:     func(c RemovePasskey) string { return c.Reason },
		command: func(r Request[RemovePasskey], now time.Time) user.Command {
			return user.RemovePasskey{PasskeyID: r.Command.PasskeyID, Reason: r.Command.Reason, At: now}
		},
	})
}
