package commands

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/google/uuid"

	"tansu.cloud/eventstore"
)

// A tenant has a bounded number of some things. Each takes one of the slots from
// 1 to that number by a claim, so that no two processes together go beyond it.

// freeSlot returns a slot that nothing holds, 0 if there is none; the domain
// refuses that. Slots fill from below, so the lowest free one is mostly found in
// a few steps; only if these hit held ones alone is every slot looked at.
func (p *pipeline) freeSlot(ctx context.Context, tenant uuid.UUID, scope string, max int) (int, error) {
	held := func(slot int) (bool, error) {
		_, held, err := p.store.ClaimHolder(ctx, tenant, scope, strconv.Itoa(slot))
		if err != nil {
			err = fmt.Errorf("looking for a free slot: %w", err)
		}
		return held, err
	}
	low := 0 // held, or none at all
	for step := 1; low < max; step *= 2 {
		high := min(low+step, max)
		taken, err := held(high)
		if err != nil {
			return 0, err
		}
		if taken {
			low = high
			continue
		}
		for high-low > 1 {
			middle := (low + high) / 2
			if taken, err = held(middle); err != nil {
				return 0, err
			}
			if taken {
				low = middle
			} else {
				high = middle
			}
		}
		return high, nil
	}
	for slot := 1; slot <= max; slot++ {
		if taken, err := held(slot); err != nil || !taken {
			return slot, err
		}
	}
	return 0, nil
}

// slotClaims makes the claims of events that take or free a slot; change says
// which one, 0 for events that do neither.
func slotClaims[E eventstore.Payload](scope string, change func(E) (eventstore.ClaimOp, int)) func(eventstore.Stream, []E) []eventstore.Claim {
	return func(stream eventstore.Stream, events []E) []eventstore.Claim {
		var claims []eventstore.Claim
		for _, e := range events {
			if op, slot := change(e); op != 0 {
				claims = append(claims, eventstore.Claim{Op: op, Scope: scope, Value: strconv.Itoa(slot), Stream: stream})
			}
		}
		return claims
	}
}

// retrySlots lets whoever loses a slot to another request look for one again.
func retrySlots[C, S any](taken error, next Handler[C, S]) Handler[C, S] {
	return func(ctx context.Context, r Request[C]) (Result[S], error) {
		for try := 1; ; try++ {
			result, err := next(ctx, r)
			if try == maxTries || !errors.Is(err, taken) {
				return result, err
			}
		}
	}
}
