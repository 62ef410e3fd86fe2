package main

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"github.com/spf13/cobra"
)

var deadLetterColumns = []column[deadLetterInfo]{
	{"id", func(d deadLetterInfo) string { return d.ID }},
	{"status", func(d deadLetterInfo) string { return d.Status }},
	{"projection", func(d deadLetterInfo) string { return d.Projection }},
	{"stream", func(d deadLetterInfo) string { return d.StreamType + "/" + d.StreamID }},
	{"position", func(d deadLetterInfo) string { return strconv.FormatInt(d.Position, 10) }},
	{"event", func(d deadLetterInfo) string { return d.EventType }},
	{"attempts", func(d deadLetterInfo) string { return strconv.Itoa(d.Attempts) }},
	{"parked", func(d deadLetterInfo) string { return timeCell(d.ParkedAt) }},
}

var deadLetterFields = append(deadLetterColumns[:len(deadLetterColumns):len(deadLetterColumns)],
	column[deadLetterInfo]{"updated", func(d deadLetterInfo) string { return timeCell(d.UpdatedAt) }},
	column[deadLetterInfo]{"tenant", func(d deadLetterInfo) string { return d.TenantID }},
	column[deadLetterInfo]{"generation", func(d deadLetterInfo) string { return strconv.Itoa(d.Generation) }},
	column[deadLetterInfo]{"event id", func(d deadLetterInfo) string { return d.EventID }},
	column[deadLetterInfo]{"error", func(d deadLetterInfo) string { return d.Error }},
	column[deadLetterInfo]{"reason", func(d deadLetterInfo) string { return d.Reason }},
)

const deadLettersPath = "/v1/dead-letters"

func newDeadLettersCommand(c *cli) *cobra.Command {
	return noun(cobra.Command{
		Use: "dead-letters", Aliases: []string{"dead-letter", "dlq"},
		Short: "Deal with parked streams",
		Long: "A projection that cannot apply an event sets its stream aside as a dead letter and goes on with all others.\n" +
			"Once the cause is gone, re-drive it: everything is applied in order, once. Or give it up, with a reason.",
		Example: "  tansu dead-letters list\n  tansu dead-letters redrive --all --projection tenant_directory",
	}, newDeadLettersList(c), newDeadLettersShow(c), newDeadLettersRedrive(c), newDeadLettersDiscard(c))
}

func newDeadLettersList(c *cli) *cobra.Command {
	var projection, status string
	var l listFlags
	cmd := c.verb(cobra.Command{
		Use: "list", Args: cobra.NoArgs,
		Short:   "List dead letters",
		Long:    "List dead letters, those that are still parked and those that were dealt with.",
		Example: "  tansu dead-letters list --status parked",
	}, func(ctx context.Context, s *session, _ []string) error {
		q := set(url.Values{}, "projection", projection, "status", status)
		return list(ctx, s, deadLettersPath, q, l, deadLetterColumns)
	})
	cmd.Flags().StringVar(&projection, "projection", "", "only those of this projection")
	cmd.Flags().StringVar(&status, "status", "", "parked, redriving, resolved or discarded")
	fixed(cmd, "status", "parked", "redriving", "resolved", "discarded")
	l.add(cmd.Flags())
	return cmd
}

func newDeadLettersShow(c *cli) *cobra.Command {
	return c.verb(cobra.Command{
		Use: "show ID", Args: cobra.ExactArgs(1),
		Short:   "Show a dead letter with its error",
		Long:    "Show which event could not be applied, why, and how often it was tried.",
		Example: "  tansu dead-letters show 0192f0c1-…",
	}, func(ctx context.Context, s *session, args []string) error {
		return show(ctx, s, deadLetterPath(args[0]), nil, deadLetterFields)
	})
}

