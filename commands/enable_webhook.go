package commands

import (
	"time"

	"tansu.cloud/domain/webhook"
)

// EnableWebhook lets a disabled webhook get deliveries again.
type EnableWebhook struct{ Reason string }

func enableWebhook(p *pipeline) Handler[EnableWebhook, webhook.State] {
	return handle(p, webhookUseCase[EnableWebhook]{
		name:       "EnableWebhook",
		permission: PermissionManageWebhooks,
		aggregate:  webhooks,
		reason:     func(c EnableWebhook) string { return c.Reason },
		command: func(r Request[EnableWebhook], now time.Time) webhook.Command {
			return webhook.Enable{Reason: r.Command.Reason, At: now}
		},
	})
}
