package commands

import (
	"time"

	"tansu.cloud/domain/identity/invite"
)

// RevokeInvite takes an open invite back, and destroys the address that it was
// sent to.
type RevokeInvite struct{ Reason string }

func revokeInvite(p *pipeline) Handler[RevokeInvite, invite.State] {
	return handle(p, inviteUseCase[RevokeInvite]{
		name:       "RevokeInvite",
		permission: PermissionManageInvites,
		aggregate:  invites,
		reason:     func(c RevokeInvite) string { return c.Reason },
		command: func(r Request[RevokeInvite], now time.Time) invite.Command {
			return invite.Revoke{Reason: r.Command.Reason, At: now}
		},
		erases: func(r Request[RevokeInvite]) []string { return []string{r.Stream} },
	})
}
