package commands

import (
	"context"
	"time"

	"tansu.cloud/domain/identity/member"
	"tansu.cloud/domain/tenant"
)

// AddMember makes an active user a member of the request's tenant; the stream is
// the user's id.
type AddMember struct{ Roles []string }

func addMember(p *pipeline) Handler[AddMember, member.State] {
	return handleMember(p, memberUseCase[AddMember]{
		name:       "AddMember",
		permission: PermissionManageMembers,
		aggregate:  members,
		command: func(r Request[AddMember], now time.Time) member.Command {
			return member.Add{UserID: r.Stream, Roles: r.Command.Roles, At: now}
		},
		check: func(ctx context.Context, r Request[AddMember], _ member.State, _ []member.Event) error {
			if _, err := p.activeUser(ctx, r.Stream, member.ErrUserUnknown); err != nil {
				return err
			}
			return p.admits(ctx, r.Tenant, tenant.QuotaMembers)
		},
	})
}
