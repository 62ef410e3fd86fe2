package commands

import (
	"time"

	"tansu.cloud/domain/identity/permission"
	"tansu.cloud/domain/identity/user"
)

// AddPasskey lets a user sign in with a key that has been stored before.
type AddPasskey struct {
	PasskeyID string
	Name      string
}

func addPasskey(p *pipeline) Handler[AddPasskey, user.State] {
	return handle(p, userUseCase[AddPasskey]{
		name:       "AddPasskey",
		permission: permission.Self,
		aggregate:  users,
		command: func(r Request[AddPasskey], now time.Time) user.Command {
			return user.AddPasskey{PasskeyID: r.Command.PasskeyID, Name: r.Command.Name, At: now}
		},
	})
}
