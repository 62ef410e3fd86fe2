package commands

import (
	"time"

	"tansu.cloud/domain/identity/provider"
)

// DisableIdentityProvider keeps people from signing in with an identity provider, and ends the sessions
// that it vouched for; it needs a reason.
type DisableIdentityProvider struct{ Reason string }

func disableIdentityProvider(p *pipeline) Handler[DisableIdentityProvider, provider.State] {
	return handle(p, providerUseCase[DisableIdentityProvider]{
		name:       "DisableIdentityProvider",
		permission: PermissionManageIdentityProviders,
		aggregate:  providers,
		reason:     func(c DisableIdentityProvider) string { return c.Reason },
		command: func(r Request[DisableIdentityProvider], now time.Time) provider.Command {
			return provider.Disable{Reason: r.Command.Reason, At: now}
		},
	})
}
