package main

import (
	"context"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"tansu.cloud/platform/config"
)

func newConfigCommand(a *app) *cobra.Command {
	var output string
	show := a.command(cobra.Command{
		Use:   "show",
		Short: "Print all settings as a node would see them, secrets redacted",
	}, config.Default(), func(_ context.Context, flags *pflag.FlagSet) error {
		cfg, err := a.settings(config.Default(), flags)
		if err != nil {
			return err
		}
		render := cfg.YAML
		switch output {
		case "yaml":
		case "json":
			render = cfg.JSON
		default:
			return usagef("-o %q is unknown; use yaml or json", output)
		}
		content, err := render()
		if err != nil {
			return err
		}
		if content[len(content)-1] != '\n' {
			content = append(content, '\n')
		}
		_, err = a.stdout.Write(content)
		return err
	})
	show.Flags().StringVarP(&output, "output", "o", "yaml", "yaml or json")
	fixed(show, "output", "yaml", "json")
	return noun(cobra.Command{Use: "config", Short: "Settings of a node"}, show)
}
