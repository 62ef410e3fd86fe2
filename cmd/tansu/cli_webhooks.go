package main

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

type webhookTopic struct {
	StreamType string `json:"stream_type,omitempty"`
	StreamID   string `json:"stream_id,omitempty"`
	Type       string `json:"type,omitempty"`
	Actor      string `json:"actor,omitempty"`
}

type webhookInfo struct {
	ID             string         `json:"id"`
	URL            string         `json:"url"`
	Description    string         `json:"description"`
	Topics         []webhookTopic `json:"topics"`
	Filter         string         `json:"filter"`
	Status         string         `json:"status"`
	DisabledReason string         `json:"disabled_reason"`
	Fingerprint    string         `json:"secret_fingerprint"`
	Secret         string         `json:"secret"`
	Version        int64          `json:"version"`
	CreatedAt      time.Time      `json:"created_at"`
	UpdatedAt      time.Time      `json:"updated_at"`
}

var webhookColumns = []column[webhookInfo]{
	{"id", func(w webhookInfo) string { return w.ID }},
	{"status", func(w webhookInfo) string { return w.Status }},
	{"url", func(w webhookInfo) string { return w.URL }},
	{"topics", func(w webhookInfo) string { return topicsCell(w.Topics) }},
	{"filter", func(w webhookInfo) string { return w.Filter }},
	{"created", func(w webhookInfo) string { return timeCell(w.CreatedAt) }},
}

var webhookFields = append(webhookColumns[:len(webhookColumns):len(webhookColumns)],
	column[webhookInfo]{"updated", func(w webhookInfo) string { return timeCell(w.UpdatedAt) }},
	column[webhookInfo]{"description", func(w webhookInfo) string { return w.Description }},
	column[webhookInfo]{"reason", func(w webhookInfo) string { return w.DisabledReason }},
	column[webhookInfo]{"secret", func(w webhookInfo) string { return w.Fingerprint + "…" }},
	column[webhookInfo]{"version", func(w webhookInfo) string { return strconv.FormatInt(w.Version, 10) }},
)

var webhookSecretFields = append(webhookFields[:len(webhookFields):len(webhookFields)],
	column[webhookInfo]{"signing secret", func(w webhookInfo) string { return w.Secret }},
)

const webhooksPath = "/v1/webhooks"

func newWebhooksCommand(c *cli) *cobra.Command {
	return noun(cobra.Command{
		Use: "webhooks", Aliases: []string{"webhook"},
		Short: "Send events to addresses",
		Long: "Register addresses to which a tenant's events are sent, signed, in order per stream. What an address does not\n" +
			"accept is tried again for a day and then waits for a re-drive.",
		Example: "  tansu webhooks create https://example.com/hooks --topic type=order.paid\n  tansu webhooks deliveries 0192f0c1-… --outcome parked",
	},
		newWebhooksList(c), newWebhooksShow(c), newWebhooksCreate(c), newWebhooksUpdate(c),
		newWebhooksSwitch(c, "enable", "Send what comes from now on", false),
		newWebhooksSwitch(c, "disable", "Send nothing any more", true),
		newWebhooksRotateSecret(c), newWebhooksTest(c), newWebhooksReplay(c), newWebhooksReplays(c),
		newWebhooksSwitch(c, "redrive", "Try again what was given up, in order", false),
		newWebhooksDeliveries(c), newWebhooksDelete(c),
	)
}

func webhookPath(id string) string { return webhooksPath + "/" + url.PathEscape(id) }

func newWebhooksList(c *cli) *cobra.Command {
	return c.verb(cobra.Command{
		Use: "list", Args: cobra.NoArgs,
		Short:   "List a tenant's webhooks",
		Long:    "List all webhooks of a tenant, oldest first.",
		Example: "  tansu webhooks list --tenant acme",
	}, func(ctx context.Context, s *session, _ []string) error {
		p, err := decode[page[webhookInfo]](s.do(ctx, call{method: http.MethodGet, path: webhooksPath}))
		if err != nil {
			return err
		}
		if err := printItems(s.out, webhookColumns, p.Items); err != nil {
			return err
		}
		if len(p.Items) == 0 {
			s.note("Nothing found.")
		}
		return s.out.end()
	})
}

