package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"tansu.cloud/platform/config"
	"tansu.cloud/platform/migrate"
)

func newMigrateCommand(a *app) *cobra.Command {
	var dryRun bool
	cmd := a.command(cobra.Command{
		Use:   "migrate",
		Short: "Bring the database schema to this binary's version",
		Long: "Migrate applies what is missing, in order, each step in a transaction. It only goes\n" +
			"forward. Several may run at once: one works, the others wait and find nothing to do.",
	}, config.Default(), func(ctx context.Context, flags *pflag.FlagSet) (err error) {
		cfg, err := a.settings(config.Default(), flags)
		if err != nil {
			return err
		}
		dsn, err := directDSN(cfg)
		if err != nil {
			return err
		}
		m, err := migrate.Open(dsn)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, m.Close()) }()
		return a.migrate(ctx, m, dryRun)
	})
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "only print what would be applied")
	return cmd
}

func (a *app) migrate(ctx context.Context, m *migrate.Migrator, dryRun bool) error {
	verb, step := "applied", m.Apply
	if dryRun {
		verb, step = "would apply", m.Plan
	}
	steps, err := step(ctx)
	if err != nil {
		return err
	}
	for _, s := range steps {
		line := verb + " " + s.Name
		if s.Took > 0 {
			line += fmt.Sprintf(" in %s", s.Took.Round(time.Millisecond))
		}
		fmt.Fprintln(a.stdout, line)
	}
	if len(steps) == 0 {
		fmt.Fprintf(a.stdout, "nothing to do: the schema is at version %d\n", m.Expected())
	}
	return nil
}
