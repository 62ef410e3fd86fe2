package commands

import (
	"time"

	"tansu.cloud/domain/identity/member"
)

// ChangeMemberRoles replaces a member's roles.
type ChangeMemberRoles struct{ Roles []string }

func changeMemberRoles(p *pipeline) Handler[ChangeMemberRoles, member.State] {
	return handleMember(p, memberUseCase[ChangeMemberRoles]{
		name:       "ChangeMemberRoles",
		permission: PermissionManageMembers,
		aggregate:  members,
		command: func(r Request[ChangeMemberRoles], now time.Time) member.Command {
			return member.ChangeRoles{Roles: r.Command.Roles, At: now}
		},
	})
}
