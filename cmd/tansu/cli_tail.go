package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"tansu.cloud/api/problem"
	"tansu.cloud/sdk/go/feed"
)

var feedColumns = []column[feed.Event]{
	{"position", func(e feed.Event) string { return strconv.FormatInt(e.Position, 10) }},
	{"recorded", func(e feed.Event) string { return timeCell(e.Time) }},
	{"type", func(e feed.Event) string { return e.Type }},
	{"stream", func(e feed.Event) string { return e.StreamType + "/" + e.StreamID }},
	{"version", func(e feed.Event) string { return strconv.FormatInt(e.Version, 10) }},
	{"actor", func(e feed.Event) string { return e.Actor }},
}

func newEventsTail(c *cli) *cobra.Command {
	var from int64
	var expression string
	var filter eventFilter
	cmd := c.verb(cobra.Command{
		Use: "tail", Args: cobra.NoArgs,
		Short: "Follow a tenant's log",
		Long: "Show new events as they come, until interrupted. Each event is shown once and none is left out, also when the\n" +
			"connection is lost in between: positions are dense, and a gap is reported as an error.",
		Example: "  tansu events tail --tenant acme\n  tansu events tail --from 1 -o jsonl | jq .type\n" +
			`  tansu events tail --filter 'type == "tenant.renamed" && actor != "operator"'`,
	}, func(ctx context.Context, s *session, _ []string) error {
		if s.out.format == "json" {
			s.out.format = "jsonl" // an array without an end helps nobody
		}
		subscription := feed.Subscription{Topics: filter.topics(), Filter: expression, From: feed.Now()}
		switch {
		case from < 0:
			return usagef("--from %d is not a position; positions are 1, 2, 3 …", from)
		case from > 0:
			subscription.From = feed.After(from - 1)
		}
		return s.tail(ctx, subscription)
	})
	cmd.Flags().Int64Var(&from, "from", 0, "first position to show (default: only what comes from now on)")
	cmd.Flags().StringVar(&expression, "filter", "", "only events that satisfy this expression, such as 'data.total > 100'")
	filter.add(cmd.Flags())
	return cmd
}

// topics select the same events.
func (e *eventFilter) topics() []feed.Topic {
	topic := feed.Topic{StreamType: e.streamType, StreamID: e.streamID, Actor: e.actor}
	if len(e.types) == 0 && topic == (feed.Topic{}) {
		return nil // all events, of which the client can tell that none is missing
	}
	topics := []feed.Topic{topic}
	for i, typ := range e.types {
		topic.Type = typ
		topics = append(topics[:i], topic)
	}
	return topics
}

// tail shows the events of a subscription until it ends.
func (s *session) tail(ctx context.Context, subscription feed.Subscription) error {
	away := false
	subscription.OnDisconnected = func(err error) {
		if !away {
			s.note("connection lost, trying again: %v", err)
		}
		away = true
	}
	subscription.OnSubscribed = func(int64) {
		if away {
			s.note("connected again")
		}
		away = false
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	client := feed.Client{URL: s.server.String(), Token: s.feedToken(stop), Tenant: s.tenant}
	for batch, err := range client.Batches(ctx, subscription) {
		if ended, ok := errors.AsType[*signInError](context.Cause(ctx)); ok {
			return ended
		}
		if err != nil {
			return s.feedError(err)
		}
		items := make([]item[feed.Event], len(batch.Events))
		for i, e := range batch.Events {
			items[i] = item[feed.Event]{e.Raw, e}
		}
		if err := printItems(s.out, feedColumns, items); err != nil {
			return err
		}
	}
	return nil
}

// feedToken gives the tokens of a feed and stops it when there will be none any
// more; other errors pass.
func (s *session) feedToken(stop context.CancelCauseFunc) tokenFunc {
	if s.token == nil {
		return nil
	}
	return func(ctx context.Context) (string, error) {
		token, err := s.token(ctx)
		if ended, ok := errors.AsType[*signInError](err); ok {
			stop(ended)
		}
		return token, err
	}
}

// feedError puts an error of a feed into the terms of the other commands.
func (s *session) feedError(err error) error {
	if broken, ok := errors.AsType[*feed.OrderError](err); ok && broken.Got > broken.Last {
		return &gapError{broken.Last + 1, broken.Got}
	}
	refused, ok := errors.AsType[*feed.Error](err)
	if !ok {
		return err
	}
	e := &apiError{Status: refused.Status, Code: refused.Code, Title: "The feed was refused", Detail: refused.Detail, server: s.server.String(), path: "/v1/ws"}
	all := slices.Concat(problem.Catalogue(), problem.FeedCatalogue())
	if i := slices.IndexFunc(all, func(p problem.Entry) bool { return string(p.Code) == e.Code }); i >= 0 {
		e.Status, e.Title = all[i].Status, all[i].Title
	}
	for _, f := range refused.Fields {
		e.Errors = append(e.Errors, fieldError(f))
	}
	return e
}

// gapError: the log answered with a hole, which must never be.
type gapError struct{ expected, got int64 }

func (e *gapError) Error() string {
	return fmt.Sprintf("the log has a gap: expected position %d, got %d; run tansu audit verify", e.expected, e.got)
}
