package commands

import (
	"time"

	"tansu.cloud/domain/identity/provider"
)

// RemoveIdentityProvider ends an identity provider for ever and frees its slot. Its e-mail domains
// have been released before.
type RemoveIdentityProvider struct{ Reason string }

func removeIdentityProvider(p *pipeline) Handler[RemoveIdentityProvider, provider.State] {
	return handle(p, providerUseCase[RemoveIdentityProvider]{
		name:       "RemoveIdentityProvider",
		permission: PermissionManageIdentityProviders,
		aggregate:  providers,
		reason:     func(c RemoveIdentityProvider) string { return c.Reason },
		command: func(r Request[RemoveIdentityProvider], now time.Time) provider.Command {
			return provider.Remove{Reason: r.Command.Reason, At: now}
		},
		claims: claimProviderSlot,
	})
}
