package commands

import (
	"time"

	"tansu.cloud/domain/identity/client"
)

// RotateClientSecret gives an OAuth client another secret, which has been stored
// before. The one before counts for Overlap.
type RotateClientSecret struct {
	SecretID string
	Overlap  time.Duration
}

func rotateClientSecret(p *pipeline) Handler[RotateClientSecret, client.State] {
	return handle(p, clientUseCase[RotateClientSecret]{
		name:       "RotateClientSecret",
		permission: PermissionManageClients,
		aggregate:  clients,
		command: func(r Request[RotateClientSecret], now time.Time) client.Command {
			return client.RotateSecret{SecretID: r.Command.SecretID, Overlap: r.Command.Overlap, At: now}
		},
	})
}
