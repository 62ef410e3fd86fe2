package main

import (
	"context"
	"net/http"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// targetFlags say where a webhook sends what.
type targetFlags struct {
	url, description, filter string
	topics                   []string
}

func (t *targetFlags) add(f *pflag.FlagSet) {
	f.StringVar(&t.description, "description", "", "for people")
	f.StringArrayVar(&t.topics, "topic", nil, "events to send, as name=value,… of stream_type, stream_id, type and actor; repeat it for more; none: all events")
	f.StringVar(&t.filter, "filter", "", "expression that an event must satisfy as well")
}

func newWebhooksCreate(r resource[webhookInfo]) *cobra.Command {
	var t targetFlags
	var w writeFlags
	cmd := r.c.verb(cobra.Command{
		Use: "create URL", Args: cobra.ExactArgs(1),
		Short: "Register a webhook",
		Long: "Register an address to which events are sent from now on. The secret that signs them is shown once:\n" +
			"the receiver needs it to tell real messages from others.",
		Example: "  tansu webhooks create https://example.com/hooks\n" +
			"  tansu webhooks create https://example.com/hooks --topic stream_type=order --filter 'data.total > 100'",
	}, func(ctx context.Context, s *session, args []string) error {
		topics, err := parseTopics(t.topics)
		if err != nil {
			return err
		}
		body := map[string]any{"url": args[0], "topics": topics}
		for name, value := range map[string]string{"description": t.description, "filter": t.filter} {
			if value != "" {
				body[name] = value
			}
		}
		return r.send(ctx, s, w, http.MethodPost, r.path, body)
	})
	t.add(cmd.Flags())
	w.addKey(cmd.Flags())
	return cmd
}

func newWebhooksUpdate(r resource[webhookInfo]) *cobra.Command {
	var t targetFlags
	return r.edit("Change where a webhook sends what. What is not given stays as it is; --topic replaces all topics.", "--url https://example.com/new", func(flags *pflag.FlagSet) {
		flags.StringVar(&t.url, "url", "", "another address")
		t.add(flags)
	}, func(_ *session, now webhookInfo, given func(string) bool) (any, error) {
		topics, err := parseTopics(t.topics)
		for _, f := range []struct {
			flag  string
			apply func()
		}{
			{"url", func() { now.URL = t.url }}, {"description", func() { now.Description = t.description }},
			{"topic", func() { now.Topics = topics }}, {"filter", func() { now.Filter = t.filter }},
		} {
			if given(f.flag) {
				f.apply()
			}
		}
		return map[string]any{"url": now.URL, "description": now.Description, "topics": now.Topics, "filter": now.Filter}, err
	})
}

func newWebhooksRotateSecret(r resource[webhookInfo]) *cobra.Command {
	var overlap time.Duration
	var w writeFlags
	cmd := r.c.verb(cobra.Command{
		Use: "rotate-secret ID", Args: cobra.ExactArgs(1),
		Short: "Make a new signing secret",
		Long: "Make a new signing secret and show it once. The one before signs too for a while, so that the receiver can\n" +
			"change over in its own time; with --overlap 0 it ends at once.",
		Example: "  tansu webhooks rotate-secret 0192f0c1-… --overlap 1h",
	}, func(ctx context.Context, s *session, args []string) error {
		body := map[string]any{"overlap_seconds": int64(overlap / time.Second)}
		return r.send(ctx, s, w, http.MethodPost, r.pathOf(args[0], "/rotate-secret"), body)
	})
	cmd.Flags().DurationVar(&overlap, "overlap", 24*time.Hour, "how long the secret before goes on signing")
	w.add(cmd.Flags())
	return cmd
}
