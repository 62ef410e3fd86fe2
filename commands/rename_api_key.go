package commands

import (
	"time"

	"tansu.cloud/domain/identity/apikey"
)

// RenameAPIKey gives an API key another name.
type RenameAPIKey struct{ Name string }

func renameAPIKey(p *pipeline) Handler[RenameAPIKey, apikey.State] {
	return handle(p, apiKeyUseCase[RenameAPIKey]{
		name:       "RenameAPIKey",
		permission: PermissionManageAPIKeys,
		aggregate:  apiKeys,
		command: func(r Request[RenameAPIKey], now time.Time) apikey.Command {
			return apikey.Rename{Name: r.Command.Name, At: now}
		},
	})
}
