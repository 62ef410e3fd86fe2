package commands

import (
	"time"

	"tansu.cloud/domain/identity/user"
)

// RenameUser gives a user another name.
type RenameUser struct{ Name string }

func renameUser(p *pipeline) Handler[RenameUser, user.State] {
	return handle(p, userUseCase[RenameUser]{
		name:       "RenameUser",
		permission: PermissionManageUsers,
		self:       true,
		aggregate:  users,
		command: func(r Request[RenameUser], now time.Time) user.Command {
			return user.Rename{Name: r.Command.Name, At: now}
		},
	})
}
