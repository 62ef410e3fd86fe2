package commands

import (
	"time"

	"tansu.cloud/domain/webhook"
)

// RotateWebhookSecret gives a webhook another secret, which has been stored
// before. The one before goes on signing for Overlap.
type RotateWebhookSecret struct {
	Secret  webhook.Secret
	Overlap time.Duration
}

func rotateWebhookSecret(p *pipeline) Handler[RotateWebhookSecret, webhook.State] {
	return handle(p, webhookUseCase[RotateWebhookSecret]{
		name:       "RotateWebhookSecret",
		permission: PermissionManageWebhooks,
		aggregate:  webhooks,
		command: func(r Request[RotateWebhookSecret], now time.Time) webhook.Command {
			return webhook.RotateSecret{Secret: r.Command.Secret, Overlap: r.Command.Overlap, At: now}
		},
	})
}
