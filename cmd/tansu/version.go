package main

import (
	"context"
	"fmt"
	"runtime"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"tansu.cloud/platform/config"
)

// Set by the linker, see the Makefile.
var (
	version = "dev"
	commit  = "unknown"
	date    = "unknown"
)

func newVersionCommand(a *app) *cobra.Command {
	return a.command(cobra.Command{
		Use:   "version",
		Short: "Print the version of this binary",
	}, config.Default(), func(context.Context, *pflag.FlagSet) error {
		_, err := fmt.Fprintf(a.stdout, "tansu %s (commit %s, %s) %s %s/%s\n", version, commit, date, runtime.Version(), runtime.GOOS, runtime.GOARCH)
		return err
	})
}
