package commands

import (
	"context"
	"time"

	"tansu.cloud/domain/tenant"
	"tansu.cloud/domain/webhook"
)

// RegisterWebhook makes a webhook of the request's tenant. Its secret has been
// stored before, under the given id.
type RegisterWebhook struct {
	Target webhook.Target
	Secret webhook.Secret

	slot int
}

func registerWebhook(p *pipeline) Handler[RegisterWebhook, webhook.State] {
	return retrySlots(webhook.ErrSlotTaken, handle(p, webhookUseCase[RegisterWebhook]{
		name:       "RegisterWebhook",
		permission: PermissionManageWebhooks,
		aggregate:  webhooks,
		creates:    true,
		prepare: func(ctx context.Context, r *Request[RegisterWebhook]) (err error) {
			r.Command.slot, err = p.quotaSlot(ctx, r.Tenant, tenant.QuotaWebhooks, webhook.SlotScope, webhook.MaxPerTenant)
			return err
		},
		command: func(r Request[RegisterWebhook], now time.Time) webhook.Command {
			c := r.Command
			return webhook.Register{ID: r.Stream, Slot: c.slot, Target: c.Target, Secret: c.Secret, At: now}
		},
		claims:     claimSlot,
		claimTaken: webhook.ErrSlotTaken,
	}))
}
