package commands

import (
	"time"

	"tansu.cloud/domain/webhook"
)

// DisableWebhook stops all deliveries of a webhook; it needs a reason.
type DisableWebhook struct{ Reason string }

func disableWebhook(p *pipeline) Handler[DisableWebhook, webhook.State] {
	return handle(p, webhookUseCase[DisableWebhook]{
		name:       "DisableWebhook",
		permission: PermissionManageWebhooks,
		aggregate:  webhooks,
		reason:     func(c DisableWebhook) string { return c.Reason },
		command: func(r Request[DisableWebhook], now time.Time) webhook.Command {
			return webhook.Disable{Reason: r.Command.Reason, At: now}
		},
	})
}
