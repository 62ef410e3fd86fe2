package commands

import (
	"time"

	"tansu.cloud/domain/identity/member"
)

// RemoveMember ends a membership. The last owner stays.
type RemoveMember struct{ Reason string }

func removeMember(p *pipeline) Handler[RemoveMember, member.State] {
	return handleMember(p, memberUseCase[RemoveMember]{
		name:       "RemoveMember",
		permission: PermissionManageMembers,
		aggregate:  members,
		reason:     func(c RemoveMember) string { return c.Reason },
		command: func(r Request[RemoveMember], now time.Time) member.Command {
			return member.Remove{Reason: r.Command.Reason, At: now}
		},
	})
}
