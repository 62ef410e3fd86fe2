package commands

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"

	"tansu.cloud/domain"
	"tansu.cloud/domain/identity/apikey"
	"tansu.cloud/domain/tenant"
	"tansu.cloud/eventstore"
)

// CreateAPIKey makes an API key of the request's tenant. Its hash has been
// stored before, under the stream's id. It permits nothing that the caller may
// not do. Where there is no room, an expired key makes some.
type CreateAPIKey struct {
	Name        string
	Permissions []string
	ExpiresAt   time.Time // zero: never
	Hint        string    // the key's last characters

	slot int
}

func createAPIKey(p *pipeline) Handler[CreateAPIKey, apikey.State] {
	create := retrySlots(apikey.ErrSlotTaken, handle(p, apiKeyUseCase[CreateAPIKey]{
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
	revoke := revokeAPIKey(p)
	return func(ctx context.Context, r Request[CreateAPIKey]) (Result[apikey.State], error) {
		for {
			result, err := create(ctx, r)
			if refusal := (*domain.Error)(nil); !errors.As(err, &refusal) || refusal.Code != apikey.ErrTooMany.Code && refusal.Code != "quota_exceeded" {
				return result, err
			}
			expired, failed := p.expiredKey(ctx, r.Tenant)
			if failed != nil || expired == "" {
				return result, errors.Join(failed, err)
			}
			if _, failed := revoke(ctx, expiry(r.Tenant, expired)); failed != nil {
				return result, errors.Join(failed, err)
			}
		}
	}
}

// expiredKey returns an API key that holds a slot and has expired, empty if there
// is none. It is as good as revoked, so a new one takes its place.
func (p *pipeline) expiredKey(ctx context.Context, owner uuid.UUID) (string, error) {
	for slot := 1; slot <= apikey.MaxPerTenant; slot++ {
		holder, held, err := p.store.ClaimHolder(ctx, owner, apikey.SlotScope, strconv.Itoa(slot))
		if err != nil {
			return "", fmt.Errorf("looking for an expired API key: %w", err)
		}
		if !held {
			continue
		}
		key, err := load(ctx, p, apiKeys, owner, holder.ID, 0)
		if err != nil {
			return "", err
		}
		if at := key.state.ExpiresAt; !at.IsZero() && !p.now().Before(at) {
			return holder.ID, nil
		}
	}
	return "", nil
}

// expiry revokes an expired API key in the name of the platform.
func expiry(owner uuid.UUID, key string) Request[RevokeAPIKey] {
	return Request[RevokeAPIKey]{
		Tenant: owner, Stream: key, Command: RevokeAPIKey{Reason: "expired"}, Expected: eventstore.AnyVersion,
		Caller: Caller{Actor: "system:expiry", Permissions: func(string) bool { return true }},
	}
}
