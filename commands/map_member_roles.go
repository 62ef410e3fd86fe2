package commands

import (
	"context"
	"time"

	"tansu.cloud/domain/identity/member"
	"tansu.cloud/domain/identity/permission"
	"tansu.cloud/domain/identity/user"
	"tansu.cloud/domain/tenant"
)

// MapMemberRoles gives a member of the request's tenant the roles of their groups
// at its identity provider; the stream is the user's id. Whoever set the mapping up
// was allowed to give these roles. It never makes or unmakes an owner.
type MapMemberRoles struct {
	ProviderID string
	Roles      []string // none: no group gives a role
	Join       bool     // who is no member becomes one
	Reason     string
}

func mapMemberRoles(p *pipeline) Handler[MapMemberRoles, member.State] {
	return handle(p, memberUseCase[MapMemberRoles]{
		name:       "MapMemberRoles",
		permission: permission.Self,
		aggregate:  members,
		reason:     func(c MapMemberRoles) string { return c.Reason },
		command: func(r Request[MapMemberRoles], now time.Time) member.Command {
			c := r.Command
			return member.MapRoles{UserID: r.Stream, ProviderID: c.ProviderID, Roles: c.Roles, Join: c.Join, Reason: c.Reason, At: now}
		},
		check: func(ctx context.Context, r Request[MapMemberRoles], before member.State, _ []member.Event) error {
			if err := p.enabledProvider(ctx, r.Tenant, r.Command.ProviderID); err != nil {
				return err
			}
			if _, err := p.activeUser(ctx, r.Stream, user.ErrNotActive); err != nil || before.Status == member.StatusActive {
				return err
			}
			return p.admits(ctx, r.Tenant, tenant.QuotaMembers)
		},
	})
}
