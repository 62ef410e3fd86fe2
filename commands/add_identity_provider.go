package commands

import (
	"context"
	"time"

	"tansu.cloud/domain/identity/provider"
	"tansu.cloud/eventstore"
)

// AddIdentityProvider lets people of the request's tenant sign in at an issuer.
// The client secret has been stored before, under the given id. Whoever controls
// the provider decides who is in which group, so its roles permit nothing that the
// caller may not do.
type AddIdentityProvider struct {
	Issuer    string
	PlainHTTP bool // http is allowed besides https
	SecretID  string
	Profile   provider.Profile

	slot int
}

func addIdentityProvider(p *pipeline) Handler[AddIdentityProvider, provider.State] {
	return retrySlots(provider.ErrSlotTaken, handle(p, providerUseCase[AddIdentityProvider]{
		name:       "AddIdentityProvider",
		permission: PermissionManageIdentityProviders,
		aggregate:  providers,
		creates:    true,
		prepare: func(ctx context.Context, r *Request[AddIdentityProvider]) (err error) {
			if r.Tenant == eventstore.SystemTenant {
				return provider.ErrSystemTenant
			}
			r.Command.slot, err = p.freeSlot(ctx, r.Tenant, provider.SlotScope, provider.MaxPerTenant)
			return err
		},
		command: func(r Request[AddIdentityProvider], now time.Time) provider.Command {
			c := r.Command
			return provider.Add{ID: r.Stream, Slot: c.slot, Issuer: c.Issuer, PlainHTTP: c.PlainHTTP, SecretID: c.SecretID, Profile: c.Profile, At: now}
		},
		check: func(ctx context.Context, r Request[AddIdentityProvider], _ provider.State, _ []provider.Event) error {
			return p.mayGiveRoles(ctx, r.Tenant, r.Caller, r.Command.Profile.Roles())
		},
		claims:     claimProviderSlot,
		claimTaken: provider.ErrSlotTaken,
	}))
}
