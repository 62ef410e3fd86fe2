package main

import (
	"time"

	"github.com/spf13/cobra"
)

type sessionInfo struct {
	ID        string    `json:"id"`
	Method    string    `json:"method"`
	Address   string    `json:"address"`
	UserAgent string    `json:"user_agent"`
	Current   bool      `json:"current"`
	StartedAt time.Time `json:"started_at"`
}

var sessionColumns = []column[sessionInfo]{
	{"id", func(s sessionInfo) string { return s.ID }},
	{"this one", func(s sessionInfo) string { return map[bool]string{true: "yes"}[s.Current] }},
	{"method", func(s sessionInfo) string { return s.Method }},
	{"address", func(s sessionInfo) string { return s.Address }},
	{"program", func(s sessionInfo) string { return s.UserAgent }},
	{"started", func(s sessionInfo) string { return timeCell(s.StartedAt) }},
}

func newSessionsCommand(c *cli) *cobra.Command {
	r := resource[sessionInfo]{
		c: c, noun: "sessions", one: "a session", arg: "ID", example: "0192f0c1-…", path: "/v1/sessions",
		columns: sessionColumns, fields: sessionColumns,
	}
	return noun(cobra.Command{
		Use: "sessions", Aliases: []string{"session"},
		Short:   "See where you are signed in",
		Long:    "A session is one of your own sign-ins. Ending it ends the tokens that came of it.",
		Example: "  tansu sessions list\n  tansu sessions revoke 0192f0c1-…",
	},
		r.all("List your own sessions that are live, the newest first.", nil),
		r.deleted("revoke", "End one of your sign-ins, and the tokens that came of it, within a second.", "The session is ended."),
	)
}
