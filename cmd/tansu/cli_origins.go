package main

import (
	"context"
	"net/http"
	"strconv"

	"github.com/spf13/cobra"
)

type originsInfo struct {
	Origins []string `json:"origins"`
	Version int64    `json:"version"`
}

var originsFields = []column[originsInfo]{
	{"origins", func(o originsInfo) string { return words(o.Origins) }},
	{"version", func(o originsInfo) string { return strconv.FormatInt(o.Version, 10) }},
}

func newOriginsCommand(c *cli) *cobra.Command {
	r := resource[originsInfo]{c: c, noun: "origins", path: "/v1/origins", fields: originsFields}
	return noun(cobra.Command{
		Use:     "origins",
		Short:   "Say from which pages a tenant may be used",
		Long:    "Pages in browsers may use a tenant if the tenant, or the installation (http.origins), names their origin.",
		Example: "  tansu origins set https://app.example.com https://admin.example.com:8443 --tenant acme",
	}, newOriginsShow(r), newOriginsSet(r))
}

func newOriginsShow(r resource[originsInfo]) *cobra.Command {
	return r.c.verb(cobra.Command{
		Use: "show", Args: cobra.NoArgs,
		Short:   "Show the origins of a tenant",
		Long:    "Show the origins that a tenant names. Those of the installation count besides.",
		Example: "  tansu origins show --tenant acme",
	}, func(ctx context.Context, s *session, _ []string) error {
		return show(ctx, s, r.path, nil, r.fields)
	})
}

func newOriginsSet(r resource[originsInfo]) *cobra.Command {
	var none bool
	var w writeFlags
	cmd := r.c.verb(cobra.Command{
		Use: "set ORIGIN...", Args: cobra.ArbitraryArgs,
		Short:   "Replace the origins of a tenant",
		Long:    "Replace the origins of a tenant, at most 20. Each is a scheme, a host and, if it is not the default one, a port;\nhttps, or http for localhost. It takes effect within a second.",
		Example: "  tansu origins set https://app.example.com --tenant acme\n  tansu origins set --none --tenant acme",
	}, func(ctx context.Context, s *session, args []string) error {
		if none == (len(args) > 0) {
			return usagef("name at least one origin, or say --none")
		}
		return r.send(ctx, s, w, http.MethodPut, r.path, map[string]any{"origins": append([]string{}, args...)})
	})
	cmd.Flags().BoolVar(&none, "none", false, "leave the tenant to the origins of the installation")
	w.add(cmd.Flags())
	return cmd
}
