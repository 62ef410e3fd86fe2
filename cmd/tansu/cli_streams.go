package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

var stateFields = []column[stateInfo]{
	{"stream", func(s stateInfo) string { return s.StreamType + "/" + s.StreamID }},
	{"version", func(s stateInfo) string { return strconv.FormatInt(s.Version, 10) }},
	{"recorded", func(s stateInfo) string { return timeCell(s.RecordedAt) }},
	{"state", func(s stateInfo) string { return jsonCell(s.State) }},
}

var patchColumns = []column[patchOp]{
	{"change", func(p patchOp) string { return p.Op }},
	{"path", func(p patchOp) string { return p.Path }},
	{"value", func(p patchOp) string {
		if p.From != "" {
			return "from " + p.From
		}
		var short bytes.Buffer
		if json.Compact(&short, p.Value) != nil {
			return string(p.Value)
		}
		return short.String()
	}},
}

func newStreamsCommand(c *cli) *cobra.Command {
	return noun(cobra.Command{
		Use: "streams", Aliases: []string{"stream"},
		Short:   "Look at one aggregate's events and states",
		Long:    "Look at the events of one aggregate, at its state at any version or time, and at what changed in between.",
		Example: "  tansu streams list tenant/0192f0c1-…\n  tansu streams show tenant/0192f0c1-… --at 2026-01-31T12:00:00Z",
	}, newStreamsList(c), newStreamsShow(c), newStreamsDiff(c))
}

func newStreamsList(c *cli) *cobra.Command {
	var after int64
	var order string
	var l listFlags
	cmd := c.verb(cobra.Command{
		Use: "list TYPE/ID", Args: cobra.ExactArgs(1),
		Short:   "List the events of a stream",
		Long:    "List the events of one stream by version.",
		Example: "  tansu streams list tenant/0192f0c1-… --order desc",
	}, func(ctx context.Context, s *session, args []string) error {
		path, err := streamPath(args[0])
		if err != nil {
			return err
		}
		q := set(url.Values{}, "order", order)
		if after > 0 {
			q.Set("after", strconv.FormatInt(after, 10))
		}
		return list(ctx, s, path+"/events", q, l, eventColumns)
	})
	cmd.Flags().Int64Var(&after, "after", 0, "go on after this version")
	cmd.Flags().StringVar(&order, "order", "asc", "asc or desc")
	fixed(cmd, "order", "asc", "desc")
	l.add(cmd.Flags())
	return cmd
}

func newStreamsShow(c *cli) *cobra.Command {
	var at string
	cmd := c.verb(cobra.Command{
		Use: "show TYPE/ID", Args: cobra.ExactArgs(1),
		Short: "Show an aggregate's state, now or in the past",
		Long:  "Show the state that the events of a stream add up to: the newest, or that at a version or a time.",
		Example: "  tansu streams show tenant/0192f0c1-… --at 3\n" +
			"  tansu streams show tenant/0192f0c1-… --at 2026-01-31T12:00:00Z",
	}, func(ctx context.Context, s *session, args []string) error {
		path, err := streamPath(args[0])
		if err != nil {
			return err
		}
		q, err := momentQuery(at)
		if err != nil {
			return err
		}
		return show(ctx, s, path+"/state", q, stateFields)
	})
	cmd.Flags().StringVar(&at, "at", "", "a version, or a time as RFC 3339 (default: now)")
	return cmd
}

func newStreamsDiff(c *cli) *cobra.Command {
	var from, to int64
	cmd := c.verb(cobra.Command{
		Use: "diff TYPE/ID --from VERSION [--to VERSION]", Args: cobra.ExactArgs(1),
		Short:   "Show what changed between two versions",
		Long:    "Show what changed in an aggregate's state between two versions, as a JSON patch. Without --to up to the newest.",
		Example: "  tansu streams diff tenant/0192f0c1-… --from 1 --to 4",
	}, func(ctx context.Context, s *session, args []string) error {
		path, err := streamPath(args[0])
		if err != nil {
			return err
		}
		if from < 1 || to < 0 {
			return usagef("--from and --to are versions: 1, 2, 3 …")
		}
		q := url.Values{"from": {strconv.FormatInt(from, 10)}}
		if to > 0 {
			q.Set("to", strconv.FormatInt(to, 10))
		}
		a, err := s.do(ctx, call{method: http.MethodGet, path: path + "/diff", query: q})
		diff, err := decode[item[struct {
			Patch []item[patchOp] `json:"patch"`
		}]](a, err)
		if err != nil {
			return err
		}
		if s.out.format != "table" {
			return printItem(s.out, nil, diff)
		}
		if len(diff.value.Patch) == 0 {
			s.note("Nothing changed.")
		}
		return printItems(s.out, patchColumns, diff.value.Patch)
	})
	cmd.Flags().Int64Var(&from, "from", 0, "older version")
	cmd.Flags().Int64Var(&to, "to", 0, "newer version (default: the newest)")
	return cmd
}

func streamPath(stream string) (string, error) {
	typ, id, ok := strings.Cut(stream, "/")
	if !ok || typ == "" || id == "" {
		return "", usagef("%q does not name a stream; use TYPE/ID, such as tenant/0192f0c1-…", stream)
	}
	return "/v1/streams/" + url.PathEscape(typ) + "/" + url.PathEscape(id), nil
}

// momentQuery reads a version or a time.
func momentQuery(at string) (url.Values, error) {
	if at == "" {
		return url.Values{}, nil
	}
	if v, err := strconv.ParseInt(at, 10, 64); err == nil && v > 0 {
		return url.Values{"version": {at}}, nil
	}
	t, err := time.Parse(time.RFC3339Nano, at)
	if err != nil {
		return nil, usagef("--at %q is neither a version nor a time; use a number or a time like 2026-01-31T12:00:00Z", at)
	}
	return url.Values{"at": {t.UTC().Format(time.RFC3339Nano)}}, nil
}
