package commands

import (
	"time"

	"tansu.cloud/domain/identity/serviceaccount"
)

// DeleteServiceAccount ends a service account for ever and frees its slot.
type DeleteServiceAccount struct{ Reason string }

func deleteServiceAccount(p *pipeline) Handler[DeleteServiceAccount, serviceaccount.State] {
	return handle(p, serviceAccountUseCase[DeleteServiceAccount]{
		name:       "DeleteServiceAccount",
		permission: PermissionManageServiceAccounts,
		aggregate:  serviceAccounts,
		reason:     func(c DeleteServiceAccount) string { return c.Reason },
		command: func(r Request[DeleteServiceAccount], now time.Time) serviceaccount.Command {
			return serviceaccount.Delete{Reason: r.Command.Reason, At: now}
		},
		claims: claimAccountSlot,
	})
}
