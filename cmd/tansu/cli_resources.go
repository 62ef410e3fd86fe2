package main

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// resource makes the verbs that many kinds of things share.
type resource[T any] struct {
	c       *cli
	noun    string // of the command line, in the plural
	one     string // a single one, for people
	arg     string // what names one
	example string // a name
	path    string
	columns []column[T]
	fields  []column[T]
	secret  column[T]     // what the server shows once, if anything
	version func(T) int64 // of a thing that can be edited
}

func (r resource[T]) pathOf(id string, more ...string) string {
	return r.path + "/" + url.PathEscape(id) + strings.Join(more, "")
}

// many names several of the things for people.
func (r resource[T]) many() string {
	_, one, _ := strings.Cut(r.one, " ")
	return one + "s"
}

// list makes the verb that lists the things, filtered by what the query yields.
func (r resource[T]) list(long string, query func() url.Values) *cobra.Command {
	var l listFlags
	cmd := r.c.verb(cobra.Command{
		Use: "list", Args: cobra.NoArgs,
		Short:   "List " + r.many(),
		Long:    long,
		Example: "  tansu " + r.noun + " list\n  tansu " + r.noun + " list --all -o jsonl",
	}, func(ctx context.Context, s *session, _ []string) error {
		q := url.Values{}
		if query != nil {
			q = query()
		}
		return list(ctx, s, r.path, q, l, r.columns)
	})
	l.add(cmd.Flags())
	return cmd
}

// all makes the verb that lists things that are never many, filtered by what the
// query yields.
func (r resource[T]) all(long string, query func() url.Values) *cobra.Command {
	return r.c.verb(cobra.Command{
		Use: "list", Args: cobra.NoArgs,
		Short:   "List " + r.many(),
		Long:    long,
		Example: "  tansu " + r.noun + " list",
	}, func(ctx context.Context, s *session, _ []string) error {
		var q url.Values
		if query != nil {
			q = query()
		}
		return listAll(ctx, s, r.path, q, r.columns)
	})
}

// show makes the verb that shows one thing.
func (r resource[T]) show(long string) *cobra.Command {
	return r.c.verb(cobra.Command{
		Use: "show " + r.arg, Aliases: []string{"get"}, Args: cobra.ExactArgs(1),
		Short:   "Show " + r.one,
		Long:    long,
		Example: "  tansu " + r.noun + " show " + r.example,
	}, func(ctx context.Context, s *session, args []string) error {
		return show(ctx, s, r.pathOf(args[0]), nil, r.fields)
	})
}

// switched makes a verb that takes a reason and nothing else.
func (r resource[T]) switched(verb, short, long string, needsReason bool) *cobra.Command {
	var reason string
	var w writeFlags
	cmd := r.c.verb(cobra.Command{
		Use: verb + " " + r.arg, Args: cobra.ExactArgs(1),
		Short:   short,
		Long:    long + " The reason is kept in the event.",
		Example: "  tansu " + r.noun + " " + verb + " " + r.example + " --reason \"ticket 4711\"",
	}, func(ctx context.Context, s *session, args []string) error {
		if needsReason && reason == "" {
			return usagef("--reason is missing; say why, it is kept in the event")
		}
		return r.send(ctx, s, w, http.MethodPost, r.pathOf(args[0], "/", verb), set1("reason", reason))
	})
	cmd.Flags().StringVar(&reason, "reason", "", "why; up to 500 characters")
	w.add(cmd.Flags())
	return cmd
}

// edit makes the verb that changes some fields of a thing. What is not given
// stays as it was read; if somebody else changes it meanwhile, nothing is changed.
func (r resource[T]) edit(long, example string, flags func(*pflag.FlagSet), body func(s *session, now T, given func(flag string) bool) (any, error)) *cobra.Command {
	var w writeFlags
	var given func(string) bool
	cmd := r.c.verb(cobra.Command{
		Use: "update " + r.arg, Args: cobra.ExactArgs(1),
		Short:   "Change " + r.one,
		Long:    long,
		Example: "  tansu " + r.noun + " update " + r.example + " " + example,
	}, func(ctx context.Context, s *session, args []string) error {
		now, err := decode[T](s.do(ctx, call{method: http.MethodGet, path: r.pathOf(args[0])}))
		if err != nil {
			return err
		}
		if w.ifVersion == 0 {
			w.ifVersion = r.version(now)
		}
		changed, err := body(s, now, given)
		if err != nil {
			return err
		}
		return r.send(ctx, s, w, http.MethodPut, r.pathOf(args[0]), changed)
	})
	given = cmd.Flags().Changed
	flags(cmd.Flags())
	w.add(cmd.Flags())
	return cmd
}

// rotated makes the verb that makes a new secret.
func (r resource[T]) rotated() *cobra.Command {
	var overlap time.Duration
	var w writeFlags
	cmd := r.c.verb(cobra.Command{
		Use: "rotate-secret " + r.arg, Args: cobra.ExactArgs(1),
		Short: "Make a new secret",
		Long: "Make a new secret and show it once. The one before counts too for a while, so that the program can change over\n" +
			"in its own time; with --overlap 0 it ends at once.",
		Example: "  tansu " + r.noun + " rotate-secret " + r.example + " --overlap 1h",
	}, func(ctx context.Context, s *session, args []string) error {
		body := map[string]any{"overlap_seconds": int64(overlap / time.Second)}
		return r.send(ctx, s, w, http.MethodPost, r.pathOf(args[0], "/rotate-secret"), body)
	})
	cmd.Flags().DurationVar(&overlap, "overlap", 24*time.Hour, "how long the secret before counts")
	w.add(cmd.Flags())
	return cmd
}

// deleted makes the verb that ends a thing for ever.
func (r resource[T]) deleted(verb, long, done string) *cobra.Command {
	var w writeFlags
	cmd := r.c.verb(cobra.Command{
		Use: verb + " " + r.arg, Args: cobra.ExactArgs(1),
		Short:   strings.ToUpper(verb[:1]) + verb[1:] + " " + r.one,
		Long:    long,
		Example: "  tansu " + r.noun + " " + verb + " " + r.example,
	}, func(ctx context.Context, s *session, args []string) error {
		_, err := s.command(ctx, call{method: http.MethodDelete, path: r.pathOf(args[0]), key: w.key, header: w.header()})
		if err == nil {
			s.note("%s", done)
		}
		return err
	})
	w.add(cmd.Flags())
	return cmd
}

// send sends a command and prints the thing as it is then, with the secret that
// is shown this once.
func (r resource[T]) send(ctx context.Context, s *session, w writeFlags, method, path string, body any) error {
	a, err := s.command(ctx, call{method: method, path: path, body: body, key: w.key, header: w.header()})
	it, err := decode[item[T]](a, err)
	if err != nil {
		return err
	}
	fields := r.fields
	if r.secret.cell != nil && r.secret.cell(it.value) != "" {
		fields = append(fields[:len(fields):len(fields)], r.secret)
		s.note("Keep the %s; it is not shown again.", r.secret.title)
	}
	return printItem(s.out, fields, it)
}

func addMakerFlag(f *pflag.FlagSet, maker *string) {
	f.StringVar(maker, "created-by", "", "only what this one made: user:ID, service_account:ID, api_key:ID or operator")
}

// words fits a list into a cell.
func words(list []string) string { return strings.Join(list, "\n") }
