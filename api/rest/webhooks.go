package rest

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/google/uuid"

	"tansu.cloud/api/problem"
	"tansu.cloud/commands"
	"tansu.cloud/domain/filter"
	"tansu.cloud/domain/webhook"
	"tansu.cloud/eventstore"
	"tansu.cloud/projections/feeds"
	"tansu.cloud/projections/readmodels/webhooks"
)

// Webhooks answers questions about webhooks from their read model and from the
// records of what was delivered, keeps their secrets and sends tests.
type Webhooks interface {
	Get(ctx context.Context, tenant, id uuid.UUID) (webhooks.Endpoint, error)
	List(ctx context.Context, tenant uuid.UUID) ([]webhooks.Endpoint, error)
	Deliveries(ctx context.Context, tenant, id uuid.UUID, q webhooks.DeliveryQuery) (page []webhooks.Delivery, more bool, err error)
	Replays(ctx context.Context, tenant, id uuid.UUID) ([]webhooks.Replay, error)
	// NewSecret stores a secret, which goes again unless an event names it.
	NewSecret(ctx context.Context, tenant, id uuid.UUID) (name webhook.Secret, text string, err error)
	DropSecret(ctx context.Context, tenant uuid.UUID, id string) error
	SecretText(ctx context.Context, tenant, id uuid.UUID, secret string) (string, error)
	Test(ctx context.Context, tenant, id uuid.UUID, actor string) (webhooks.Delivery, error)
}

const permissionReadWebhooks = "webhooks.read"

// Webhook is a webhook as clients see it.
type Webhook struct {
	ID             string         `json:"id" doc:"UUID, given at registration." example:"01926a3e-2222-7c4b-9a51-3f0c1b2d4e5f"`
	URL            string         `json:"url" doc:"Where events are sent." example:"https://erp.example.com/hooks/tansu"`
	Description    string         `json:"description,omitempty" doc:"For people." example:"Orders to the ERP"`
	Topics         []feeds.Topic  `json:"topics" doc:"Events that one of them selects are sent; none: all events."`
	Filter         string         `json:"filter,omitempty" doc:"Expression that an event must satisfy as well." example:"data.total > 100"`
	Status         string         `json:"status" enum:"enabled,disabled" doc:"Whether anything is sent." example:"enabled"`
	DisabledReason string         `json:"disabled_reason,omitempty" doc:"Why it is disabled." example:"The address answered 410 Gone."`
	Fingerprint    string         `json:"secret_fingerprint" doc:"Names the secret: the first 16 hexadecimal digits of its SHA-256." example:"5b3f1c0a9d8e7f60"`
	Previous       *WebhookSecret `json:"previous_secret,omitempty" doc:"The secret before, while it signs too."`
	Version        int64          `json:"version" doc:"Of its stream; the ETag." example:"3"`
	CreatedAt      time.Time      `json:"created_at" doc:"When it was registered." example:"2026-01-31T12:00:00Z"`
	UpdatedAt      time.Time      `json:"updated_at" doc:"When it last changed." example:"2026-01-31T12:00:00Z"`
}

// WebhookSecret is a secret that is on its way out.
type WebhookSecret struct {
	Fingerprint string    `json:"fingerprint" doc:"Names the secret." example:"0a1b2c3d4e5f6071"`
	Until       time.Time `json:"until" doc:"To when it signs." example:"2026-02-01T12:00:00Z"`
}

// WebhookBody says where a webhook sends what.
type WebhookBody struct {
	URL         string        `json:"url" doc:"https address, of the public internet unless the installation allows others; up to 2000 bytes." example:"https://erp.example.com/hooks/tansu"`
	Description string        `json:"description,omitempty" doc:"For people; up to 500 characters." example:"Orders to the ERP"`
	Topics      []feeds.Topic `json:"topics,omitempty" doc:"Events that one of them selects are sent; none: all events. At most 50."`
	Filter      string        `json:"filter,omitempty" doc:"Expression that an event must satisfy as well; up to 2000 bytes." example:"data.total > 100"`
}

