package commands

import (
	"context"
	"time"

	"tansu.cloud/domain/identity/user"
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
	// Provision, if set, has the tenant prepared before it is active. The id of
	// the invite is made.
	Provision *tenant.Provision
}

func createTenant(p *pipeline) Handler[CreateTenant, tenant.State] {
	return handle(p, tenantUseCase[CreateTenant]{
		name:       "CreateTenant",
		permission: PermissionCreateTenants,
		aggregate:  tenants,
		creates:    true,
		prepare: func(_ context.Context, r *Request[CreateTenant]) error {
			if given := r.Command.Provision; given != nil && given.AdminEmail != "" && given.InviteID == "" {
				with := *given
				with.InviteID = p.newID().String()
				r.Command.Provision = &with
			}
			return nil
		},
		check: func(_ context.Context, r Request[CreateTenant], _ tenant.State, _ []tenant.Event) error {
			if r.Command.Provision == nil || r.Command.Provision.AdminEmail == "" {
				return nil
			}
			return tenant.CheckAdminEmail(user.NormaliseEmail(r.Command.Provision.AdminEmail))
		},
		command: func(r Request[CreateTenant], now time.Time) tenant.Command {
			c := r.Command
			return tenant.Create{ID: r.Stream, Slug: c.Slug, Name: c.Name, Settings: c.Settings, Provision: c.Provision, At: now}
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
