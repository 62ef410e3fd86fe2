package commands

import (
	"context"
	"time"

	"tansu.cloud/domain/identity/serviceaccount"
)

// RotateServiceAccountSecret gives a service account another secret, which has
// been stored before. The one before counts for Overlap. Whoever gets to see a
// secret can act as the account, so they must be allowed all that it is.
type RotateServiceAccountSecret struct {
	SecretID string
	Overlap  time.Duration
}

func rotateServiceAccountSecret(p *pipeline) Handler[RotateServiceAccountSecret, serviceaccount.State] {
	return handle(p, serviceAccountUseCase[RotateServiceAccountSecret]{
		name:       "RotateServiceAccountSecret",
		permission: PermissionManageServiceAccounts,
		aggregate:  serviceAccounts,
		command: func(r Request[RotateServiceAccountSecret], now time.Time) serviceaccount.Command {
			return serviceaccount.RotateSecret{SecretID: r.Command.SecretID, Overlap: r.Command.Overlap, At: now}
		},
		check: func(ctx context.Context, r Request[RotateServiceAccountSecret], before serviceaccount.State, _ []serviceaccount.Event) error {
			return p.mayActAs(ctx, r.Tenant, r.Caller, before.Roles)
		},
	})
}
