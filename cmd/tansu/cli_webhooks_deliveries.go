package main

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/spf13/cobra"
)

type webhookDeliveryInfo struct {
	ID         string    `json:"id"`
	Position   int64     `json:"position"`
	EventType  string    `json:"event_type"`
	Attempt    int       `json:"attempt"`
	Outcome    string    `json:"outcome"`
	Status     int       `json:"status"`
	DurationMS int64     `json:"duration_ms"`
	Error      string    `json:"error"`
	RecordedAt time.Time `json:"recorded_at"`
}

var webhookDeliveryColumns = []column[webhookDeliveryInfo]{
	{"recorded", func(d webhookDeliveryInfo) string { return timeCell(d.RecordedAt) }},
	{"position", func(d webhookDeliveryInfo) string { return strconv.FormatInt(d.Position, 10) }},
	{"event", func(d webhookDeliveryInfo) string { return d.EventType }},
	{"attempt", func(d webhookDeliveryInfo) string { return strconv.Itoa(d.Attempt) }},
	{"outcome", func(d webhookDeliveryInfo) string { return d.Outcome }},
	{"status", func(d webhookDeliveryInfo) string { return statusCell(d.Status) }},
	{"ms", func(d webhookDeliveryInfo) string { return strconv.FormatInt(d.DurationMS, 10) }},
	{"error", func(d webhookDeliveryInfo) string { return d.Error }},
}

type webhookTestInfo struct {
	Accepted   bool   `json:"accepted"`
	Status     int    `json:"status"`
	DurationMS int64  `json:"duration_ms"`
	Error      string `json:"error"`
	Response   string `json:"response"`
}

var webhookTestFields = []column[webhookTestInfo]{
	{"accepted", func(t webhookTestInfo) string { return strconv.FormatBool(t.Accepted) }},
	{"status", func(t webhookTestInfo) string { return statusCell(t.Status) }},
	{"ms", func(t webhookTestInfo) string { return strconv.FormatInt(t.DurationMS, 10) }},
	{"error", func(t webhookTestInfo) string { return t.Error }},
	{"response", func(t webhookTestInfo) string { return t.Response }},
}

type webhookReplayInfo struct {
	ID          string    `json:"id"`
	From        int64     `json:"from_position"`
	To          int64     `json:"to_position"`
	Done        int64     `json:"done_position"`
	Deliveries  int64     `json:"deliveries"`
	RequestedAt time.Time `json:"requested_at"`
}

var webhookReplayColumns = []column[webhookReplayInfo]{
	{"id", func(r webhookReplayInfo) string { return r.ID }},
	{"from", func(r webhookReplayInfo) string { return strconv.FormatInt(r.From, 10) }},
	{"to", func(r webhookReplayInfo) string { return strconv.FormatInt(r.To, 10) }},
	{"done", func(r webhookReplayInfo) string { return strconv.FormatInt(r.Done, 10) }},
	{"deliveries", func(r webhookReplayInfo) string { return strconv.FormatInt(r.Deliveries, 10) }},
	{"requested", func(r webhookReplayInfo) string { return timeCell(r.RequestedAt) }},
}

func statusCell(status int) string {
	if status == 0 {
		return ""
	}
	return strconv.Itoa(status)
}

func newWebhooksDeliveries(r resource[webhookInfo]) *cobra.Command {
	var outcome string
	var l listFlags
	cmd := r.c.verb(cobra.Command{
		Use: "deliveries ID", Args: cobra.ExactArgs(1),
		Short:   "List what was sent, and how it was answered",
		Long:    "List the attempts to deliver, newest first, with the answers. -o json has the beginning of each answer too.",
		Example: "  tansu webhooks deliveries 0192f0c1-… --outcome parked",
	}, func(ctx context.Context, s *session, args []string) error {
		return list(ctx, s, r.pathOf(args[0], "/deliveries"), set(url.Values{}, "outcome", outcome), l, webhookDeliveryColumns)
	})
	cmd.Flags().StringVar(&outcome, "outcome", "", "delivered, retried, parked, gone, skipped or test")
	fixed(cmd, "outcome", "delivered", "retried", "parked", "gone", "skipped", "test")
	l.add(cmd.Flags())
	return cmd
}

func newWebhooksTest(r resource[webhookInfo]) *cobra.Command {
	return r.c.verb(cobra.Command{
		Use: "test ID", Args: cobra.ExactArgs(1),
		Short:   "Send a test event at once",
		Long:    "Send an event of the type webhook.test at once and show the answer. It fails if the address does not accept it.",
		Example: "  tansu webhooks test 0192f0c1-…",
	}, func(ctx context.Context, s *session, args []string) error {
		a, err := s.command(ctx, call{method: http.MethodPost, path: r.pathOf(args[0], "/test")})
		it, err := decode[item[webhookTestInfo]](a, err)
		if err != nil {
			return err
		}
		if err := printItem(s.out, webhookTestFields, it); err != nil {
			return err
		}
		if !it.value.Accepted {
			return errors.New("the address did not accept the test")
		}
		return nil
	})
}

func newWebhooksReplay(r resource[webhookInfo]) *cobra.Command {
	var from, to int64
	var reason string
	var w writeFlags
	cmd := r.c.verb(cobra.Command{
		Use: "replay ID --from POSITION", Args: cobra.ExactArgs(1),
		Short: "Deliver a part of the log again",
		Long: "Deliver what the webhook selects of a part of the log again, as it is now. Messages have the ids that they had\n" +
			"before, so a receiver knows which ones it has seen. tansu webhooks replays shows how far it is.",
		Example: "  tansu webhooks replay 0192f0c1-… --from 1200 --reason \"their database was restored\"",
	}, func(ctx context.Context, s *session, args []string) error {
		if from < 1 {
			return usagef("--from is missing; give the first position to deliver again, 1 or more")
		}
		body := set1("reason", reason)
		body["from_position"] = from
		if to > 0 {
			body["to_position"] = to
		}
		a, err := s.command(ctx, call{method: http.MethodPost, path: r.pathOf(args[0], "/replay"), body: body, key: w.key, header: w.header()})
		it, err := decode[item[webhookReplayInfo]](a, err)
		if err != nil {
			return err
		}
		return printItem(s.out, webhookReplayColumns[:3], it)
	})
	f := cmd.Flags()
	f.Int64Var(&from, "from", 0, "first position")
	f.Int64Var(&to, "to", 0, "last position; default: the end of the log")
	f.StringVar(&reason, "reason", "", "why; up to 500 characters")
	w.add(f)
	return cmd
}

func newWebhooksReplays(r resource[webhookInfo]) *cobra.Command {
	return r.c.verb(cobra.Command{
		Use: "replays ID", Args: cobra.ExactArgs(1),
		Short:   "Show how far replays are",
		Long:    "Show how far the newest replays to a webhook are; one is complete when it is done up to its last position.",
		Example: "  tansu webhooks replays 0192f0c1-…",
	}, func(ctx context.Context, s *session, args []string) error {
		return listAll(ctx, s, r.pathOf(args[0], "/replays"), nil, webhookReplayColumns)
	})
}
