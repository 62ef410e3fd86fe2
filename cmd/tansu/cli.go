package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"
)

const (
	defaultServer  = "http://127.0.0.1:8080"
	defaultTimeout = 30 * time.Second
	maxInput       = 16 << 20 // bytes of a request body given by file or standard input
)

// cli holds the flags that all commands speaking to a server share.
type cli struct {
	getenv    func(string) string
	profiles  *profileStore
	transport http.RoundTripper          // nil: that of the standard library
	openURL   func(address string) error // shows a page to the user

	server, token, tokenFile, profile, tenant, output string
	quiet, noColor                                    bool
	timeout, poll                                     time.Duration
}

// addClientCommands adds the commands that work on a running node.
func addClientCommands(root *cobra.Command, getenv func(string) string) {
	newCLI(getenv).addTo(root)
}

func newCLI(getenv func(string) string) *cli {
	return &cli{getenv: getenv, profiles: newProfileStore(getenv), openURL: openBrowser, poll: time.Second}
}

func (c *cli) addTo(root *cobra.Command) {
	for _, cmd := range []*cobra.Command{
		newTenantsCommand(c), newEventsCommand(c), newStreamsCommand(c), newProjectionsCommand(c),
		newDeadLettersCommand(c), newWebhooksCommand(c), newJobsCommand(c), newAuditCommand(c), newAPICommand(c),
		newMembersCommand(c), newInvitesCommand(c), newRolesCommand(c), newOriginsCommand(c), newKeysCommand(c), newServiceAccountsCommand(c),
		newIDPCommand(c), newUsersCommand(c), newSessionsCommand(c), newClientsCommand(c), newWhoamiCommand(c),
	} {
		c.addFlags(cmd)
		root.AddCommand(cmd)
	}
	for _, cmd := range []*cobra.Command{newLoginCommand(c), newLogoutCommand(c), newProfilesCommand(c)} {
		cmd.SetFlagErrorFunc(flagError)
		root.AddCommand(cmd)
	}
}

func (c *cli) addFlags(cmd *cobra.Command) {
	f := cmd.PersistentFlags()
	f.StringVar(&c.server, "server", "", "URL of the server (TANSU_SERVER, then that of the profile in use; default "+defaultServer+")")
	f.StringVar(&c.token, "token", "", "access token (TANSU_TOKEN, then TANSU_OPERATOR_TOKEN, then that of the profile)")
	f.StringVar(&c.tokenFile, "token-file", "", "file that holds the access token")
	c.addProfileFlag(f)
	f.StringVar(&c.tenant, "tenant", "", "whose log: a tenant's id or slug, or system (default: that of the token)")
	c.addOutputFlags(cmd, f)
	c.addTimeoutFlag(f)
	cmd.SetFlagErrorFunc(flagError)
}

func (c *cli) addOutputFlags(cmd *cobra.Command, f *pflag.FlagSet) {
	f.StringVarP(&c.output, "output", "o", "table", "table, json, yaml or jsonl (one document per line)")
	f.BoolVar(&c.noColor, "no-color", false, "no colours (NO_COLOR)")
	c.addQuietFlag(f)
	fixed(cmd, "output", "table", "json", "yaml", "jsonl")
}

func (c *cli) addProfileFlag(f *pflag.FlagSet) {
	f.StringVar(&c.profile, "profile", "", "sign-in to use, by name (default: the one in use)")
}

func (c *cli) addQuietFlag(f *pflag.FlagSet) {
	f.BoolVarP(&c.quiet, "quiet", "q", false, "no hints and no progress on standard error")
}

func (c *cli) addTimeoutFlag(f *pflag.FlagSet) {
	f.DurationVar(&c.timeout, "timeout", defaultTimeout, "longest time for one request, 0 for no limit; audits take what they need")
}

func flagError(cmd *cobra.Command, err error) error {
	return usagef("%v\nRun '%s --help' for what there is.", err, cmd.CommandPath())
}

// fixed completes a flag with these values.
func fixed(cmd *cobra.Command, flag string, values ...string) {
	if err := cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic(err) // the flag does not exist
	}
}

