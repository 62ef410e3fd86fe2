// Package sql holds the schema: migrations (goose, forward only), the tables of
// read models, and in db/ the queries that sqlc generates from queries/.
package sql

import "embed"

// Migrations are applied in order of their numbers by platform/migrate.
//
//go:embed migrations/*.sql
var Migrations embed.FS

// These create the tables of one generation of a read model, or of a saga's
// state, in the schema that the search path names first.
var (
	//go:embed readmodels/tenant_directory.sql
	TenantDirectory string
	//go:embed readmodels/dead_letters.sql
	DeadLetters string
	//go:embed readmodels/webhooks.sql
	Webhooks string
	//go:embed readmodels/webhook_subscriptions.sql
	WebhookSubscriptions string
	//go:embed readmodels/users.sql
	Users string
	//go:embed readmodels/oauth_clients.sql
	OAuthClients string
	//go:embed readmodels/access.sql
	Access string
)
