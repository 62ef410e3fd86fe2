package commands

import (
	"context"
	"time"

	"tansu.cloud/domain/identity/invite"
	"tansu.cloud/domain/tenant"
)

// CreateInvite invites whoever reads mail at an address to become a member of
// the request's tenant. The token has been stored before, under the given id. A
// request without a stream id gets a new one.
type CreateInvite struct {
	Email   string
	Roles   []string
	TokenID string
}

func createInvite(p *pipeline) Handler[CreateInvite, invite.State] {
	return handle(p, inviteUseCase[CreateInvite]{
		name:       "CreateInvite",
		permission: PermissionManageInvites,
		aggregate:  invites,
		creates:    true,
		command: func(r Request[CreateInvite], now time.Time) invite.Command {
			c := r.Command
			return invite.Create{ID: r.Stream, Email: c.Email, EmailIndex: p.indexOf(c.Email), Roles: c.Roles, TokenID: c.TokenID, At: now}
		},
		check: func(ctx context.Context, r Request[CreateInvite], _ invite.State, _ []invite.Event) error {
			if err := p.mayGiveRoles(ctx, r.Tenant, r.Caller, r.Command.Roles); err != nil {
				return err
			}
			return p.admits(ctx, r.Tenant, tenant.QuotaInvites)
		},
	})
}
