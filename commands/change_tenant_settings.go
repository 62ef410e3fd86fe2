package commands

import (
	"time"

	"tansu.cloud/domain/tenant"
)

// ChangeTenantSettings replaces all settings of a tenant.
type ChangeTenantSettings struct{ Settings map[string]any }

func changeTenantSettings(p *pipeline) Handler[ChangeTenantSettings, tenant.State] {
	return handle(p, tenantUseCase[ChangeTenantSettings]{
		name:       "ChangeTenantSettings",
		permission: PermissionWriteTenants,
		aggregate:  tenants,
		command: func(r Request[ChangeTenantSettings], now time.Time) tenant.Command {
			return tenant.ChangeSettings{Settings: r.Command.Settings, At: now}
		},
	})
}
