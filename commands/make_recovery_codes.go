package commands

import (
	"time"

	"tansu.cloud/domain/identity/permission"
	"tansu.cloud/domain/identity/user"
)

// MakeRecoveryCodes replaces a user's recovery codes by a set that has been
// stored before.
type MakeRecoveryCodes struct{ SetID string }

func makeRecoveryCodes(p *pipeline) Handler[MakeRecoveryCodes, user.State] {
	return handle(p, userUseCase[MakeRecoveryCodes]{
		name:       "MakeRecoveryCodes",
		permission: permission.Self,
		aggregate:  users,
		command: func(r Request[MakeRecoveryCodes], now time.Time) user.Command {
			return user.MakeRecoveryCodes{SetID: r.Command.SetID, At: now}
		},
	})
}
