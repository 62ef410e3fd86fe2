package commands

import (
	"time"

	"tansu.cloud/domain/identity/serviceaccount"
)

// DisableServiceAccount keeps a service account from working; it needs a reason.
type DisableServiceAccount struct{ Reason string }

func disableServiceAccount(p *pipeline) Handler[DisableServiceAccount, serviceaccount.State] {
	return handle(p, serviceAccountUseCase[DisableServiceAccount]{
		name:       "DisableServiceAccount",
		permission: PermissionManageServiceAccounts,
		aggregate:  serviceAccounts,
		reason:     func(c DisableServiceAccount) string { return c.Reason },
		command: func(r Request[DisableServiceAccount], now time.Time) serviceaccount.Command {
			return serviceaccount.Disable{Reason: r.Command.Reason, At: now}
		},
	})
}
