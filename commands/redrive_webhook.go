package commands

import (
	"time"

	"tansu.cloud/domain/webhook"
)

// RedriveWebhook asks for the deliveries of a webhook that were given up to be
// tried again.
type RedriveWebhook struct{ Reason string }

func redriveWebhook(p *pipeline) Handler[RedriveWebhook, webhook.State] {
	return handle(p, webhookUseCase[RedriveWebhook]{
		name:       "RedriveWebhook",
		permission: PermissionManageWebhooks,
		aggregate:  webhooks,
		reason:     func(c RedriveWebhook) string { return c.Reason },
		command: func(r Request[RedriveWebhook], now time.Time) webhook.Command {
			return webhook.RequestRedrive{Reason: r.Command.Reason, At: now}
		},
	})
}
