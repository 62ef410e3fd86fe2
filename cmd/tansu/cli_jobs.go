package main

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/spf13/cobra"
)

type jobInfo struct {
	ID         string    `json:"id"`
	Kind       string    `json:"kind"`
	Key        string    `json:"key"`
	Group      string    `json:"group"`
	State      string    `json:"state"`
	Attempts   int       `json:"attempts"`
	Claims     int64     `json:"claims"`
	RunAt      time.Time `json:"run_at"`
	EnqueuedAt time.Time `json:"enqueued_at"`
	FinishedAt time.Time `json:"finished_at"`
	LastError  string    `json:"last_error"`
}

var jobColumns = []column[jobInfo]{
	{"id", func(j jobInfo) string { return j.ID }},
	{"state", func(j jobInfo) string { return j.State }},
	{"kind", func(j jobInfo) string { return j.Kind }},
	{"key", func(j jobInfo) string { return j.Key }},
	{"attempts", func(j jobInfo) string { return strconv.Itoa(j.Attempts) }},
	{"next run", func(j jobInfo) string { return timeCell(j.RunAt) }},
}

var jobFields = append(jobColumns[:len(jobColumns):len(jobColumns)],
	column[jobInfo]{"group", func(j jobInfo) string { return j.Group }},
	column[jobInfo]{"claims", func(j jobInfo) string { return strconv.FormatInt(j.Claims, 10) }},
	column[jobInfo]{"enqueued", func(j jobInfo) string { return timeCell(j.EnqueuedAt) }},
	column[jobInfo]{"finished", func(j jobInfo) string { return timeCell(j.FinishedAt) }},
	column[jobInfo]{"error", func(j jobInfo) string { return j.LastError }},
)

type jobOrderInfo struct {
	ID    string `json:"id"`
	Kind  string `json:"kind"`
	Key   string `json:"key"`
	Order string `json:"order"`
}

var jobOrderColumns = []column[jobOrderInfo]{
	{"id", func(o jobOrderInfo) string { return o.ID }},
	{"order", func(o jobOrderInfo) string { return o.Order }},
	{"kind", func(o jobOrderInfo) string { return o.Kind }},
	{"key", func(o jobOrderInfo) string { return o.Key }},
}

var jobStates = []string{"waiting", "scheduled", "ready", "dispatched", "running", "done", "dead", "discarded"}

const jobsPath = "/v1/jobs"

func newJobsCommand(c *cli) *cobra.Command {
	return noun(cobra.Command{
		Use: "jobs", Aliases: []string{"job"},
		Short: "Deal with jobs that failed",
		Long: "Jobs are a tenant's work with effects outside, such as the delivery of webhooks. One that fails is tried again\n" +
			"for about a day and is then dead. Once the cause is gone, re-drive it. Or give it up, with a reason.",
		Example: "  tansu jobs list --tenant acme --state dead\n  tansu jobs redrive --tenant acme --all --kind webhook.deliver",
	}, newJobsList(c), newJobsGet(c), newJobsRedrive(c), newJobsDiscard(c))
}

func newJobsList(c *cli) *cobra.Command {
	var state, kind string
	var l listFlags
	cmd := c.verb(cobra.Command{
		Use: "list", Args: cobra.NoArgs,
		Short:   "List jobs",
		Long:    "List jobs, the newest first. Finished ones are kept for a week.",
		Example: "  tansu jobs list --tenant acme --state dead",
	}, func(ctx context.Context, s *session, _ []string) error {
		return list(ctx, s, jobsPath, set(url.Values{}, "state", state, "kind", kind), l, jobColumns)
	})
	cmd.Flags().StringVar(&state, "state", "", "waiting, scheduled, ready, dispatched, running, done, dead or discarded")
	fixed(cmd, "state", jobStates...)
	cmd.Flags().StringVar(&kind, "kind", "", "only those of this kind")
	l.add(cmd.Flags())
	return cmd
}

func newJobsGet(c *cli) *cobra.Command {
	return c.verb(cobra.Command{
		Use: "get ID", Args: cobra.ExactArgs(1),
		Short:   "Show a job with its error",
		Long:    "Show where a job stands, how often it was tried, and why it failed last.",
		Example: "  tansu jobs get 01926a3f-… --tenant acme",
	}, func(ctx context.Context, s *session, args []string) error {
		return show(ctx, s, jobPath(args[0]), nil, jobFields)
	})
}

