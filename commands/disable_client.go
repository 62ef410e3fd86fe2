package commands

import (
	"time"

	"tansu.cloud/domain/identity/client"
)

// DisableClient keeps people from signing in to an OAuth client; it needs a
// reason.
type DisableClient struct{ Reason string }

func disableClient(p *pipeline) Handler[DisableClient, client.State] {
	return handle(p, clientUseCase[DisableClient]{
		name:       "DisableClient",
		permission: PermissionManageClients,
		aggregate:  clients,
		reason:     func(c DisableClient) string { return c.Reason },
		command: func(r Request[DisableClient], now time.Time) client.Command {
			return client.Disable{Reason: r.Command.Reason, At: now}
		},
	})
}
