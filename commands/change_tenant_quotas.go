package commands

import (
	"time"

	"tansu.cloud/domain/tenant"
)

// ChangeTenantQuotas replaces all quotas of a tenant; those left out go back to
// their defaults.
type ChangeTenantQuotas struct{ Quotas tenant.Quotas }

func changeTenantQuotas(p *pipeline) Handler[ChangeTenantQuotas, tenant.State] {
	return handle(p, tenantUseCase[ChangeTenantQuotas]{
		name:       "ChangeTenantQuotas",
		permission: PermissionWriteTenants,
		aggregate:  tenants,
		command: func(r Request[ChangeTenantQuotas], now time.Time) tenant.Command {
			return tenant.ChangeQuotas{Quotas: r.Command.Quotas, At: now}
		},
	})
}
