package commands

import (
	"time"

	"tansu.cloud/domain/identity/client"
)

// DeleteClient ends an OAuth client for ever.
type DeleteClient struct{ Reason string }

func deleteClient(p *pipeline) Handler[DeleteClient, client.State] {
	return handle(p, clientUseCase[DeleteClient]{
		name:       "DeleteClient",
		permission: PermissionManageClients,
		aggregate:  clients,
		reason:     func(c DeleteClient) string { return c.Reason },
		command: func(r Request[DeleteClient], now time.Time) client.Command {
			return client.Delete{Reason: r.Command.Reason, At: now}
		},
	})
}
