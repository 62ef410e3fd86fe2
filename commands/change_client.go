package commands

import (
	"context"
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
		check: func(_ context.Context, r Request[ChangeClient], before client.State, _ []client.Event) error {
			return mayBeFirstParty(r.Caller, before.FirstParty || r.Command.Profile.FirstParty)
		},
	})
}
