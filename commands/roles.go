package commands

import (
	"tansu.cloud/domain/identity/role"
	"tansu.cloud/eventstore"
)

// PermissionManageRoles is needed for everything that changes a role.
const PermissionManageRoles = "roles.manage"

var roles = aggregate[role.State, role.Command, role.Event]{
	streamType:   role.StreamType,
	stateVersion: role.StateVersion,
	decide:       role.Decide,
	apply:        role.Apply,
}

type roleUseCase[In any] = useCase[In, role.State, role.Command, role.Event]

// claimRoleSlot takes the slot of a new role and frees that of a deleted one.
var claimRoleSlot = slotClaims(role.SlotScope, func(e role.Event) (eventstore.ClaimOp, int) {
	switch e := e.(type) {
	case role.Created:
		return eventstore.TakeClaim, e.Slot
	case role.Deleted:
		return eventstore.ReleaseClaim, e.Slot
	}
	return 0, 0
})
