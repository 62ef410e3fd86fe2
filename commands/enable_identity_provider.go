package commands

import (
	"context"
	"time"

	"tansu.cloud/domain/identity/provider"
)

// EnableIdentityProvider lets people sign in with an identity provider again.
type EnableIdentityProvider struct{ Reason string }

func enableIdentityProvider(p *pipeline) Handler[EnableIdentityProvider, provider.State] {
	return handle(p, providerUseCase[EnableIdentityProvider]{
		name:       "EnableIdentityProvider",
		permission: PermissionManageIdentityProviders,
		aggregate:  providers,
		reason:     func(c EnableIdentityProvider) string { return c.Reason },
		command: func(r Request[EnableIdentityProvider], now time.Time) provider.Command {
			return provider.Enable{Reason: r.Command.Reason, At: now}
		},
		check: func(ctx context.Context, r Request[EnableIdentityProvider], before provider.State, _ []provider.Event) error {
			return p.mayActAs(ctx, r.Tenant, r.Caller, before.Profile.Roles())
		},
	})
}
