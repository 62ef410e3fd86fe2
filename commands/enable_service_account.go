package commands

import (
	"time"

	"tansu.cloud/domain/identity/serviceaccount"
)

// EnableServiceAccount lets a disabled service account work again.
type EnableServiceAccount struct{ Reason string }

func enableServiceAccount(p *pipeline) Handler[EnableServiceAccount, serviceaccount.State] {
	return handle(p, serviceAccountUseCase[EnableServiceAccount]{
		name:       "EnableServiceAccount",
		permission: PermissionManageServiceAccounts,
		aggregate:  serviceAccounts,
		reason:     func(c EnableServiceAccount) string { return c.Reason },
		command: func(r Request[EnableServiceAccount], now time.Time) serviceaccount.Command {
			return serviceaccount.Enable{Reason: r.Command.Reason, At: now}
		},
	})
}
