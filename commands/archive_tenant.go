package commands

import (
	"time"

	"tansu.cloud/domain/tenant"
)

// ArchiveTenant closes a tenant for ever; it needs a reason.
type ArchiveTenant struct{ Reason string }

func archiveTenant(p *pipeline) Handler[ArchiveTenant, tenant.State] {
	return handle(p, tenantUseCase[ArchiveTenant]{
		name:       "ArchiveTenant",
		permission: PermissionWriteTenants,
		aggregate:  tenants,
		reason:     func(c ArchiveTenant) string { return c.Reason },
		command: func(r Request[ArchiveTenant], now time.Time) tenant.Command {
			return tenant.Archive{Reason: r.Command.Reason, At: now}
		},
	})
}
