package commands

import (
	"tansu.cloud/domain/webhook"
	"tansu.cloud/eventstore"
)

// PermissionManageWebhooks is needed for everything that changes a webhook.
const PermissionManageWebhooks = "webhooks.manage"

var webhooks = aggregate[webhook.State, webhook.Command, webhook.Event]{
	streamType:   webhook.StreamType,
	stateVersion: webhook.StateVersion,
	decide:       webhook.Decide,
	apply:        webhook.Apply,
}

type webhookUseCase[In any] = useCase[In, webhook.State, webhook.Command, webhook.Event]

// claimSlot takes the slot of a new webhook and frees that of a deleted one.
var claimSlot = slotClaims(webhook.SlotScope, func(e webhook.Event) (eventstore.ClaimOp, int) {
	switch e := e.(type) {
	case webhook.Registered:
		return eventstore.TakeClaim, e.Slot
	case webhook.Deleted:
		return eventstore.ReleaseClaim, e.Slot
	}
	return 0, 0
})