func newWebhooksShow(c *cli) *cobra.Command {
	return c.verb(cobra.Command{
		Use: "show ID", Aliases: []string{"get"}, Args: cobra.ExactArgs(1),
		Short:   "Show a webhook",
		Long:    "Show a webhook: where it sends what, and whether it is enabled. Its secret is named by fingerprint only.",
		Example: "  tansu webhooks show 0192f0c1-…",
	}, func(ctx context.Context, s *session, args []string) error {
		return show(ctx, s, webhookPath(args[0]), nil, webhookFields)
	})
}

func newWebhooksDelete(c *cli) *cobra.Command {
	var w writeFlags
	cmd := c.verb(cobra.Command{
		Use: "delete ID", Args: cobra.ExactArgs(1),
		Short:   "Delete a webhook for ever",
		Long:    "Delete a webhook for ever. What waits to be delivered is left out.",
		Example: "  tansu webhooks delete 0192f0c1-…",
	}, func(ctx context.Context, s *session, args []string) error {
		_, err := s.command(ctx, call{method: http.MethodDelete, path: webhookPath(args[0]), key: w.key, header: w.header()})
		if err == nil {
			s.note("The webhook is deleted.")
		}
		return err
	})
	w.add(cmd.Flags())
	return cmd
}

// newWebhooksSwitch makes the verbs that take a reason and nothing else.
func newWebhooksSwitch(c *cli, verb, short string, needsReason bool) *cobra.Command {
	var reason string
	var w writeFlags
	cmd := c.verb(cobra.Command{
		Use: verb + " ID", Args: cobra.ExactArgs(1),
		Short:   short,
		Long:    short + ". The reason is kept in the event.",
		Example: "  tansu webhooks " + verb + " 0192f0c1-… --reason \"ticket 4711\"",
	}, func(ctx context.Context, s *session, args []string) error {
		if needsReason && reason == "" {
			return usagef("--reason is missing; say why, it is kept in the event")
		}
		return s.changeWebhook(ctx, w, http.MethodPost, webhookPath(args[0])+"/"+verb, set1("reason", reason), webhookFields)
	})
	cmd.Flags().StringVar(&reason, "reason", "", "why; up to 500 characters")
	w.add(cmd.Flags())
	return cmd
}

// changeWebhook sends a command about a webhook and prints the webhook as it is
// then.
func (s *session) changeWebhook(ctx context.Context, w writeFlags, method, path string, body any, fields []column[webhookInfo]) error {
	a, err := s.command(ctx, call{method: method, path: path, body: body, key: w.key, header: w.header()})
	it, err := decode[item[webhookInfo]](a, err)
	if err != nil {
		return err
	}
	if it.value.Secret != "" {
		s.note("Keep the signing secret; it is not shown again.")
	}
	return printItem(s.out, fields, it)
}

func topicsCell(topics []webhookTopic) string {
	lines := make([]string, len(topics))
	for i, t := range topics {
		lines[i] = strings.Join(topicPairs(t), ",")
	}
	if len(lines) == 0 {
		return "all events"
	}
	return strings.Join(lines, "\n")
}

func topicPairs(t webhookTopic) (pairs []string) {
	for _, f := range [][2]string{{"stream_type", t.StreamType}, {"stream_id", t.StreamID}, {"type", t.Type}, {"actor", t.Actor}} {
		if f[1] != "" {
			pairs = append(pairs, f[0]+"="+f[1])
		}
	}
	return pairs
}

// parseTopics reads topics of the form name=value,name=value.
func parseTopics(texts []string) ([]webhookTopic, error) {
	topics := []webhookTopic{}
	for _, text := range texts {
		fields := map[string]string{}
		for pair := range strings.SplitSeq(text, ",") {
			name, value, found := strings.Cut(pair, "=")
			switch name = strings.TrimSpace(name); {
			case !found || value == "":
				return nil, usagef("--topic %q is not of the form name=value,…; use stream_type, stream_id, type and actor", text)
			case name != "stream_type" && name != "stream_id" && name != "type" && name != "actor":
				return nil, usagef("--topic knows no %q; use stream_type, stream_id, type and actor", name)
			}
			fields[name] = value
		}
		topics = append(topics, webhookTopic{fields["stream_type"], fields["stream_id"], fields["type"], fields["actor"]})
	}
	return topics, nil
}
