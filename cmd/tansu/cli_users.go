package main

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/spf13/cobra"
)

type userInfo struct {
	ID        string    `json:"id"`
	Email     string    `json:"email"`
	Name      string    `json:"name"`
	Verified  bool      `json:"verified"`
	Status    string    `json:"status"`
	Version   int64     `json:"version"`
	CreatedAt time.Time `json:"created_at"`
}

var userColumns = []column[userInfo]{
	{"id", func(u userInfo) string { return u.ID }},
	{"status", func(u userInfo) string { return u.Status }},
	{"email", func(u userInfo) string { return u.Email }},
	{"verified", func(u userInfo) string { return map[bool]string{true: "yes", false: "no"}[u.Verified] }},
	{"name", func(u userInfo) string { return u.Name }},
	{"created", func(u userInfo) string { return timeCell(u.CreatedAt) }},
}

var userFields = append(userColumns[:len(userColumns):len(userColumns)],
	column[userInfo]{"version", func(u userInfo) string { return strconv.FormatInt(u.Version, 10) }},
)

func newUsersCommand(c *cli) *cobra.Command {
	r := resource[userInfo]{
		c: c, noun: "users", one: "a user", arg: "ID", example: "0192f0c1-…", path: "/v1/users",
		columns: userColumns, fields: userFields,
	}
	return noun(cobra.Command{
		Use: "users", Aliases: []string{"user"},
		Short:   "Deal with the people of the whole installation",
		Long:    "Users are people who can sign in, in whatever tenants they are members of. This is for the platform's own staff.",
		Example: "  tansu users list --status disabled\n  tansu users disable 0192f0c1-… --reason \"ticket 4711\"",
	},
		newUsersCreate(r), newUsersList(r), r.show("Show a user."),
		r.switched("disable", "Shut a user out", "Shut a user out of everything; sessions and tokens end within a second.", true),
		r.switched("enable", "Let a user in again", "Let a user in again.", false),
		r.switched("erase", "Erase a user for ever", "Erase a user's personal data for ever: the key that opens it is destroyed.", true),
	)
}

func newUsersCreate(r resource[userInfo]) *cobra.Command {
	var name string
	var verified bool
	var w writeFlags
	cmd := r.c.verb(cobra.Command{
		Use: "create EMAIL --name NAME", Args: cobra.ExactArgs(1),
		Short:   "Register a user",
		Long:    "Make an account without a password; the person sets one through \"forgot password\". Who is to work for a tenant\nis better invited; see tansu invites.",
		Example: "  tansu users create ada@example.com --name \"Ada Lovelace\"",
	}, func(ctx context.Context, s *session, args []string) error {
		body := map[string]any{"email": args[0], "name": name}
		if verified {
			body["verified"] = true
		}
		return r.send(ctx, s, w, http.MethodPost, r.path, body)
	})
	cmd.Flags().StringVar(&name, "name", "", "name for people")
	cmd.Flags().BoolVar(&verified, "verified", false, "the address is known to be theirs")
	w.addKey(cmd.Flags())
	return cmd
}

func newUsersList(r resource[userInfo]) *cobra.Command {
	var status string
	cmd := r.list("List the users of the installation, by when they registered.", func() url.Values { return set(url.Values{}, "status", status) })
	cmd.Flags().StringVar(&status, "status", "", "active, disabled or erased")
	fixed(cmd, "status", "active", "disabled", "erased")
	return cmd
}
