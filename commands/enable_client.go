package commands

import (
	"time"

	"tansu.cloud/domain/identity/client"
)

// EnableClient lets people sign in to a disabled OAuth client again.
type EnableClient struct{ Reason string }

func enableClient(p *pipeline) Handler[EnableClient, client.State] {
	return handle(p, clientUseCase[EnableClient]{
		name:       "EnableClient",
		permission: PermissionManageClients,
		aggregate:  clients,
		reason:     func(c EnableClient) string { return c.Reason },
		command: func(r Request[EnableClient], now time.Time) client.Command {
			return client.Enable{Reason: r.Command.Reason, At: now}
		},
	})
}
