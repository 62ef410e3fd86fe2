package commands

import (
	"time"

	"tansu.cloud/domain/tenant"
)

// ReactivateTenant lets a suspended tenant in again.
type ReactivateTenant struct{ Reason string }

func reactivateTenant(p *pipeline) Handler[ReactivateTenant, tenant.State] {
	return handle(p, tenantUseCase[ReactivateTenant]{
		name:       "ReactivateTenant",
		permission: PermissionWriteTenants,
		aggregate:  tenants,
		reason:     func(c ReactivateTenant) string { return c.Reason },
		command: func(r Request[ReactivateTenant], now time.Time) tenant.Command {
			return tenant.Reactivate{Reason: r.Command.Reason, At: now}
		},
	})
}
