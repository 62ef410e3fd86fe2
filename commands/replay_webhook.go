package commands

import (
	"time"

	"tansu.cloud/domain/webhook"
)

// ReplayWebhook asks for a part of the log to be delivered to a webhook again.
type ReplayWebhook struct {
	ReplayID     string
	FromPosition int64
	ToPosition   int64 // inclusive
	Reason       string
}

func replayWebhook(p *pipeline) Handler[ReplayWebhook, webhook.State] {
	return handle(p, webhookUseCase[ReplayWebhook]{
		name:       "ReplayWebhook",
		permission: PermissionManageWebhooks,
		aggregate:  webhooks,
		reason:     func(c ReplayWebhook) string { return c.Reason },
		command: func(r Request[ReplayWebhook], now time.Time) webhook.Command {
			c := r.Command
			return webhook.RequestReplay{
				ReplayID: c.ReplayID, FromPosition: c.FromPosition, ToPosition: c.ToPosition, Reason: c.Reason, At: now,
			}
		},
	})
}
