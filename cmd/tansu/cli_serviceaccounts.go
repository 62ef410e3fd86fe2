package main

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

type serviceAccountInfo struct {
	ID             string    `json:"id"`
	Name           string    `json:"name"`
	ClientID       string    `json:"client_id"`
	ClientSecret   string    `json:"client_secret"` // only in answers that make one
	Roles          []string  `json:"roles"`
	Status         string    `json:"status"`
	DisabledReason string    `json:"disabled_reason"`
	CreatedBy      string    `json:"created_by"`
	Version        int64     `json:"version"`
	CreatedAt      time.Time `json:"created_at"`
}

var serviceAccountColumns = []column[serviceAccountInfo]{
	{"id", func(a serviceAccountInfo) string { return a.ID }},
	{"status", func(a serviceAccountInfo) string { return a.Status }},
	{"name", func(a serviceAccountInfo) string { return a.Name }},
	{"roles", func(a serviceAccountInfo) string { return words(a.Roles) }},
	{"created", func(a serviceAccountInfo) string { return timeCell(a.CreatedAt) }},
	{"created by", func(a serviceAccountInfo) string { return a.CreatedBy }},
}

var serviceAccountFields = append(serviceAccountColumns[:len(serviceAccountColumns):len(serviceAccountColumns)],
	column[serviceAccountInfo]{"reason", func(a serviceAccountInfo) string { return a.DisabledReason }},
	column[serviceAccountInfo]{"version", func(a serviceAccountInfo) string { return strconv.FormatInt(a.Version, 10) }},
	column[serviceAccountInfo]{"client id", func(a serviceAccountInfo) string { return a.ClientID }},
)

func newServiceAccountsCommand(c *cli) *cobra.Command {
	r := resource[serviceAccountInfo]{
		c: c, noun: "service-accounts", one: "a service account", arg: "ID", example: "0192f0c1-…", path: "/v1/service-accounts",
		columns: serviceAccountColumns, fields: serviceAccountFields,
		secret:  column[serviceAccountInfo]{"secret", func(a serviceAccountInfo) string { return a.ClientSecret }},
		version: func(a serviceAccountInfo) int64 { return a.Version },
	}
	return noun(cobra.Command{
		Use: "service-accounts", Aliases: []string{"service-account"},
		Short: "Let programs act in a tenant",
		Long: "A service account is a program that acts in a tenant with roles, like a member. It gets its tokens with its\n" +
			"client id and secret from /oauth/token (client credentials).",
		Example: "  tansu service-accounts create billing --role developer --tenant acme",
	},
		newServiceAccountsCreate(r), newServiceAccountsList(r),
		r.show("Show a service account with its roles and its client id."), newServiceAccountsUpdate(r), r.rotated(),
		r.switched("enable", "Let a service account in again", "Let a service account in again.", false),
		r.switched("disable", "Shut a service account out", "Shut a service account out; its tokens end within a second.", true),
		r.deleted("delete", "Delete a service account and its secrets for ever.", "The service account is deleted."),
	)
}

func newServiceAccountsCreate(r resource[serviceAccountInfo]) *cobra.Command {
	var roles []string
	var w writeFlags
	cmd := r.c.verb(cobra.Command{
		Use: "create NAME --role ROLE", Args: cobra.ExactArgs(1),
		Short:   "Make a service account",
		Long:    "Make a service account, and show its client secret once. You can only give what you may do yourself.",
		Example: "  tansu service-accounts create billing --role developer --tenant acme",
	}, func(ctx context.Context, s *session, args []string) error {
		if len(roles) == 0 {
			return usagef("--role is missing; see 'tansu roles list'")
		}
		return r.send(ctx, s, w, http.MethodPost, r.path, map[string]any{"name": args[0], "roles": roles})
	})
	addRoleFlag(cmd.Flags(), &roles)
	w.addKey(cmd.Flags())
	return cmd
}

func newServiceAccountsList(r resource[serviceAccountInfo]) *cobra.Command {
	var maker string
	cmd := r.all("List the service accounts of a tenant, by when they were made.", func() url.Values { return set(url.Values{}, "created_by", maker) })
	addMakerFlag(cmd.Flags(), &maker)
	return cmd
}

func newServiceAccountsUpdate(r resource[serviceAccountInfo]) *cobra.Command {
	var name string
	var roles []string
	return r.edit("Change a service account's name or roles; --role replaces all of them.", "--role viewer", func(f *pflag.FlagSet) {
		f.StringVar(&name, "name", "", "for people")
		addRoleFlag(f, &roles)
	}, func(_ *session, now serviceAccountInfo, given func(string) bool) (any, error) {
		if given("name") {
			now.Name = name
		}
		if given("role") {
			now.Roles = roles
		}
		return map[string]any{"name": now.Name, "roles": now.Roles}, nil
	})
}
