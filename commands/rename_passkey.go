package commands

import (
	"time"

	"tansu.cloud/domain/identity/permission"
	"tansu.cloud/domain/identity/user"
)

// RenamePasskey gives a user's passkey another name.
type RenamePasskey struct {
	PasskeyID string
	Name      string
}

func renamePasskey(p *pipeline) Handler[RenamePasskey, user.State] {
	return handle(p, userUseCase[RenamePasskey]{
		name:       "RenamePasskey",
		permission: permission.Self,
		aggregate:  users,
		command: func(r Request[RenamePasskey], now time.Time) user.Command {
			return user.RenamePasskey{PasskeyID: r.Command.PasskeyID, Name: r.Command.Name, At: now}
		},
	})
}
