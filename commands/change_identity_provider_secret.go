package commands

import (
	"time"

	"tansu.cloud/domain/identity/provider"
)

// ChangeIdentityProviderSecret gives an identity provider another client secret,
// which has been stored before.
type ChangeIdentityProviderSecret struct{ SecretID string }

func changeIdentityProviderSecret(p *pipeline) Handler[ChangeIdentityProviderSecret, provider.State] {
	return handle(p, providerUseCase[ChangeIdentityProviderSecret]{
		name:       "ChangeIdentityProviderSecret",
		permission: PermissionManageIdentityProviders,
		aggregate:  providers,
		command: func(r Request[ChangeIdentityProviderSecret], now time.Time) provider.Command {
			return provider.ChangeSecret{SecretID: r.Command.SecretID, At: now}
		},
	})
}