func newJobsRedrive(c *cli) *cobra.Command {
	var all bool
	var kind string
	cmd := c.verb(cobra.Command{
		Use: "redrive ID... | --all", Args: cobra.ArbitraryArgs,
		Short: "Let dead jobs run again",
		Long: "Let dead jobs run again, with all their attempts and in the order in which they were enqueued.\n" +
			"With --all every dead job of the tenant, or every one of a kind, in bounded chunks.",
		Example: "  tansu jobs redrive 01926a3f-… --tenant acme\n  tansu jobs redrive --all --kind webhook.deliver --tenant acme",
	}, func(ctx context.Context, s *session, ids []string) error {
		switch {
		case all && len(ids) > 0:
			return usagef("give ids or --all, not both")
		case all:
			return s.redriveJobs(ctx, kind)
		case len(ids) == 0 || kind != "":
			return usagef("name the jobs by id, or use --all, alone or with --kind")
		}
		for _, id := range ids {
			if err := s.jobCommand(ctx, id, "redrive", map[string]any{}); err != nil {
				return err
			}
		}
		return s.out.end()
	})
	cmd.Flags().BoolVar(&all, "all", false, "every dead job")
	cmd.Flags().StringVar(&kind, "kind", "", "with --all: only those of this kind")
	return cmd
}

func newJobsDiscard(c *cli) *cobra.Command {
	var reason string
	cmd := c.verb(cobra.Command{
		Use: "discard ID --reason REASON", Args: cobra.ExactArgs(1),
		Short:   "Give up a dead job",
		Long:    "Give up a dead job for ever; its group goes on without it.",
		Example: "  tansu jobs discard 01926a3f-… --reason \"test data\" --tenant acme",
	}, func(ctx context.Context, s *session, args []string) error {
		if reason == "" {
			return usagef("--reason is missing; say why this job may be given up, it is kept in the log")
		}
		if err := s.jobCommand(ctx, args[0], "discard", map[string]any{"reason": reason}); err != nil {
			return err
		}
		return s.out.end()
	})
	cmd.Flags().StringVar(&reason, "reason", "", "why; up to 500 characters")
	return cmd
}

func jobPath(id string) string { return jobsPath + "/" + url.PathEscape(id) }

// jobCommand sends a command about a job and prints it.
func (s *session) jobCommand(ctx context.Context, id, action string, body map[string]any) error {
	a, err := s.command(ctx, call{method: http.MethodPost, path: jobPath(id) + "/" + action, body: body})
	it, err := decode[item[jobOrderInfo]](a, err)
	if err != nil {
		return err
	}
	return printItems(s.out, jobOrderColumns, []item[jobOrderInfo]{it})
}

// redriveJobs re-drives what is dead now, chunk by chunk. It looks first, because
// what dies again would keep it going for ever.
func (s *session) redriveJobs(ctx context.Context, kind string) error {
	var dead int64
	var until time.Time
	query := set(url.Values{}, "state", "dead", "kind", kind)
	for p, err := range pages[jobInfo](ctx, s.client, jobsPath, query, listFlags{all: true}) {
		if err != nil {
			return err
		}
		for _, it := range p.Items {
			dead++
			if died := it.value.FinishedAt; died.After(until) {
				until = died
			}
		}
	}
	bar := s.startProgress(ctx, "re-driven")
	defer bar.stop()
	sum := redriveInfo{More: dead > 0}
	for sum.More {
		body := set1("kind", kind)
		body["died_until"], body["limit"] = until, pageSize
		a, err := s.command(ctx, call{method: http.MethodPost, path: jobsPath + "/redrive", body: body})
		chunk, err := decode[redriveInfo](a, err)
		if err != nil {
			return err
		}
		sum.Requested += chunk.Requested
		sum.More = chunk.More && chunk.Requested > 0
		bar.show(int64(sum.Requested), dead, "")
	}
	bar.finish()
	it, err := newItem(sum)
	if err != nil {
		return err
	}
	return printItem(s.out, redriveFields, it)
}
