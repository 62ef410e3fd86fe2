package main

import (
	"cmp"
	"context"
	"net/http"
	"strconv"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

type roleInfo struct {
	Name        string   `json:"name"`
	Title       string   `json:"title"`
	Permissions []string `json:"permissions"`
	BuiltIn     bool     `json:"built_in"`
	Version     int64    `json:"version"`
}

var roleColumns = []column[roleInfo]{
	{"name", func(r roleInfo) string { return r.Name }},
	{"title", func(r roleInfo) string { return r.Title }},
	{"built in", func(r roleInfo) string { return map[bool]string{true: "yes"}[r.BuiltIn] }},
	{"permissions", func(r roleInfo) string { return strconv.Itoa(len(r.Permissions)) }},
}

var roleFields = append(roleColumns[:3:3],
	column[roleInfo]{"permissions", func(r roleInfo) string { return words(r.Permissions) }},
	column[roleInfo]{"version", func(r roleInfo) string { return strconv.FormatInt(r.Version, 10) }},
)

type permissionInfo struct {
	Name  string `json:"name"`
	Title string `json:"title"`
}

var permissionColumns = []column[permissionInfo]{
	{"name", func(p permissionInfo) string { return p.Name }},
	{"title", func(p permissionInfo) string { return p.Title }},
}

func newRolesCommand(c *cli) *cobra.Command {
	r := resource[roleInfo]{
		c: c, noun: "roles", one: "a role", arg: "NAME", example: "support", path: "/v1/roles",
		columns: roleColumns, fields: roleFields, version: func(r roleInfo) int64 { return r.Version },
	}
	return noun(cobra.Command{
		Use: "roles", Aliases: []string{"role"},
		Short:   "Say what members may do",
		Long:    "A role is a set of permissions. Owner, admin, developer and viewer are built in; a tenant can make more.",
		Example: "  tansu roles create support --title Support --permission jobs.read,jobs.manage --tenant acme\n  tansu roles permissions",
	},
		r.all("List the roles of a tenant, the built-in ones first.", nil),
		r.show("Show a role with its permissions."), newRolesCreate(r), newRolesUpdate(r),
		r.deleted("delete", "Delete a role that the tenant made. Whoever has it loses its permissions.", "The role is deleted."),
		newPermissionsList(c),
	)
}

func newRolesCreate(r resource[roleInfo]) *cobra.Command {
	var title string
	var permissions []string
	var w writeFlags
	cmd := r.c.verb(cobra.Command{
		Use: "create NAME --permission PERMISSION", Args: cobra.ExactArgs(1),
		Short:   "Make a role",
		Long:    "Make a role. Its name is 2 to 40 lower-case letters, digits and hyphens. You can only give permissions that you have.",
		Example: "  tansu roles create support --title \"Support desk\" --permission jobs.read --permission jobs.manage",
	}, func(ctx context.Context, s *session, args []string) error {
		if len(permissions) == 0 {
			return usagef("--permission is missing; see 'tansu roles permissions'")
		}
		body := map[string]any{"name": args[0], "title": cmp.Or(title, args[0]), "permissions": permissions}
		return r.send(ctx, s, w, http.MethodPost, r.path, body)
	})
	cmd.Flags().StringVar(&title, "title", "", "for people (default: the name)")
	addPermissionFlag(cmd.Flags(), &permissions)
	w.addKey(cmd.Flags())
	return cmd
}

func newRolesUpdate(r resource[roleInfo]) *cobra.Command {
	var title string
	var permissions []string
	return r.edit("Change a role's title or permissions; --permission replaces all of them.", "--permission jobs.read", func(f *pflag.FlagSet) {
		f.StringVar(&title, "title", "", "for people")
		addPermissionFlag(f, &permissions)
	}, func(_ *session, now roleInfo, given func(string) bool) (any, error) {
		if given("title") {
			now.Title = title
		}
		if given("permission") {
			now.Permissions = permissions
		}
		return map[string]any{"title": now.Title, "permissions": now.Permissions}, nil
	})
}

func newPermissionsList(c *cli) *cobra.Command {
	r := resource[permissionInfo]{c: c, noun: "roles", path: "/v1/permissions", columns: permissionColumns}
	cmd := r.all("List the permissions of which roles and API keys are made.", nil)
	cmd.Use, cmd.Short, cmd.Example = "permissions", "List the permissions that there are", "  tansu roles permissions"
	return cmd
}

func addRoleFlag(f *pflag.FlagSet, roles *[]string) {
	f.StringSliceVar(roles, "role", nil, "role to give; repeat it, or separate several by commas")
}

func addPermissionFlag(f *pflag.FlagSet, permissions *[]string) {
	f.StringSliceVar(permissions, "permission", nil, "permission to give; repeat it, or separate several by commas")
}
