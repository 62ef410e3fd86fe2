package commands

import (
	"context"
	"time"

	"tansu.cloud/domain/identity/invite"
	"tansu.cloud/domain/identity/member"
	"tansu.cloud/domain/identity/permission"
	"tansu.cloud/domain/identity/user"
	"tansu.cloud/domain/tenant"
	"tansu.cloud/eventstore"
)

// AcceptInvite makes an active user a member with the invite's roles, in one
// append. The caller has seen the invite's token; the user must have the address
// that it was sent to. The address is destroyed with it: the member's own is
// sealed for the member.
type AcceptInvite struct {
	UserID string

	emailIndex string
}

func acceptInvite(p *pipeline) Handler[AcceptInvite, invite.State] {
	return handle(p, inviteUseCase[AcceptInvite]{
		name:       "AcceptInvite",
		permission: permission.Self,
		aggregate:  invites,
		prepare: func(ctx context.Context, r *Request[AcceptInvite]) error {
			u, err := p.activeUser(ctx, r.Command.UserID, user.ErrNotActive)
			r.Command.emailIndex = u.EmailIndex
			return err
		},
		command: func(r Request[AcceptInvite], now time.Time) invite.Command {
			return invite.Accept{UserID: r.Command.UserID, EmailIndex: r.Command.emailIndex, At: now}
		},
		check: func(ctx context.Context, r Request[AcceptInvite], _ invite.State, _ []invite.Event) error {
			return p.admits(ctx, r.Tenant, tenant.QuotaMembers)
		},
		erases: func(r Request[AcceptInvite]) []string { return []string{r.Stream} },
		beside: func(ctx context.Context, r Request[AcceptInvite], now time.Time, before invite.State, _ []invite.Event) ([]eventstore.StreamWrite, error) {
			id := r.Command.UserID
			writes, err := writeBeside(ctx, p, members, r.Tenant, id,
				member.Command(member.Add{UserID: id, Roles: before.Roles, InviteID: before.ID, At: now}))
			if err != nil {
				return nil, err
			}
			owners, err := p.changeOwnership(ctx, r.Tenant, id, nil, before.Roles, now)
			return append(writes, owners...), err
		},
	})
}
