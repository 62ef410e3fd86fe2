package commands

import (
	"context"
	"time"

	"tansu.cloud/domain/identity/apikey"
	"tansu.cloud/domain/tenant"
	"tansu.cloud/eventstore"
)

// CreateAPIKey makes an API key of the request's tenant. Its hash has been
// stored before, under the stream's id. It permits nothing that the caller may
// not do.
type CreateAPIKey struct {
	Name        string
	Permissions []string
	ExpiresAt   time.Time // zero: never
	Hint        string    // the key's last characters

	slot int
}

func createAPIKey(p *pipeline) Handler[CreateAPIKey, apikey.State] {
	return retrySlots(apikey.ErrSlotTaken, handle(p, apiKeyUseCase[CreateAPIKey]{
		name:       "CreateAPIKey",
		permission: PermissionManageAPIKeys,
		aggregate:  apiKeys,
		prepare: func(ctx context.Context, r *Request[CreateAPIKey]) (err error) {
			r.Command.slot, err = p.quotaSlot(ctx, r.Tenant, tenant.QuotaAPIKeys, apikey.SlotScope, apikey.MaxPerTenant)
			return err
		},
		command: func(r Request[CreateAPIKey], now time.Time) apikey.Command {
			c := r.Command
			return apikey.Create{
				ID: r.Stream, Slot: c.slot, Name: c.Name, Permissions: c.Permissions, ExpiresAt: c.ExpiresAt,
				CreatedBy: r.Caller.Actor, Hint: c.Hint, Platform: r.Tenant == eventstore.SystemTenant, At: now,
			}
		},
		check: func(_ context.Context, r Request[CreateAPIKey], _ apikey.State, _ []apikey.Event) error {
			return mayGrant(r.Caller, r.Command.Permissions)
		},
		claims:     claimKeySlot,
		claimTaken: apikey.ErrSlotTaken,
	}))
}
