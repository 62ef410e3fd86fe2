package commands

import (
	"time"

	"tansu.cloud/domain/identity/client"
)

// ChangeClient replaces what can be changed about an OAuth client.
type ChangeClient struct{ Profile client.Profile }

func changeClient(p *pipeline) Handler[ChangeClient, client.State] {
	return handle(p, clientUseCase[ChangeClient]{
		name:       "ChangeClient",
		permission: PermissionManageClients,
		aggregate:  clients,
		command: func(r Request[ChangeClient], now time.Time) client.Command {
			return client.Change{Profile: r.Command.Profile, At: now}
		},
	})
}
