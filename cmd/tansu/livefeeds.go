package main

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"tansu.cloud/api/rest"
	"tansu.cloud/api/ws"
	"tansu.cloud/domain/tenant"
	"tansu.cloud/projections/feeds"
	"tansu.cloud/projections/readmodels/deadletters"
	"tansu.cloud/projections/readmodels/tenantdirectory"
)

// newHub follows the logs that clients watch. Snapshots go by the names that the
// lists of the API have.
func (n *node) newHub() (*feeds.Hub, error) {
	return feeds.NewHub(feeds.Config{
		Subscriber: n.engines.bus.Fanout(), Log: n.parts.store, Walled: n.parts.walled, HeadsOf: feeds.HeadsOf(n.pool), Logger: n.logger,
		Snapshots: map[string]feeds.Snapshot{
			"tenants":      tenantdirectory.Snapshot(n.pool),
			"dead-letters": deadletters.Snapshot(n.pool),
		},
	})
}

// newSockets serves the hub to clients.
func (n *node) newSockets() (*ws.Server, error) {
	directory := tenantdirectory.NewDirectory(n.platform)
	sockets, err := ws.New(ws.Deps{
		Hub: n.parts.hub, Authenticate: rest.AuthenticateSockets(n.identity.access),
		Tenant: func(ctx context.Context, idOrSlug string) (uuid.UUID, error) {
			return rest.OpenTenant(ctx, directory, idOrSlug)
		},
		Quota: func(ctx context.Context, id uuid.UUID) (int, bool, error) {
			return n.bounds.Quota(ctx, id, tenant.QuotaSockets)
		},
		Channels: n.engines.channels, Limits: n.engines.limits, Logger: n.logger,
		Quotas: ws.Quotas{Connections: ws.Quota{
			Tenant: n.cfg.Feeds.TenantConnections, Principal: n.cfg.Feeds.PrincipalConnections,
		}},
		Origins: n.bounds,
	})
	if err != nil {
		return nil, fmt.Errorf("websockets: %w", err)
	}
	n.drainSockets = sockets.Drain
	return sockets, nil
}
