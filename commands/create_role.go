package commands

import (
	"context"
	"time"

	"tansu.cloud/domain/identity/role"
	"tansu.cloud/eventstore"
)

// CreateRole makes a role of the request's tenant; the stream is its name. It
// permits nothing that the caller may not do.
type CreateRole struct {
	Title       string
	Permissions []string

	slot int
}

func createRole(p *pipeline) Handler[CreateRole, role.State] {
	return retrySlots(role.ErrSlotTaken, handle(p, roleUseCase[CreateRole]{
		name:       "CreateRole",
		permission: PermissionManageRoles,
		aggregate:  roles,
		prepare: func(ctx context.Context, r *Request[CreateRole]) (err error) {
			r.Command.slot, err = p.freeSlot(ctx, r.Tenant, role.SlotScope, role.MaxPerTenant)
			return err
		},
		command: func(r Request[CreateRole], now time.Time) role.Command {
			c := r.Command
			return role.Create{
				Name: r.Stream, Slot: c.slot, Title: c.Title, Permissions: c.Permissions,
				Platform: r.Tenant == eventstore.SystemTenant, At: now,
			}
		},
		check: func(_ context.Context, r Request[CreateRole], _ role.State, _ []role.Event) error {
			return mayGrant(r.Caller, r.Command.Permissions)
		},
		claims:     claimRoleSlot,
		claimTaken: role.ErrSlotTaken,
	}))
}
