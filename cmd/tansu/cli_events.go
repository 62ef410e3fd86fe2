package main

import (
	"context"
	"net/url"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

var eventColumns = []column[eventInfo]{
	{"position", func(e eventInfo) string { return strconv.FormatInt(e.Position, 10) }},
	{"recorded", func(e eventInfo) string { return timeCell(e.RecordedAt) }},
	{"type", func(e eventInfo) string { return e.Type }},
	{"stream", func(e eventInfo) string { return e.StreamType + "/" + e.StreamID }},
	{"version", func(e eventInfo) string { return strconv.FormatInt(e.Version, 10) }},
	{"actor", eventInfo.actor},
}

var eventFields = append(eventColumns[:len(eventColumns)-1:len(eventColumns)-1],
	column[eventInfo]{"event id", func(e eventInfo) string { return e.EventID }},
	column[eventInfo]{"schema version", func(e eventInfo) string { return strconv.Itoa(e.SchemaVersion) }},
	column[eventInfo]{"hash", func(e eventInfo) string { return e.Hash }},
	column[eventInfo]{"metadata", func(e eventInfo) string { return jsonCell(e.Metadata) }},
	column[eventInfo]{"data", func(e eventInfo) string { return jsonCell(e.Data) }},
)

func newEventsCommand(c *cli) *cobra.Command {
	return noun(cobra.Command{
		Use: "events", Aliases: []string{"event"},
		Short:   "Read a tenant's log",
		Long:    "Read a tenant's log: every change there ever was, in order. Without --tenant it is that of the system tenant.",
		Example: "  tansu events list --type tenant.created\n  tansu events tail --tenant acme",
	}, newEventsList(c), newEventsTail(c), newEventsShow(c))
}

// eventFilter selects events; empty fields select all.
type eventFilter struct {
	types                       []string
	streamType, streamID, actor string
}

func (e *eventFilter) add(f *pflag.FlagSet) {
	f.StringSliceVar(&e.types, "type", nil, "only events of these types, such as tenant.created")
	f.StringVar(&e.streamType, "stream-type", "", "only events of streams of this type")
	f.StringVar(&e.streamID, "stream-id", "", "only events of streams with this id")
	f.StringVar(&e.actor, "actor", "", "only events that this principal caused")
}

func (e *eventFilter) query() url.Values {
	return set(url.Values{}, "type", strings.Join(e.types, ","),
		"stream_type", e.streamType, "stream_id", e.streamID, "actor", e.actor)
}

func newEventsList(c *cli) *cobra.Command {
	var after int64
	var order string
	var filter eventFilter
	var l listFlags
	cmd := c.verb(cobra.Command{
		Use: "list", Args: cobra.NoArgs,
		Short:   "List events by position",
		Long:    "List events of a tenant's log by position, from the beginning or, with --order desc, from the end.",
		Example: "  tansu events list --after 1000 --limit 20\n  tansu events list --tenant acme --order desc --stream-type tenant -o jsonl",
	}, func(ctx context.Context, s *session, _ []string) error {
		q := set(filter.query(), "order", order)
		if after > 0 && order == "desc" {
			q.Set("before", strconv.FormatInt(after, 10))
		} else if after > 0 {
			q.Set("after", strconv.FormatInt(after, 10))
		}
		return list(ctx, s, "/v1/events", q, l, eventColumns)
	})
	cmd.Flags().Int64Var(&after, "after", 0, "go on after this position (with --order desc: below it)")
	cmd.Flags().StringVar(&order, "order", "asc", "asc or desc")
	fixed(cmd, "order", "asc", "desc")
	filter.add(cmd.Flags())
	l.add(cmd.Flags())
	return cmd
}

func newEventsShow(c *cli) *cobra.Command {
	return c.verb(cobra.Command{
		Use: "show POSITION", Args: cobra.ExactArgs(1),
		Short:   "Show one event",
		Long:    "Show the event at a position with its data, metadata and hash.",
		Example: "  tansu events show 17 -o yaml",
	}, func(ctx context.Context, s *session, args []string) error {
		position, err := strconv.ParseInt(args[0], 10, 64)
		if err != nil || position < 1 {
			return usagef("%q is not a position; positions are 1, 2, 3 …", args[0])
		}
		path := "/v1/events/" + strconv.FormatInt(position, 10)
		return show(ctx, s, path, nil, eventFields)
	})
}
