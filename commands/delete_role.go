package commands

import (
	"time"

	"tansu.cloud/domain/identity/role"
)

// DeleteRole ends a role for ever: whoever has it may do that much less.
type DeleteRole struct{}

func deleteRole(p *pipeline) Handler[DeleteRole, role.State] {
	return handle(p, roleUseCase[DeleteRole]{
		name:       "DeleteRole",
		permission: PermissionManageRoles,
		aggregate:  roles,
		command: func(_ Request[DeleteRole], now time.Time) role.Command {
			return role.Delete{At: now}
		},
		claims: claimRoleSlot,
	})
}
