package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/spf13/cobra"
)

var projectionColumns = []column[projectionInfo]{
	{"name", func(p projectionInfo) string { return p.Name }},
	{"version", func(p projectionInfo) string { return strconv.Itoa(p.Version) }},
	{"generation", func(p projectionInfo) string { return strconv.Itoa(p.Generation) }},
	{"state", func(p projectionInfo) string { return p.State }},
	{"lag events", func(p projectionInfo) string { return strconv.FormatInt(p.LagEvents, 10) }},
	{"lag", func(p projectionInfo) string { return seconds(p.LagSeconds).String() }},
	{"parked", func(p projectionInfo) string { return strconv.FormatInt(p.Parked, 10) }},
	{"rebuild", func(p projectionInfo) string { return p.Rebuild.String() }},
}

func (r *rebuildInfo) String() string {
	if r == nil {
		return ""
	}
	return fmt.Sprintf("generation %d, version %d: %d of %d events, %s", r.Generation, r.Version, r.Done, r.Total, r.pace())
}

func (r *rebuildInfo) pace() string {
	return fmt.Sprintf("%.0f/s, %s left", r.Rate, seconds(r.ETASeconds).Round(time.Second))
}

func seconds(s float64) time.Duration {
	return time.Duration(s * float64(time.Second)).Round(time.Millisecond)
}

func newProjectionsCommand(c *cli) *cobra.Command {
	return noun(cobra.Command{
		Use: "projections", Aliases: []string{"projection"},
		Short:   "Watch, rebuild and pause projections",
		Long:    "See how far each projection is, fill its read model anew beside the serving one, pause and resume it.",
		Example: "  tansu projections list\n  tansu projections rebuild tenant_directory --wait",
	},
		newProjectionsList(c), newProjectionsRebuild(c),
		newProjectionsSwitch(c, "pause", "Stop a projection; its read model stays as it is and falls behind"),
		newProjectionsSwitch(c, "resume", "Let a paused projection catch up and go on"),
	)
}

func newProjectionsList(c *cli) *cobra.Command {
	return c.verb(cobra.Command{
		Use: "list", Args: cobra.NoArgs,
		Short:   "List projections with their lag",
		Long:    "List projections: which version and generation serves, how far behind the log it is, what is parked.",
		Example: "  tansu projections list -o json",
	}, func(ctx context.Context, s *session, _ []string) error {
		all, err := s.projections(ctx)
		if err != nil {
			return err
		}
		if err := printItems(s.out, projectionColumns, all); err != nil {
			return err
		}
		return s.out.end()
	})
}

func newProjectionsSwitch(c *cli, verb, short string) *cobra.Command {
	var reason, key string
	cmd := c.verb(cobra.Command{
		Use: verb + " NAME", Args: cobra.ExactArgs(1),
		Short:   short,
		Long:    short + ".",
		Example: "  tansu projections " + verb + " tenant_directory --reason \"maintenance\"",
	}, func(ctx context.Context, s *session, args []string) error {
		_, err := s.command(ctx, projectionCall(args[0], verb, reason, key))
		if err != nil {
			return err
		}
		return s.showProjection(ctx, args[0])
	})
	projectionFlags(cmd, &reason, &key)
	return cmd
}

func newProjectionsRebuild(c *cli) *cobra.Command {
	var reason, key string
	var wait, stop bool
	cmd := c.verb(cobra.Command{
		Use: "rebuild NAME", Args: cobra.ExactArgs(1),
		Short: "Fill a projection's read model anew",
		Long: "Fill a new generation of a projection's read model from the log, beside the one that serves, and switch to it\n" +
			"when it has caught up. Readers and writers go on meanwhile.",
		Example: "  tansu projections rebuild tenant_directory --wait\n  tansu projections rebuild tenant_directory --cancel",
	}, func(ctx context.Context, s *session, args []string) error {
		if wait && stop {
			return usagef("--wait and --cancel exclude each other")
		}
		action := "rebuild"
		if stop {
			action = "rebuild/cancel"
		}
		before, err := s.projection(ctx, args[0])
		if err != nil {
			return err
		}
		if _, err := s.command(ctx, projectionCall(args[0], action, reason, key)); err != nil {
			return err
		}
		if wait {
			if err := s.awaitRebuild(ctx, args[0], before.value.Generation); err != nil {
				return err
			}
		}
		return s.showProjection(ctx, args[0])
	})
	projectionFlags(cmd, &reason, &key)
	cmd.Flags().BoolVar(&wait, "wait", false, "wait until the new generation serves, showing how far it is")
	cmd.Flags().BoolVar(&stop, "cancel", false, "give up the rebuild that is running")
	return cmd
}

func projectionFlags(cmd *cobra.Command, reason, key *string) {
	cmd.Flags().StringVar(reason, "reason", "", "why; kept in the event")
	cmd.Flags().StringVar(key, "idempotency-key", "", "repeat an earlier call with its key; default: a new one")
}

func projectionCall(name, action, reason, key string) call {
	return call{
		method: http.MethodPost, path: "/v1/projections/" + url.PathEscape(name) + "/" + action,
		body: set1("reason", reason), key: key,
	}
}

func (s *session) projections(ctx context.Context) ([]item[projectionInfo], error) {
	p, err := decode[page[projectionInfo]](s.do(ctx, call{method: http.MethodGet, path: "/v1/projections"}))
	return p.Items, err
}

func (s *session) projection(ctx context.Context, name string) (item[projectionInfo], error) {
	all, err := s.projections(ctx)
	if err != nil {
		return item[projectionInfo]{}, err
	}
	for _, it := range all {
		if it.value.Name == name {
			return it, nil
		}
	}
	return item[projectionInfo]{}, &apiError{
		Status: http.StatusNotFound, Code: "not_found", Title: "There is no such projection",
		Detail: fmt.Sprintf("No projection has the name %q.", name), path: "/v1/projections",
	}
}

func (s *session) showProjection(ctx context.Context, name string) error {
	it, err := s.projection(ctx, name)
	if err != nil {
		return err
	}
	return printItem(s.out, projectionColumns, it)
}

// unseenPolls is how often awaitRebuild asks for a rebuild that it has not seen
// yet: the runner begins it a moment after the command.
const unseenPolls = 30

// awaitRebuild returns when a newer generation than the old one serves.
func (s *session) awaitRebuild(ctx context.Context, name string, old int) error {
	bar := s.startProgress(ctx, name)
	defer bar.stop()
	unseen := 0
	for {
		it, err := s.projection(ctx, name)
		switch p := it.value; {
		case err != nil && !temporary(err):
			return err
		case err != nil: // the server restarts; the rebuild goes on after it
		case p.Rebuild != nil:
			unseen = unseenPolls
			bar.show(p.Rebuild.Done, p.Rebuild.Total, p.Rebuild.pace())
		case p.Generation > old:
			bar.finish()
			return nil
		case unseen == unseenPolls:
			return fmt.Errorf("the rebuild of %s ended without a switch; it was cancelled or failed, see "+
				"tansu events list --order desc --stream-type projection --stream-id %s", name, name)
		default:
			unseen++
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(s.poll):
		}
	}
}
