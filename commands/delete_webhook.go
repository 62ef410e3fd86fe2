package commands

import (
	"time"

	"tansu.cloud/domain/webhook"
)

// DeleteWebhook ends a webhook for ever and frees its slot.
type DeleteWebhook struct{ Reason string }

func deleteWebhook(p *pipeline) Handler[DeleteWebhook, webhook.State] {
	return handle(p, webhookUseCase[DeleteWebhook]{
		name:       "DeleteWebhook",
		permission: PermissionManageWebhooks,
		aggregate:  webhooks,
		reason:     func(c DeleteWebhook) string { return c.Reason },
		command: func(r Request[DeleteWebhook], now time.Time) webhook.Command {
			return webhook.Delete{Reason: r.Command.Reason, At: now}
		},
		claims: claimSlot,
	})
}