// session is one invocation of a command: its client and its streams.
type session struct {
	*client
	out    *printer
	stdin  io.Reader
	stderr io.Writer
	quiet  bool
	poll   time.Duration // between two looks at something that runs
}

// verb makes a command that runs in a session.
func (c *cli) verb(cmd cobra.Command, run func(context.Context, *session, []string) error) *cobra.Command {
	return c.bare(cmd, func(cmd *cobra.Command, args []string) error {
		s, err := c.open(cmd)
		if err != nil {
			return err
		}
		return run(cmd.Context(), s, args)
	})
}

// bare makes a command that opens what it needs itself.
func (c *cli) bare(cmd cobra.Command, run func(*cobra.Command, []string) error) *cobra.Command {
	check := cmd.Args
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return &usageError{err.Error() + "\nUsage: " + cmd.UseLine()}
		}
		return nil
	}
	cmd.SilenceUsage, cmd.SilenceErrors = true, true
	cmd.RunE = run
	return &cmd
}

// noun groups verbs; called without one it shows its help.
func noun(cmd cobra.Command, verbs ...*cobra.Command) *cobra.Command {
	cmd.SilenceUsage, cmd.SilenceErrors = true, true
	cmd.Args = cobra.ArbitraryArgs
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return cmd.Help()
		}
		msg := fmt.Sprintf("unknown command %q for %q", args[0], cmd.CommandPath())
		if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
			msg += "; did you mean " + strings.Join(near, " or ") + "?"
		}
		return usagef("%s\nRun '%s --help' for what there is.", msg, cmd.CommandPath())
	}
	cmd.SuggestionsMinimumDistance = 2
	cmd.AddCommand(verbs...)
	return &cmd
}

func (c *cli) open(cmd *cobra.Command) (*session, error) {
	out, err := c.printer(cmd)
	if err != nil {
		return nil, err
	}
	s := &session{out: out, stdin: cmd.InOrStdin(), stderr: cmd.ErrOrStderr(), quiet: c.quiet, poll: c.poll}
	server, token, err := c.target(s.note)
	if err != nil {
		return nil, err
	}
	if s.client, err = newClient(server, token, c.tenant, c.timeout); err != nil {
		return nil, err
	}
	s.http.Transport = c.transport
	if s.remote() && s.client.server.Scheme == "http" && token != nil {
		s.note("Warning: the connection to %s is not encrypted; anyone on the way can read the token.", s.client.server.Host)
	}
	return s, nil
}

func (c *cli) printer(cmd *cobra.Command) (*printer, error) {
	return newPrinter(cmd.OutOrStdout(), c.output, !c.noColor && c.getenv("NO_COLOR") == "")
}

// note tells a person something that is not data.
func (s *session) note(format string, args ...any) {
	if !s.quiet {
		fmt.Fprintf(s.stderr, format+"\n", args...)
	}
}

// command sends a request that changes something. It names a remote target, so
// that nobody changes another installation by mistake.
func (s *session) command(ctx context.Context, r call) (answer, error) {
	if s.remote() {
		s.note("on %s", s.server.Redacted())
	}
	return s.do(ctx, r)
}

func (c *client) remote() bool { return !loopback(c.server.Hostname()) }

// decode reads an answer into v.
func decode[T any](a answer, err error) (v T, _ error) {
	if err != nil {
		return v, err
	}
	if err := json.Unmarshal(a.body, &v); err != nil {
		return v, fmt.Errorf("the server's answer is not understood; is it a Tansu server of this release? %w", err)
	}
	return v, nil
}

// input reads an argument: @FILE stands for a file's content, - for standard
// input, anything else for itself.
func (s *session) input(arg string) ([]byte, error) {
	var r io.Reader
	switch {
	case arg == "-":
		r = s.stdin
	case strings.HasPrefix(arg, "@"):
		f, err := os.Open(arg[1:])
		if err != nil {
			return nil, usagef("%v", err)
		}
		defer f.Close()
		r = f
	default:
		return []byte(arg), nil
	}
	raw, err := io.ReadAll(io.LimitReader(r, maxInput+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", arg, err)
	}
	if len(raw) > maxInput {
		return nil, usagef("%s is larger than %d MiB", arg, maxInput>>20)
	}
	return raw, nil
}

func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
