package commands

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"

	"tansu.cloud/domain/webhook"
)

// RegisterWebhook makes a webhook of the request's tenant. Its secret has been
// stored before, under the given id.
type RegisterWebhook struct {
	Target webhook.Target
	Secret webhook.Secret

	slot int
}

// registerWebhook looks for a free slot first. Whoever loses it to another
// request at the same moment looks again.
func registerWebhook(p *pipeline) Handler[RegisterWebhook, webhook.State] {
	register := handle(p, webhookUseCase[RegisterWebhook]{
		name:       "RegisterWebhook",
		permission: PermissionManageWebhooks,
		aggregate:  webhooks,
		creates:    true,
		command: func(r Request[RegisterWebhook], now time.Time) webhook.Command {
			c := r.Command
			return webhook.Register{ID: r.Stream, Slot: c.slot, Target: c.Target, Secret: c.Secret, At: now}
		},
		claims:     claimSlot,
		claimTaken: webhook.ErrSlotTaken,
	})
	return func(ctx context.Context, r Request[RegisterWebhook]) (Result[webhook.State], error) {
		for try := 1; ; try++ {
			slot, err := p.freeSlot(ctx, r.Tenant)
			if err != nil {
				return Result[webhook.State]{}, err
			}
			r.Command.slot = slot
			result, err := register(ctx, r)
			if try == maxTries || !errors.Is(err, webhook.ErrSlotTaken) {
				return result, err
			}
		}
	}
}

// freeSlot returns 0 if there is none. The domain refuses that, after a repeat
// of an earlier request has been recognised.
func (p *pipeline) freeSlot(ctx context.Context, tenant uuid.UUID) (int, error) {
	for slot := 1; slot <= webhook.MaxPerTenant; slot++ {
		_, taken, err := p.store.ClaimHolder(ctx, tenant, webhook.SlotScope, strconv.Itoa(slot))
		if err != nil {
			return 0, fmt.Errorf("looking for a free slot: %w", err)
		}
		if !taken {
			return slot, nil
		}
	}
	return 0, nil
}
