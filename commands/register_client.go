package commands

import (
	"context"
	"time"

	"tansu.cloud/domain/identity/client"
)

// RegisterClient makes an OAuth client. Its secret, if it uses one, has been
// stored before, under the given id. A request without a stream id gets a new
// one.
type RegisterClient struct {
	Type              client.Type
	TokenEndpointAuth client.Auth
	Profile           client.Profile
	SecretID          string
}

func registerClient(p *pipeline) Handler[RegisterClient, client.State] {
	return handle(p, clientUseCase[RegisterClient]{
		name:       "RegisterClient",
		permission: PermissionManageClients,
		aggregate:  clients,
		creates:    true,
		command: func(r Request[RegisterClient], now time.Time) client.Command {
			c := r.Command
			return client.Register{
				ID: r.Stream, Type: c.Type, TokenEndpointAuth: c.TokenEndpointAuth, Profile: c.Profile, SecretID: c.SecretID, At: now,
			}
		},
		check: func(_ context.Context, r Request[RegisterClient], _ client.State, _ []client.Event) error {
			return mayBeFirstParty(r.Caller, r.Command.Profile.FirstParty)
		},
	})
}
