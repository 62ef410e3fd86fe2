package main

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/spf13/cobra"
)

type memberInfo struct {
	UserID  string    `json:"user_id"`
	Email   string    `json:"email"`
	Name    string    `json:"name"`
	Roles   []string  `json:"roles"`
	Version int64     `json:"version"`
	AddedAt time.Time `json:"added_at"`
}

var memberColumns = []column[memberInfo]{
	{"user", func(m memberInfo) string { return m.UserID }},
	{"email", func(m memberInfo) string { return m.Email }},
	{"name", func(m memberInfo) string { return m.Name }},
	{"roles", func(m memberInfo) string { return words(m.Roles) }},
	{"added", func(m memberInfo) string { return timeCell(m.AddedAt) }},
}

var memberFields = append(memberColumns[:len(memberColumns):len(memberColumns)],
	column[memberInfo]{"version", func(m memberInfo) string { return strconv.FormatInt(m.Version, 10) }},
)

func newMembersCommand(c *cli) *cobra.Command {
	r := resource[memberInfo]{
		c: c, noun: "members", one: "a member", arg: "USER", example: "0192f0c1-…", path: "/v1/members",
		columns: memberColumns, fields: memberFields,
	}
	return noun(cobra.Command{
		Use: "members", Aliases: []string{"member"},
		Short: "See and change who belongs to a tenant",
		Long: "Members are the users of a tenant, with the roles that say what they may do there. New people come in by\n" +
			"invite; see tansu invites. A tenant keeps at least one owner.",
		Example: "  tansu members list --tenant acme\n  tansu members set-roles 0192f0c1-… admin --tenant acme",
	},
		r.list("List the members of a tenant, by when they were added.", nil),
		r.show("Show a member of a tenant, with the roles."),
		newMembersAdd(r), newMembersSetRoles(r),
		r.deleted("remove", "Take somebody's membership. The user stays, and can be invited again.", "The member is removed."),
	)
}

func newMembersAdd(r resource[memberInfo]) *cobra.Command {
	var roles []string
	var w writeFlags
	cmd := r.c.verb(cobra.Command{
		Use: "add USER --role ROLE", Args: cobra.ExactArgs(1),
		Short:   "Make a user a member",
		Long:    "Make a user who has an account a member of a tenant, by the user's id. Others are invited by e-mail.",
		Example: "  tansu members add 0192f0c1-… --role developer --tenant acme",
	}, func(ctx context.Context, s *session, args []string) error {
		if len(roles) == 0 {
			return usagef("--role is missing; see 'tansu roles list'")
		}
		return r.send(ctx, s, w, http.MethodPost, r.path, map[string]any{"user_id": args[0], "roles": roles})
	})
	addRoleFlag(cmd.Flags(), &roles)
	w.addKey(cmd.Flags())
	return cmd
}

func newMembersSetRoles(r resource[memberInfo]) *cobra.Command {
	var w writeFlags
	cmd := r.c.verb(cobra.Command{
		Use: "set-roles USER ROLE...", Args: cobra.MinimumNArgs(2),
		Short:   "Give a member other roles",
		Long:    "Replace a member's roles. You can only give what you may do yourself, and only owners make owners.",
		Example: "  tansu members set-roles 0192f0c1-… developer support --tenant acme",
	}, func(ctx context.Context, s *session, args []string) error {
		return r.send(ctx, s, w, http.MethodPut, r.pathOf(args[0], "/roles"), map[string]any{"roles": args[1:]})
	})
	w.add(cmd.Flags())
	return cmd
}
