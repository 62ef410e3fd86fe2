package rest

import (
	"context"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/google/uuid"

	"tansu.cloud/api/problem"
	"tansu.cloud/commands"
	"tansu.cloud/domain"
	"tansu.cloud/domain/webhook"
	"tansu.cloud/platform/limits"
)

// WebhookTest is what came of a test.
type WebhookTest struct {
	Accepted   bool   `json:"accepted" doc:"Whether the address answered with 2xx." example:"true"`
	Status     int    `json:"status,omitempty" doc:"HTTP status of the answer, if there was one." example:"200"`
	DurationMS int64  `json:"duration_ms" doc:"How long the answer took." example:"87"`
	Error      string `json:"error,omitempty" doc:"Why it was not accepted." example:"the address answered 500"`
	Response   string `json:"response,omitempty" doc:"The first 1024 bytes of the answer." example:"ok"`
}

// ReplayBody says which part of the log is delivered again.
type ReplayBody struct {
	From   int64  `json:"from_position" minimum:"1" doc:"First position." example:"40"`
	To     int64  `json:"to_position,omitempty" minimum:"1" doc:"Last position; the end of the log if not given." example:"1200"`
	Reason string `json:"reason,omitempty" doc:"Up to 500 characters; kept with the event." example:"Their database was restored"`
}

// WebhookReplay is a replay that was asked for.
type WebhookReplay struct {
	ID   string `json:"id" doc:"UUID of the replay." example:"01926a40-4444-7c4b-9a51-3f0c1b2d4e5f"`
	From int64  `json:"from_position" doc:"First position." example:"40"`
	To   int64  `json:"to_position" doc:"Last position." example:"1200"`
}

// WebhookReplayProgress says how far a replay is.
type WebhookReplayProgress struct {
	WebhookReplay
	Done        int64     `json:"done_position" doc:"Everything up to here was looked at; at to_position the replay is complete." example:"700"`
	Deliveries  int64     `json:"deliveries" doc:"How many deliveries it has led to so far." example:"310"`
	RequestedAt time.Time `json:"requested_at" doc:"When it was asked for." example:"2026-01-31T12:00:00Z"`
	UpdatedAt   time.Time `json:"updated_at" doc:"When it last moved." example:"2026-01-31T12:00:05Z"`
}

// WebhookReplayList lists replays.
type WebhookReplayList struct {
	Items []WebhookReplayProgress `json:"items" doc:"The newest 50 replays, newest first."`
}

type webhookTestOutput struct{ Body WebhookTest }

type webhookReplayListOutput struct{ Body WebhookReplayList }

func (s *server) webhookDeliveryRoutes() {
	s.testWebhookRoute()
	register(s, manageWebhook("redrive-webhook", http.MethodPost, "/redrive", "Re-drive a webhook",
		"Tries what was given up again, in order, with all attempts; the streams behind it flow again. The body may be left out."),
		func(ctx context.Context, in *struct {
			IDPath
			ChangeHeaders
			Body *OptionalReasonBody
		}) (*changed[Webhook], error) {
			return sendToWebhook(ctx, s, s.Commands.RedriveWebhook, in.IDPath, in.ChangeHeaders, commands.RedriveWebhook{Reason: in.Body.text()})
		})
	register(s, manageWebhook("replay-webhook", http.MethodPost, "/replay", "Replay to a webhook",
		"Delivers a part of the log again: what the webhook selects of it as it is now, behind what waits already. Each message has the `webhook-id` that it had before."),
		s.replayWebhook)
	register(s, endpoint{
		route: route{permission: permissionReadWebhooks, tenant: true},
		id:    "list-webhook-replays", method: http.MethodGet, path: "/v1/webhooks/{id}/replays", tag: "Webhooks",
		summary: "List the replays to a webhook", description: "How far the newest replays are. They are kept for 30 days.",
	}, func(ctx context.Context, in *struct{ IDPath }) (*webhookReplayListOutput, error) {
		found, err := s.webhook(ctx, in.IDPath)
		if err != nil {
			return nil, err
		}
		replays, err := s.Webhooks.Replays(ctx, callOf(ctx).tenant, found.ID)
		out := &webhookReplayListOutput{WebhookReplayList{Items: []WebhookReplayProgress{}}}
		for _, r := range replays {
			out.Body.Items = append(out.Body.Items, WebhookReplayProgress{
				WebhookReplay: WebhookReplay{r.ID.String(), r.FromPosition, r.ToPosition},
				Done:          r.DonePosition, Deliveries: r.Enqueued, RequestedAt: r.RequestedAt.UTC(), UpdatedAt: r.UpdatedAt.UTC(),
			})
		}
		return out, err
	})
}

// testRate bounds how often one webhook is tested: tests go to addresses that may
// not be their tenant's.
var testRate = limits.Rate{Tokens: 10, Per: time.Minute, Burst: 10}

func (s *server) testWebhookRoute() {
	e := manageWebhook("test-webhook", http.MethodPost, "/test", "Test a webhook",
		"Sends an event of the type `webhook.test`, which is in no log, at once and answers with what came of it, within 10 seconds. The webhook need not be enabled. A webhook can be tested ten times in a minute.")
	e.also = map[int]string{http.StatusTooManyRequests: "Too many tests of this webhook; `Retry-After` says when the next one is possible."}
	register(s, e, func(ctx context.Context, in *struct{ IDPath }) (*webhookTestOutput, error) {
		id, err := in.uuid(webhook.ErrNotFound)
		if err != nil {
			return nil, err
		}
		c := callOf(ctx)
		if d := s.Limits.Allow(ctx, c.tenant.String()+"/webhook-tests/"+id.String(), testRate, 1); !d.OK {
			return nil, problem.New(problem.RateLimited, "The webhook was tested ten times in a minute; wait a little.").
				WithHeader("Retry-After", strconv.Itoa(int(math.Ceil(d.RetryAfter.Seconds()))))
		}
		d, err := s.Webhooks.Test(ctx, c.tenant, id, c.actor)
		if err != nil {
			return nil, missingAs(err, webhook.ErrNotFound)
		}
		return &webhookTestOutput{WebhookTest{
			Accepted: d.Error == "", Status: d.Status, DurationMS: d.Duration.Milliseconds(), Error: d.Error, Response: d.Response,
		}}, nil
	})
}

type replayWebhookInput struct {
	IDPath
	ChangeHeaders
	Body ReplayBody
}

func (s *server) replayWebhook(ctx context.Context, in *replayWebhookInput) (*changed[WebhookReplay], error) {
	head, err := s.Log.Head(ctx, callOf(ctx).tenant)
	if err != nil {
		return nil, err
	}
	to := in.Body.To
	if to == 0 {
		to = head.Position
	}
	if to > head.Position {
		return nil, domain.Invalid("webhook.command_invalid", "the command has invalid fields",
			domain.FieldError{Field: "/to_position", Code: "beyond_log", Message: "is beyond the end of the log"})
	}
	id, err := uuid.NewV7()
	if err != nil {
		return nil, err
	}
	sent, err := orderWebhook(ctx, s, s.Commands.ReplayWebhook, in.IDPath, in.ChangeHeaders, commands.ReplayWebhook{
		ReplayID: id.String(), FromPosition: in.Body.From, ToPosition: to, Reason: in.Body.Reason,
	})
	if err != nil {
		return nil, err
	}
	r := sent.state.Replay
	return &changed[WebhookReplay]{sent.status, sent.Written, WebhookReplay{r.ID, r.FromPosition, r.ToPosition}}, nil
}
