package commands

import (
	"time"

	"tansu.cloud/domain/tenant"
	"tansu.cloud/eventstore"
)

// PermissionCreateTenants is needed to create a tenant.
const PermissionCreateTenants = "tenants.create"

// CreateTenant makes a tenant under a slug that no other tenant ever had. A
// request without a stream id gets a new one.
type CreateTenant struct {
	Slug     string
	Name     string
	Settings map[string]any
}

func createTenant(p *pipeline) Handler[CreateTenant, tenant.State] {
	return handle(p, tenantUseCase[CreateTenant]{
		name:       "CreateTenant",
		permission: PermissionCreateTenants,
		aggregate:  tenants,
		creates:    true,
		command: func(r Request[CreateTenant], now time.Time) tenant.Command {
			c := r.Command
			return tenant.Create{ID: r.Stream, Slug: c.Slug, Name: c.Name, Settings: c.Settings, At: now}
		},
		claims: func(stream eventstore.Stream, events []tenant.Event) []eventstore.Claim {
			var claims []eventstore.Claim
			for _, e := range events {
				if e, ok := e.(tenant.Created); ok {
					claims = append(claims, eventstore.Claim{
						Op: eventstore.TakeClaim, Scope: tenant.SlugScope, Value: e.Slug, Stream: stream,
					})
				}
			}
			return claims
		},
		claimTaken: tenant.ErrSlugTaken,
	})
}
