package commands

import (
	"context"
	"time"

	"tansu.cloud/domain/identity/serviceaccount"
)

// ChangeServiceAccount replaces a service account's name and roles. It adds no
// role that permits what the caller may not do.
type ChangeServiceAccount struct {
	Name  string
	Roles []string
}

func changeServiceAccount(p *pipeline) Handler[ChangeServiceAccount, serviceaccount.State] {
	return handle(p, serviceAccountUseCase[ChangeServiceAccount]{
		name:       "ChangeServiceAccount",
		permission: PermissionManageServiceAccounts,
		aggregate:  serviceAccounts,
		command: func(r Request[ChangeServiceAccount], now time.Time) serviceaccount.Command {
			return serviceaccount.Change{Name: r.Command.Name, Roles: r.Command.Roles, At: now}
		},
		check: func(ctx context.Context, r Request[ChangeServiceAccount], before serviceaccount.State, _ []serviceaccount.Event) error {
			return p.mayGiveRoles(ctx, r.Tenant, r.Caller, added(before.Roles, r.Command.Roles))
		},
	})
}
