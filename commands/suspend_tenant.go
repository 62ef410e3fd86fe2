package commands

import (
	"time"

	"tansu.cloud/domain/tenant"
)

// SuspendTenant locks an active tenant out; it needs a reason.
type SuspendTenant struct{ Reason string }

func suspendTenant(p *pipeline) Handler[SuspendTenant, tenant.State] {
	return handle(p, tenantUseCase[SuspendTenant]{
		name:       "SuspendTenant",
		permission: PermissionWriteTenants,
		aggregate:  tenants,
		reason:     func(c SuspendTenant) string { return c.Reason },
		command: func(r Request[SuspendTenant], now time.Time) tenant.Command {
			return tenant.Suspend{Reason: r.Command.Reason, At: now}
		},
	})
}
