package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"tansu.cloud/platform/config"
)

// finding is what one check of the doctor saw.
type finding struct {
	Check  string `json:"check"`
	Status string `json:"status"` // ok, warn or fail
	Detail string `json:"detail"`
	Fix    string `json:"fix,omitempty"` // what to do; empty if all is well
}

const (
	statusOK   = "ok"
	statusWarn = "warn"
	statusFail = "fail"
)

func newDoctorCommand(a *app) *cobra.Command {
	var output string
	cmd := a.command(cobra.Command{
		Use:   "doctor",
		Short: "Check this installation and say what to do",
		Long: "Doctor looks at versions, server settings that endanger data, the schema, disk space, clocks,\n" +
			"certificates, connections, projections and old transactions. It only reads. Its exit code is 1 if a check fails.",
	}, config.Default(), func(ctx context.Context, flags *pflag.FlagSet) error {
		if output != "table" && output != "json" {
			return usagef("-o %q is unknown; use table or json", output)
		}
		cfg, err := a.settings(config.Default(), flags)
		if err != nil {
			return err
		}
		findings := examine(ctx, cfg)
		if err := a.printFindings(findings, output); err != nil {
			return err
		}
		return verdict(findings)
	})
	cmd.Flags().StringVarP(&output, "output", "o", "table", "table or json")
	fixed(cmd, "output", "table", "json")
	return cmd
}

// verdict is an error if a check failed. Warnings alone are none.
func verdict(findings []finding) error {
	failed := 0
	for _, f := range findings {
		if f.Status == statusFail {
			failed++
		}
	}
	switch failed {
	case 0:
		return nil
	case 1:
		return errors.New("1 check failed")
	default:
		return fmt.Errorf("%d checks failed", failed)
	}
}

func (a *app) printFindings(findings []finding, output string) error {
	if output == "json" {
		encoder := json.NewEncoder(a.stdout)
		encoder.SetIndent("", "  ")
		return encoder.Encode(map[string]any{"checks": findings})
	}
	t := table.NewWriter()
	t.SetStyle(table.StyleLight)
	t.Style().Options = table.OptionsNoBordersAndSeparators
	t.Style().Format.Header = text.FormatUpper
	t.AppendHeader(table.Row{"status", "check", "detail"})
	for _, f := range findings {
		t.AppendRow(table.Row{f.Status, f.Check, printable(f.Detail, false)})
		if f.Fix != "" {
			t.AppendRow(table.Row{"", "", "→ " + printable(f.Fix, false)})
		}
	}
	_, err := fmt.Fprintln(a.stdout, t.Render())
	return err
}