func (s *server) webhookRoutes() {
	s.webhookSecretRoutes()
	s.webhookReads()
	register(s, manageWebhook("change-webhook", http.MethodPut, "", "Change a webhook",
		"Replaces where the webhook sends what. What waits to be delivered is sent to the new address; what was selected before stays selected."),
		func(ctx context.Context, in *struct {
			IDPath
			ChangeHeaders
			Body WebhookBody
		}) (*changed[Webhook], error) {
			target, err := s.webhookTarget(in.Body)
			if err != nil {
				return nil, err
			}
			return sendToWebhook(ctx, s, s.Commands.ChangeWebhook, in.IDPath, in.ChangeHeaders, commands.ChangeWebhook{Target: target})
		})
	register(s, manageWebhook("enable-webhook", http.MethodPost, "/enable", "Enable a webhook",
		"Sends what comes from now on. For what was missed, ask for a replay. The body may be left out."),
		func(ctx context.Context, in *struct {
			IDPath
			ChangeHeaders
			Body *OptionalReasonBody
		}) (*changed[Webhook], error) {
			return sendToWebhook(ctx, s, s.Commands.EnableWebhook, in.IDPath, in.ChangeHeaders, commands.EnableWebhook{Reason: in.Body.text()})
		})
	register(s, manageWebhook("disable-webhook", http.MethodPost, "/disable", "Disable a webhook",
		"Sends nothing any more; what waits to be delivered is left out."),
		func(ctx context.Context, in *struct {
			IDPath
			ChangeHeaders
			Body ReasonBody
		}) (*changed[Webhook], error) {
			return sendToWebhook(ctx, s, s.Commands.DisableWebhook, in.IDPath, in.ChangeHeaders, commands.DisableWebhook{Reason: in.Body.Reason})
		})
	e := manageWebhook("delete-webhook", http.MethodDelete, "", "Delete a webhook", "Ends the webhook for ever; what waits to be delivered is left out.")
	e.status = http.StatusNoContent
	register(s, e, func(ctx context.Context, in *struct {
		IDPath
		ChangeHeaders
	}) (*deletedOutput, error) {
		return deleted(orderWebhook(ctx, s, s.Commands.DeleteWebhook, in.IDPath, in.ChangeHeaders, commands.DeleteWebhook{}))
	})
	s.webhookDeliveryRoutes()
}

// manageWebhook declares a command on a webhook.
func manageWebhook(id, method, action, summary, description string) endpoint {
	return endpoint{
		route: route{permission: commands.PermissionManageWebhooks, tenant: true},
		id:    id, method: method, path: "/v1/webhooks/{id}" + action, tag: "Webhooks", summary: summary, description: description,
	}
}

// webhookTarget reads a body. The domain knows no expressions, so the filter is
// parsed here.
func (s *server) webhookTarget(b WebhookBody) (webhook.Target, error) {
	target := webhook.Target{URL: b.URL, Description: b.Description, Filter: b.Filter, PlainHTTP: s.Config.PlainWebhooks}
	for _, t := range b.Topics {
		target.Topics = append(target.Topics, webhook.Topic(t))
	}
	if b.Filter == "" {
		return target, nil
	}
	_, err := feeds.ParseFilter(b.Filter)
	var wrong *filter.SyntaxError
	if errors.As(err, &wrong) {
		err = webhook.InvalidFilter(wrong.Error())
	}
	return target, err
}

// webhookModels are waited for after every change of a webhook.
var webhookModels = []string{webhooks.Name, webhooks.Saga}

func orderWebhook[C any](ctx context.Context, s *server, handler commands.Handler[C, webhook.State], path IDPath, h ChangeHeaders, command C) (outcome[webhook.State], error) {
	id, err := path.uuid(webhook.ErrNotFound)
	if err != nil {
		return outcome[webhook.State]{}, err
	}
	return send(ctx, s, handler, h, http.StatusOK, order[C]{
		tenant:     callOf(ctx).tenant,
		stream:     eventstore.Stream{Type: webhook.StreamType, ID: id.String()},
		command:    command,
		readModels: webhookModels,
	})
}

func sendToWebhook[C any](ctx context.Context, s *server, handler commands.Handler[C, webhook.State], path IDPath, h ChangeHeaders, command C) (*changed[Webhook], error) {
	sent, err := orderWebhook(ctx, s, handler, path, h, command)
	if err != nil {
		return nil, err
	}
	return &changed[Webhook]{sent.status, sent.Written, webhookOfState(sent.state, sent.version)}, nil
}

func webhookOfState(w webhook.State, version int64) Webhook {
	return webhookJSON(webhooks.Endpoint{
		ID: uuid.MustParse(w.ID), URL: w.URL, Description: w.Description, Topics: w.Topics, Filter: w.Filter, Status: string(w.Status),
		DisabledReason: w.DisabledReason, Fingerprint: w.Secret.Fingerprint, PreviousFingerprint: w.Previous.Fingerprint,
		PreviousUntil: w.PreviousUntil, Version: version, CreatedAt: w.CreatedAt, UpdatedAt: w.UpdatedAt,
	})
}

func webhookJSON(e webhooks.Endpoint) Webhook {
	w := Webhook{
		ID: e.ID.String(), URL: e.URL, Description: e.Description, Topics: []feeds.Topic{}, Filter: e.Filter, Status: e.Status,
		DisabledReason: e.DisabledReason, Fingerprint: e.Fingerprint, Version: e.Version,
		CreatedAt: e.CreatedAt.UTC(), UpdatedAt: e.UpdatedAt.UTC(),
	}
	for _, t := range e.Topics {
		w.Topics = append(w.Topics, feeds.Topic(t))
	}
	if e.PreviousFingerprint != "" && time.Now().Before(e.PreviousUntil) {
		w.Previous = &WebhookSecret{e.PreviousFingerprint, e.PreviousUntil.UTC()}
	}
	return w
}

// definite reports whether a refused command has certainly changed nothing.
func definite(err error) bool { return problem.From(err).Status < http.StatusInternalServerError }