func newDeadLettersRedrive(c *cli) *cobra.Command {
	var all bool
	var projection string
	cmd := c.verb(cobra.Command{
		Use: "redrive ID... | --all", Args: cobra.ArbitraryArgs,
		Short: "Apply parked streams again",
		Long: "Apply parked streams again from the event that failed. What fails again is parked again.\n" +
			"With --all every parked stream, or every one of a projection, in bounded chunks.",
		Example: "  tansu dead-letters redrive 0192f0c1-… 0192f0c2-…\n  tansu dead-letters redrive --all --projection tenant_directory",
	}, func(ctx context.Context, s *session, ids []string) error {
		switch {
		case all && len(ids) > 0:
			return usagef("give ids or --all, not both")
		case all:
			return s.redriveAll(ctx, projection)
		case len(ids) == 0 || projection != "":
			return usagef("name the dead letters by id, or use --all, alone or with --projection")
		}
		for _, id := range ids {
			if err := s.deadLetterCommand(ctx, id, "redrive", map[string]any{}); err != nil {
				return err
			}
		}
		return s.out.end()
	})
	cmd.Flags().BoolVar(&all, "all", false, "every parked stream")
	cmd.Flags().StringVar(&projection, "projection", "", "with --all: only those of this projection")
	return cmd
}

func newDeadLettersDiscard(c *cli) *cobra.Command {
	var reason string
	cmd := c.verb(cobra.Command{
		Use: "discard ID --reason REASON", Args: cobra.ExactArgs(1),
		Short: "Give up a parked stream's events",
		Long: "Give up the events of a parked stream that this projection has not applied; later ones flow again.\n" +
			"The events stay in the log, and a rebuild applies them.",
		Example: "  tansu dead-letters discard 0192f0c1-… --reason \"test data\"",
	}, func(ctx context.Context, s *session, args []string) error {
		if reason == "" {
			return usagef("--reason is missing; say why these events may be given up, it is kept in the log")
		}
		if err := s.deadLetterCommand(ctx, args[0], "discard", map[string]any{"reason": reason}); err != nil {
			return err
		}
		return s.out.end()
	})
	cmd.Flags().StringVar(&reason, "reason", "", "why; up to 500 characters")
	return cmd
}

func deadLetterPath(id string) string { return deadLettersPath + "/" + url.PathEscape(id) }

// deadLetterCommand sends a command about a dead letter and prints it.
func (s *session) deadLetterCommand(ctx context.Context, id, action string, body map[string]any) error {
	a, err := s.command(ctx, call{method: http.MethodPost, path: deadLetterPath(id) + "/" + action, body: body})
	it, err := decode[item[deadLetterInfo]](a, err)
	if err != nil {
		return err
	}
	return printItems(s.out, deadLetterColumns[:3], []item[deadLetterInfo]{it})
}

type redriveInfo struct {
	Requested int  `json:"requested"`
	More      bool `json:"more"`
}

var redriveFields = []column[redriveInfo]{
	{"re-driven", func(r redriveInfo) string { return strconv.Itoa(r.Requested) }},
}

// redriveAll re-drives what is parked now, chunk by chunk. It counts first,
// because what fails again is parked again and would keep it going for ever.
func (s *session) redriveAll(ctx context.Context, projection string) error {
	parked := 0
	query := set(url.Values{}, "projection", projection, "status", "parked")
	for p, err := range pages[deadLetterInfo](ctx, s.client, deadLettersPath, query, listFlags{all: true}) {
		if err != nil {
			return err
		}
		parked += len(p.Items)
	}
	bar := s.startProgress(ctx, "re-driven")
	defer bar.stop()
	sum := redriveInfo{More: parked > 0}
	for sum.More && sum.Requested < parked {
		body := set1("projection", projection)
		body["limit"] = min(pageSize, parked-sum.Requested)
		a, err := s.command(ctx, call{method: http.MethodPost, path: deadLettersPath + "/redrive", body: body})
		chunk, err := decode[redriveInfo](a, err)
		if err != nil {
			return err
		}
		sum.Requested += chunk.Requested
		sum.More = chunk.More && chunk.Requested > 0
		bar.show(int64(sum.Requested), int64(parked), "")
	}
	bar.finish()
	it, err := newItem(sum)
	if err != nil {
		return err
	}
	return printItem(s.out, redriveFields, it)
}
