package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"
)

// maxTailPause bounds the pauses between tries while the server is away.
const maxTailPause = 15 * time.Second

func newEventsTail(c *cli) *cobra.Command {
	var from int64
	var every time.Duration
	var filter eventFilter
	cmd := c.verb(cobra.Command{
		Use: "tail", Args: cobra.NoArgs,
		Short: "Follow a tenant's log",
		Long: "Show new events as they come, until interrupted. Each event is shown once and none is left out, also when the\n" +
			"connection is lost in between: positions are dense, and a gap is reported as an error.",
		Example: "  tansu events tail --tenant acme\n  tansu events tail --from 1 -o jsonl | jq .type",
	}, func(ctx context.Context, s *session, _ []string) error {
		if s.out.format == "json" {
			s.out.format = "jsonl" // an array without an end helps nobody
		}
		if every <= 0 {
			return usagef("--every %s is too short; use 1s or more", every)
		}
		t := tail{session: s, after: from - 1, page: pageSize, every: every, filter: filter}
		return t.follow(ctx)
	})
	cmd.Flags().Int64Var(&from, "from", 0, "first position to show (default: only what comes from now on)")
	cmd.Flags().DurationVar(&every, "every", time.Second, "how often to ask for new events")
	filter.add(cmd.Flags())
	return cmd
}

// tail follows a log. It reads every event and filters here, because only then
// does its position move over events that it does not show, and the density of
// positions proves that none was missed.
type tail struct {
	*session
	after  int64 // last position read; below 0: the head when it starts
	page   int   // most events to ask for at once
	every  time.Duration
	filter eventFilter
}

func (t *tail) follow(ctx context.Context) error {
	pause, away := t.every, false
	for {
		more, err := t.step(ctx)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil && !temporary(err):
			return err
		case err != nil:
			if !away {
				t.note("connection lost, trying again: %v", err)
			}
			away, pause = true, min(pause*2, maxTailPause)
		default:
			if away {
				t.note("connected again")
			}
			away, pause = false, t.every
		}
		if more {
			continue
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}

// step shows what is new, at most one page; more says that the page was full.
func (t *tail) step(ctx context.Context) (more bool, err error) {
	if t.after < 0 {
		head, err := t.read(ctx, set(url.Values{}, "order", "desc", "limit", "1"))
		if err != nil {
			return false, err
		}
		t.after = 0
		if len(head) > 0 {
			t.after = head[0].value.Position
		}
		return true, nil
	}
	events, err := t.read(ctx, set(url.Values{}, "after", strconv.FormatInt(t.after, 10), "limit", strconv.Itoa(t.page)))
	if errors.Is(err, errTooLarge) && t.page > 1 {
		t.page /= 2
		return true, nil
	}
	if err != nil {
		return false, err
	}
	shown := events[:0:0]
	for _, e := range events {
		if e.value.Position != t.after+1 {
			return false, errors.Join(printItems(t.out, eventColumns, shown), &gapError{t.after + 1, e.value.Position})
		}
		t.after++
		if t.filter.matches(e.value) {
			shown = append(shown, e)
		}
	}
	return len(events) > 0, printItems(t.out, eventColumns, shown)
}

func (t *tail) read(ctx context.Context, query url.Values) ([]item[eventInfo], error) {
	p, err := decode[page[eventInfo]](t.do(ctx, call{method: http.MethodGet, path: "/v1/events", query: query}))
	return p.Items, err
}

func (e *eventFilter) matches(ev eventInfo) bool {
	return (len(e.types) == 0 || slices.Contains(e.types, ev.Type)) &&
		(e.streamType == "" || e.streamType == ev.StreamType) &&
		(e.streamID == "" || e.streamID == ev.StreamID) &&
		(e.actor == "" || e.actor == ev.actor())
}

// gapError: the log answered with a hole, which must never be.
type gapError struct{ expected, got int64 }

func (e *gapError) Error() string {
	return fmt.Sprintf("the log has a gap: expected position %d, got %d; run tansu audit verify", e.expected, e.got)
}
