package rest

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/google/uuid"

	"tansu.cloud/commands"
	"tansu.cloud/domain/webhook"
	"tansu.cloud/eventstore"
	"tansu.cloud/projections/readmodels/webhooks"
)

// WebhookWithSecret is a webhook whose secret was made by the request.
type WebhookWithSecret struct {
	Webhook
	Secret string `json:"secret,omitempty" doc:"Signs what is sent (Standard Webhooks). It is told now and in repeats of this request with its Idempotency-Key only, and absent if it was replaced meanwhile." example:"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw0123456789a="`
}

type webhookWithSecretOutput struct {
	Status int
	Written
	Location string `header:"Location" doc:"Where the webhook can be read." example:"/v1/webhooks/01926a3e-2222-7c4b-9a51-3f0c1b2d4e5f"`
	Body     WebhookWithSecret
}

// RotateSecretBody says how long two secrets sign.
type RotateSecretBody struct {
	Overlap *int64 `json:"overlap_seconds,omitempty" minimum:"0" maximum:"604800" doc:"How long the secret before goes on signing too; 86400 (a day) if not given." example:"86400"`
}

const defaultOverlap = 24 * time.Hour

func (b *RotateSecretBody) overlap() time.Duration {
	if b == nil || b.Overlap == nil {
		return defaultOverlap
	}
	return time.Duration(*b.Overlap) * time.Second
}

func (s *server) webhookSecretRoutes() {
	register(s, endpoint{
		route: route{permission: commands.PermissionManageWebhooks, tenant: true},
		id:    "create-webhook", method: http.MethodPost, path: "/v1/webhooks", tag: "Webhooks", status: http.StatusCreated,
		summary: "Register a webhook",
		description: "Registers an address to which the tenant's events are sent from now on, in order per stream, each signed with the secret " +
			"that is answered here. A tenant has at most 50.",
	}, func(ctx context.Context, in *struct {
		CommandHeaders
		Body WebhookBody
	}) (*webhookWithSecretOutput, error) {
		target, err := s.webhookTarget(in.Body)
		if err != nil {
			return nil, err
		}
		id, err := uuid.NewV7()
		if err != nil {
			return nil, err
		}
		out, err := sendSecret(ctx, s, s.Commands.RegisterWebhook, id, ChangeHeaders{CommandHeaders: in.CommandHeaders}, http.StatusCreated,
			func(secret webhook.Secret) commands.RegisterWebhook {
				return commands.RegisterWebhook{Target: target, Secret: secret}
			})
		if err != nil {
			return nil, err
		}
		out.Location = "/v1/webhooks/" + out.Body.ID
		return out, nil
	})
	register(s, manageWebhook("rotate-webhook-secret", http.MethodPost, "/rotate-secret", "Rotate the secret of a webhook",
		"Makes a new secret. The one before signs too for a while, so that the receiver can change over. The body may be left out."),
		func(ctx context.Context, in *struct {
			IDPath
			ChangeHeaders
			Body *RotateSecretBody
		}) (*webhookWithSecretOutput, error) {
			id, err := in.uuid(webhook.ErrNotFound)
			if err != nil {
				return nil, err
			}
			return sendSecret(ctx, s, s.Commands.RotateWebhookSecret, id, in.ChangeHeaders, http.StatusOK,
				func(secret webhook.Secret) commands.RotateWebhookSecret {
					return commands.RotateWebhookSecret{Secret: secret, Overlap: in.Body.overlap()}
				})
		})
}

// sendSecret stores a secret and sends the command that names it. What is kept
// under the idempotency key does not hold the secret, so a repeat reads it from
// where it is stored.
func sendSecret[C any](ctx context.Context, s *server, handler commands.Handler[C, webhook.State], id uuid.UUID, h ChangeHeaders, status int,
	command func(webhook.Secret) C) (*webhookWithSecretOutput, error) {
	tenant := callOf(ctx).tenant
	secret, text, err := s.Webhooks.NewSecret(ctx, tenant, id)
	if err != nil {
		return nil, err
	}
	sent, err := send(ctx, s, handler, h, status, order[C]{
		tenant:     tenant,
		stream:     eventstore.Stream{Type: webhook.StreamType, ID: id.String()},
		command:    command(secret),
		readModels: webhookModels,
	})
	used := err == nil && sent.state.Secret.ID == secret.ID
	if !used && (err == nil || definite(err)) {
		if failed := s.Webhooks.DropSecret(ctx, tenant, secret.ID); failed != nil {
			s.Logger.WarnContext(ctx, "an unused secret is kept for some days", "tenant_id", tenant, "secret_id", secret.ID, "error", failed)
		}
	}
	if err != nil {
		return nil, err
	}
	if !used {
		text, err = s.Webhooks.SecretText(ctx, tenant, uuid.MustParse(sent.state.ID), sent.state.Secret.ID)
		if err != nil && !errors.Is(err, webhooks.ErrNotFound) {
			return nil, err
		}
	}
	return &webhookWithSecretOutput{
		Status: sent.status, Written: sent.Written,
		Body: WebhookWithSecret{webhookOfState(sent.state, sent.version), text},
	}, nil
}
