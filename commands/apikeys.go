package commands

import (
	"tansu.cloud/domain/identity/apikey"
	"tansu.cloud/eventstore"
)

// PermissionManageAPIKeys is needed for everything that changes an API key.
const PermissionManageAPIKeys = "api_keys.manage"

var apiKeys = aggregate[apikey.State, apikey.Command, apikey.Event]{
	streamType:   apikey.StreamType,
	stateVersion: apikey.StateVersion,
	decide:       apikey.Decide,
	apply:        apikey.Apply,
}

type apiKeyUseCase[In any] = useCase[In, apikey.State, apikey.Command, apikey.Event]

// claimKeySlot takes the slot of a new API key and frees that of a revoked one.
var claimKeySlot = slotClaims(apikey.SlotScope, func(e apikey.Event) (eventstore.ClaimOp, int) {
	switch e := e.(type) {
	case apikey.Created:
		return eventstore.TakeClaim, e.Slot
	case apikey.Revoked:
		return eventstore.ReleaseClaim, e.Slot
	}
	return 0, 0
})
