package commands

import (
	"context"
	"time"

	"tansu.cloud/domain/identity/provider"
)

// ChangeIdentityProvider replaces what can be changed about an identity provider.
// All its roles, not only new ones, permit nothing that the caller may not do: a
// group that is given a role, or another claim that names groups, lets new people
// have it.
type ChangeIdentityProvider struct{ Profile provider.Profile }

func changeIdentityProvider(p *pipeline) Handler[ChangeIdentityProvider, provider.State] {
	return handle(p, providerUseCase[ChangeIdentityProvider]{
		name:       "ChangeIdentityProvider",
		permission: PermissionManageIdentityProviders,
		aggregate:  providers,
		command: func(r Request[ChangeIdentityProvider], now time.Time) provider.Command {
			return provider.Change{Profile: r.Command.Profile, At: now}
		},
		check: func(ctx context.Context, r Request[ChangeIdentityProvider], _ provider.State, _ []provider.Event) error {
			return p.mayGiveRoles(ctx, r.Tenant, r.Caller, r.Command.Profile.Roles())
		},
	})
}
