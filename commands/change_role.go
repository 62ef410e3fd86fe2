package commands

import (
	"context"
	"time"

	"tansu.cloud/domain/identity/role"
	"tansu.cloud/eventstore"
)

// ChangeRole replaces what a role is called and permits, for all who have it. It
// adds nothing that the caller may not do.
type ChangeRole struct {
	Title       string
	Permissions []string
}

func changeRole(p *pipeline) Handler[ChangeRole, role.State] {
	return handle(p, roleUseCase[ChangeRole]{
		name:       "ChangeRole",
		permission: PermissionManageRoles,
		aggregate:  roles,
		command: func(r Request[ChangeRole], now time.Time) role.Command {
			c := r.Command
			return role.Change{Title: c.Title, Permissions: c.Permissions, Platform: r.Tenant == eventstore.SystemTenant, At: now}
		},
		check: func(_ context.Context, r Request[ChangeRole], before role.State, _ []role.Event) error {
			return mayGrant(r.Caller, added(before.Permissions, r.Command.Permissions))
		},
	})
}
