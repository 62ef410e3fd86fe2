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
// at its identity provider; the stream is the user's id. The mapping is that of the
// moment, and not of the one in which they were sent to the provider. Whoever set it
// up was allowed to give these roles. It never makes or unmakes an owner.
type MapMemberRoles struct {
	ProviderID string
	Groups     []string

	roles  []string
	join   bool // who is no member becomes one
	reason string
}

func mapMemberRoles(p *pipeline) Handler[MapMemberRoles, member.State] {
	return handle(p, memberUseCase[MapMemberRoles]{
		name:       "MapMemberRoles",
		permission: permission.Self,
		aggregate:  members,
		reason:     func(c MapMemberRoles) string { return c.reason },
		prepare: func(ctx context.Context, r *Request[MapMemberRoles]) error {
			by, err := p.enabledProvider(ctx, r.Tenant, r.Command.ProviderID)
			c := &r.Command
			c.roles, c.join, c.reason = by.Profile.RolesOf(c.Groups), by.Profile.JustInTime, "groups of "+by.Profile.Name
			return err
		},
		command: func(r Request[MapMemberRoles], now time.Time) member.Command {
			c := r.Command
			return member.MapRoles{UserID: r.Stream, ProviderID: c.ProviderID, Roles: c.roles, Join: c.join, Reason: c.reason, At: now}
		},
		check: func(ctx context.Context, r Request[MapMemberRoles], before member.State, _ []member.Event) error {
			if _, err := p.activeUser(ctx, r.Stream, user.ErrNotActive); err != nil || before.Status == member.StatusActive {
				return err
			}
			return p.admits(ctx, r.Tenant, tenant.QuotaMembers)
		},
	})
}
