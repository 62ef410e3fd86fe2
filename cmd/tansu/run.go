package main

import (
	"context"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"tansu.cloud/platform/config"
)

// app is what a command sees of the process it runs in.
type app struct {
	env            []string
	stdout, stderr io.Writer
	forced         <-chan struct{} // closed by the second signal: stop now
}

// run is the program without the process: the first signal ends ctx.
func run(ctx context.Context, args, env []string, stdin io.Reader, stdout, stderr io.Writer) error {
	ctx, forced, release := watchSignals(ctx)
	defer release()
	root := newRoot(&app{env: env, stdout: stdout, stderr: stderr, forced: forced})
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	return root.ExecuteContext(ctx)
}

func newRoot(a *app) *cobra.Command {
	root := noun(cobra.Command{
		Use:   "tansu",
		Short: "Event-sourced, multi-tenant backend platform",
	},
		newDevCommand(a), newServeCommand(a), newMigrateCommand(a), newDoctorCommand(a),
		newOperatorCommand(a), newConfigCommand(a), newHealthCommand(a), newVersionCommand(a), newBenchCommand(a),
	)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usagef("%v\nRun '%s --help' for what there is.", err, cmd.CommandPath())
	})
	addClientCommands(root, a.getenv)
	return root
}

func (a *app) getenv(name string) string {
	for i := len(a.env) - 1; i >= 0; i-- {
		if value, ok := strings.CutPrefix(a.env[i], name+"="); ok {
			return value
		}
	}
	return ""
}

// command makes a command without arguments that takes the flags of the
// configuration.
func (a *app) command(cmd cobra.Command, defaults config.Config, run func(context.Context, *pflag.FlagSet) error) *cobra.Command {
	config.AddFlags(cmd.Flags(), defaults)
	cmd.SilenceUsage, cmd.SilenceErrors = true, true
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			return usagef("%s takes no arguments, got %q", cmd.CommandPath(), args)
		}
		return nil
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return run(cmd.Context(), cmd.Flags()) }
	return &cmd
}

// settings loads the configuration over the defaults.
func (a *app) settings(defaults config.Config, flags *pflag.FlagSet, required ...string) (config.Config, error) {
	cfg, err := config.Load(defaults, config.Sources{Env: a.env, Flags: flags, Required: required})
	if err != nil {
		return config.Config{}, &usageError{err.Error()}
	}
	return cfg, nil
}
