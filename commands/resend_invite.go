package commands

import (
	"context"
	"time"

	"tansu.cloud/domain/identity/invite"
)

// ResendInvite replaces an open invite's token, which has been stored before, and
// begins its time anew. Whoever gets to see the token could use it, so they must
// be allowed all that it leads to.
type ResendInvite struct{ TokenID string }

func resendInvite(p *pipeline) Handler[ResendInvite, invite.State] {
	return handle(p, inviteUseCase[ResendInvite]{
		name:       "ResendInvite",
		permission: PermissionManageInvites,
		aggregate:  invites,
		command: func(r Request[ResendInvite], now time.Time) invite.Command {
			return invite.Resend{TokenID: r.Command.TokenID, At: now}
		},
		check: func(ctx context.Context, r Request[ResendInvite], before invite.State, _ []invite.Event) error {
			return p.mayActAs(ctx, r.Tenant, r.Caller, before.Roles)
		},
	})
}
