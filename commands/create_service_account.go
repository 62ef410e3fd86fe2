package commands

import (
	"context"
	"time"

	"tansu.cloud/domain/identity/serviceaccount"
	"tansu.cloud/domain/tenant"
)

// CreateServiceAccount makes a service account of the request's tenant. Its
// secret has been stored before, under the given id. Its roles permit nothing
// that the caller may not do. A request without a stream id gets a new one.
type CreateServiceAccount struct {
	Name     string
	Roles    []string
	SecretID string

	slot int
}

func createServiceAccount(p *pipeline) Handler[CreateServiceAccount, serviceaccount.State] {
	return retrySlots(serviceaccount.ErrSlotTaken, handle(p, serviceAccountUseCase[CreateServiceAccount]{
		name:       "CreateServiceAccount",
		permission: PermissionManageServiceAccounts,
		aggregate:  serviceAccounts,
		creates:    true,
		prepare: func(ctx context.Context, r *Request[CreateServiceAccount]) (err error) {
			r.Command.slot, err = p.quotaSlot(ctx, r.Tenant, tenant.QuotaServiceAccounts, serviceaccount.SlotScope, serviceaccount.MaxPerTenant)
			return err
		},
		command: func(r Request[CreateServiceAccount], now time.Time) serviceaccount.Command {
			c := r.Command
			return serviceaccount.Create{ID: r.Stream, Slot: c.slot, Name: c.Name, Roles: c.Roles, SecretID: c.SecretID, At: now}
		},
		check: func(ctx context.Context, r Request[CreateServiceAccount], _ serviceaccount.State, _ []serviceaccount.Event) error {
			return p.mayGiveRoles(ctx, r.Tenant, r.Caller, r.Command.Roles)
		},
		claims:     claimAccountSlot,
		claimTaken: serviceaccount.ErrSlotTaken,
	}))
}
