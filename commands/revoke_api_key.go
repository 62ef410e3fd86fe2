package commands

import (
	"time"

	"tansu.cloud/domain/identity/apikey"
)

// RevokeAPIKey ends an API key for ever and frees its slot.
type RevokeAPIKey struct{ Reason string }

func revokeAPIKey(p *pipeline) Handler[RevokeAPIKey, apikey.State] {
	return handle(p, apiKeyUseCase[RevokeAPIKey]{
		name:       "RevokeAPIKey",
		permission: PermissionManageAPIKeys,
		aggregate:  apiKeys,
		reason:     func(c RevokeAPIKey) string { return c.Reason },
		command: func(r Request[RevokeAPIKey], now time.Time) apikey.Command {
			return apikey.Revoke{Reason: r.Command.Reason, At: now}
		},
		claims: claimKeySlot,
	})
}
