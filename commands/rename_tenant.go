package commands

import (
	"time"

	"tansu.cloud/domain/tenant"
)

// RenameTenant gives a tenant another display name.
type RenameTenant struct{ Name string }

func renameTenant(p *pipeline) Handler[RenameTenant, tenant.State] {
	return handle(p, tenantUseCase[RenameTenant]{
		name:       "RenameTenant",
		permission: PermissionWriteTenants,
		aggregate:  tenants,
		command: func(r Request[RenameTenant], now time.Time) tenant.Command {
			return tenant.Rename{Name: r.Command.Name, At: now}
		},
	})
}
