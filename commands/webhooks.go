package commands

import (
	"strconv"

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
func claimSlot(stream eventstore.Stream, events []webhook.Event) []eventstore.Claim {
	var claims []eventstore.Claim
	claim := func(op eventstore.ClaimOp, slot int) {
		claims = append(claims, eventstore.Claim{Op: op, Scope: webhook.SlotScope, Value: strconv.Itoa(slot), Stream: stream})
	}
	for _, e := range events {
		switch e := e.(type) {
		case webhook.Registered:
			claim(eventstore.TakeClaim, e.Slot)
		case webhook.Deleted:
			claim(eventstore.ReleaseClaim, e.Slot)
		}
	}
	return claims
}
