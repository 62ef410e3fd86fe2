package main

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/spf13/cobra"
)

type inviteInfo struct {
	ID        string    `json:"id"`
	Email     string    `json:"email"`
	Roles     []string  `json:"roles"`
	Status    string    `json:"status"`
	Reason    string    `json:"reason"`
	CreatedBy string    `json:"created_by"`
	Sent      *bool     `json:"sent"` // only in answers that send a message
	ExpiresAt time.Time `json:"expires_at"`
	CreatedAt time.Time `json:"created_at"`
}

var inviteColumns = []column[inviteInfo]{
	{"id", func(i inviteInfo) string { return i.ID }},
	{"status", func(i inviteInfo) string { return i.Status }},
	{"email", func(i inviteInfo) string { return i.Email }},
	{"roles", func(i inviteInfo) string { return words(i.Roles) }},
	{"created", func(i inviteInfo) string { return timeCell(i.CreatedAt) }},
	{"expires", func(i inviteInfo) string { return timeCell(i.ExpiresAt) }},
	{"created by", func(i inviteInfo) string { return i.CreatedBy }},
}

var inviteFields = append(inviteColumns[:len(inviteColumns):len(inviteColumns)],
	column[inviteInfo]{"reason", func(i inviteInfo) string { return i.Reason }},
	column[inviteInfo]{"message", inviteInfo.message},
)

// message says whether one went out.
func (i inviteInfo) message() string {
	switch {
	case i.Sent == nil:
		return ""
	case *i.Sent:
		return "sent"
	}
	return "not sent; try tansu invites resend " + i.ID
}

func newInvitesCommand(c *cli) *cobra.Command {
	r := resource[inviteInfo]{
		c: c, noun: "invites", one: "an invite", arg: "ID", example: "0192f0c1-…", path: "/v1/invites",
		columns: inviteColumns, fields: inviteFields,
	}
	return noun(cobra.Command{
		Use: "invites", Aliases: []string{"invite"},
		Short:   "Bring people into a tenant",
		Long:    "Invite people by e-mail. An invite is good for 7 days, for that address and once.",
		Example: "  tansu invites create ada@example.com --role developer --tenant acme\n  tansu invites list --status open",
	},
		newInvitesCreate(r), newInvitesList(r), r.show("Show an invite: for whom, with which roles, and what became of it."),
		newInvitesResend(r), r.switched("revoke", "Take an invite back", "Take an invite back; its link leads nowhere from then on.", false),
	)
}

func newInvitesCreate(r resource[inviteInfo]) *cobra.Command {
	var roles []string
	var w writeFlags
	cmd := r.c.verb(cobra.Command{
		Use: "create EMAIL --role ROLE", Args: cobra.ExactArgs(1),
		Short:   "Invite somebody",
		Long:    "Send somebody a link to join a tenant with the given roles. You can only give what you may do yourself.",
		Example: "  tansu invites create ada@example.com --role developer --tenant acme",
	}, func(ctx context.Context, s *session, args []string) error {
		if len(roles) == 0 {
			return usagef("--role is missing; see 'tansu roles list'")
		}
		return r.send(ctx, s, w, http.MethodPost, r.path, map[string]any{"email": args[0], "roles": roles})
	})
	addRoleFlag(cmd.Flags(), &roles)
	w.addKey(cmd.Flags())
	return cmd
}

func newInvitesList(r resource[inviteInfo]) *cobra.Command {
	var status, maker string
	cmd := r.list("List the invites of a tenant, the newest first.",
		func() url.Values { return set(url.Values{}, "status", status, "created_by", maker) })
	addMakerFlag(cmd.Flags(), &maker)
	cmd.Flags().StringVar(&status, "status", "", "open, accepted or revoked; expired ones are open")
	fixed(cmd, "status", "open", "accepted", "revoked")
	return cmd
}

func newInvitesResend(r resource[inviteInfo]) *cobra.Command {
	var w writeFlags
	cmd := r.c.verb(cobra.Command{
		Use: "resend ID", Args: cobra.ExactArgs(1),
		Short:   "Send an invite again",
		Long:    "Send an invite again, with a new link that is good for 7 days. The link before leads nowhere from then on.",
		Example: "  tansu invites resend 0192f0c1-…",
	}, func(ctx context.Context, s *session, args []string) error {
		return r.send(ctx, s, w, http.MethodPost, r.pathOf(args[0], "/resend"), map[string]any{})
	})
	w.add(cmd.Flags())
	return cmd
}
