package commands

import (
	"context"

	"github.com/google/uuid"

	"tansu.cloud/domain/identity/provider"
	"tansu.cloud/eventstore"
)

// PermissionManageIdentityProviders is needed for everything that changes an
// identity provider.
const PermissionManageIdentityProviders = "identity_providers.manage"

var providers = aggregate[provider.State, provider.Command, provider.Event]{
	streamType:   provider.StreamType,
	stateVersion: provider.StateVersion,
	decide:       provider.Decide,
	apply:        provider.Apply,
}

type providerUseCase[In any] = useCase[In, provider.State, provider.Command, provider.Event]

// claimProviderSlot takes the slot of a new provider and frees that of a removed
// one.
var claimProviderSlot = slotClaims(provider.SlotScope, func(e provider.Event) (eventstore.ClaimOp, int) {
	switch e := e.(type) {
	case provider.Added:
		return eventstore.TakeClaim, e.Slot
	case provider.Removed:
		return eventstore.ReleaseClaim, e.Slot
	}
	return 0, 0
})

// enabledProvider refuses a provider that does not count at this moment.
func (p *pipeline) enabledProvider(ctx context.Context, tenant uuid.UUID, id string) (provider.State, error) {
	l, err := load(ctx, p, providers, tenant, id, 0)
	if err == nil && l.state.Status != provider.StatusEnabled {
		err = provider.ErrNotEnabled
	}
	return l.state, err
}
