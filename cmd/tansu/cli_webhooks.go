package main

import (
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

func newWebhooksCommand(c *cli) *cobra.Command {
	r := resource[webhookInfo]{
		c: c, noun: "webhooks", one: "a webhook", arg: "ID", example: "0192f0c1-…", path: "/v1/webhooks",
		columns: webhookColumns, fields: webhookFields,
		secret:  column[webhookInfo]{"signing secret", func(w webhookInfo) string { return w.Secret }},
		version: func(w webhookInfo) int64 { return w.Version },
	}
	return noun(cobra.Command{
		Use: "webhooks", Aliases: []string{"webhook"},
		Short: "Send events to addresses",
		Long: "Register addresses to which a tenant's events are sent, signed, in order per stream. What an address does not\n" +
			"accept is tried again for a day and then waits for a re-drive.",
		Example: "  tansu webhooks create https://example.com/hooks --topic type=order.paid\n  tansu webhooks deliveries 0192f0c1-… --outcome parked",
	},
		r.all("List all webhooks of a tenant, oldest first.", nil),
		r.show("Show a webhook: where it sends what, and whether it is enabled. Its secret is named by fingerprint only."),
		newWebhooksCreate(r), newWebhooksUpdate(r),
		r.switched("enable", "Send what comes from now on", "Send what comes from now on.", false),
		r.switched("disable", "Send nothing any more", "Send nothing any more.", true),
		newWebhooksRotateSecret(r), newWebhooksTest(r), newWebhooksReplay(r), newWebhooksReplays(r),
		r.switched("redrive", "Try again what was given up, in order", "Try again what was given up, in order.", false),
		newWebhooksDeliveries(r),
		r.deleted("delete", "Delete a webhook for ever. What waits to be delivered is left out.", "The webhook is deleted."),
	)
}

func topicsCell(topics []webhookTopic) string {
	lines := make([]string, len(topics))
	for i, t := range topics {
		lines[i] = strings.Join(topicPairs(t), ",")
	}
	if len(lines) == 0 {
		return "all events"
	}
	return words(lines)
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
