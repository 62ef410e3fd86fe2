package commands

import (
	"time"

	"tansu.cloud/domain/identity/permission"
	"tansu.cloud/domain/identity/user"
)

// EnableTOTP asks a user for a code of an authenticator app at each sign-in. Its
// secret and the recovery codes have been stored before.
type EnableTOTP struct {
	TOTPID string
	SetID  string // of the recovery codes
}

func enableTOTP(p *pipeline) Handler[EnableTOTP, user.State] {
	return handle(p, userUseCase[EnableTOTP]{
		name:       "EnableTOTP",
		permission: permission.Self,
		aggregate:  users,
		command: func(r Request[EnableTOTP], now time.Time) user.Command {
			return user.EnableTOTP{TOTPID: r.Command.TOTPID, SetID: r.Command.SetID, At: now}
		},
	})
}
