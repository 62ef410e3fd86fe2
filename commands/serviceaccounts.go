package commands

import (
	"tansu.cloud/domain/identity/serviceaccount"
	"tansu.cloud/eventstore"
)

// PermissionManageServiceAccounts is needed for everything that changes a
// service account.
const PermissionManageServiceAccounts = "service_accounts.manage"

var serviceAccounts = aggregate[serviceaccount.State, serviceaccount.Command, serviceaccount.Event]{
	streamType:   serviceaccount.StreamType,
	stateVersion: serviceaccount.StateVersion,
	decide:       serviceaccount.Decide,
	apply:        serviceaccount.Apply,
}

type serviceAccountUseCase[In any] = useCase[In, serviceaccount.State, serviceaccount.Command, serviceaccount.Event]

// claimAccountSlot takes the slot of a new service account and frees that of a
// deleted one.
var claimAccountSlot = slotClaims(serviceaccount.SlotScope, func(e serviceaccount.Event) (eventstore.ClaimOp, int) {
	switch e := e.(type) {
	case serviceaccount.Created:
		return eventstore.TakeClaim, e.Slot
	case serviceaccount.Deleted:
		return eventstore.ReleaseClaim, e.Slot
	}
	return 0, 0
})
