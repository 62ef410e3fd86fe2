package commands

import (
	"time"

	"tansu.cloud/domain/webhook"
)

// ChangeWebhook replaces where a webhook sends what.
type ChangeWebhook struct{ Target webhook.Target }

func changeWebhook(p *pipeline) Handler[ChangeWebhook, webhook.State] {
	return handle(p, webhookUseCase[ChangeWebhook]{
		name:       "ChangeWebhook",
		permission: PermissionManageWebhooks,
		aggregate:  webhooks,
		command: func(r Request[ChangeWebhook], now time.Time) webhook.Command {
			return webhook.Change{Target: r.Command.Target, At: now}
		},
	})
}
