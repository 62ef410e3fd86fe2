package rest

import (
	"context"
	"time"

	"github.com/google/uuid"

	"tansu.cloud/platform/credentials"
)

// RotateClientSecretBody says how long two secrets count.
type RotateClientSecretBody struct {
	Overlap *int64 `json:"overlap_seconds,omitempty" minimum:"0" maximum:"604800" doc:"How long the secret before goes on counting; 86400 (a day) if not given." example:"86400"`
}

func (b *RotateClientSecretBody) overlap() time.Duration {
	if b == nil || b.Overlap == nil {
		return defaultOverlap
	}
	return time.Duration(*b.Overlap) * time.Second
}

// secretInUse names the secrets of a program after a command.
type secretInUse struct {
	id, previous string
	until        time.Time // of the previous one
}

// withSecret stores a secret of a program of the call's tenant and sends the
// command that names it. The secret counts only then, and goes again by itself
// if the command does not take effect. Only its hash is stored, so a repeat of
// the request has no secret to tell.
//
// That a secret counts, and the one before no longer than it may, is seen to by the
// saga too; here it is done so that it holds when the answer is there.
func withSecret[S any](ctx context.Context, s *server, owner uuid.UUID, command func(secret string) (outcome[S], secretInUse, error)) (outcome[S], string, error) {
	var none outcome[S]
	tenant := callOf(ctx).tenant
	id, err := uuid.NewV7()
	if err != nil {
		return none, "", err
	}
	text := credentials.NewSecret()
	if err := s.Credentials.StoreSecret(ctx, tenant, owner, id, text); err != nil {
		return none, "", err
	}
	sent, inUse, err := command(id.String())
	if err != nil || inUse.id != id.String() {
		if err == nil || definite(err) {
			s.tidy(ctx, "an unused secret is kept for some days", s.Credentials.DropSecret(ctx, tenant, owner, id))
		}
		return sent, "", err
	}
	if err := s.Credentials.KeepSecret(ctx, tenant, owner, id, sent.Position); err != nil {
		s.tidy(ctx, "a secret cannot be kept", err)
		return none, "", unavailable("The secret cannot be kept; rotate it to get another one.")
	}
	if inUse.previous != "" {
		if err := s.Credentials.RetireSecrets(ctx, tenant, owner, sent.Position, inUse.until); err != nil {
			s.tidy(ctx, "a secret cannot be retired", err)
			return none, "", unavailable("The secret before cannot be retired; rotate once more.")
		}
	}
	return sent, text, nil
}
