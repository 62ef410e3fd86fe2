package main

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

type clientInfo struct {
	ID             string          `json:"id"`
	Name           string          `json:"name"`
	Type           string          `json:"type"`
	RedirectURIs   []string        `json:"redirect_uris"`
	PostLogoutURIs []string        `json:"post_logout_redirect_uris"`
	Grants         []string        `json:"grants"`
	Auth           string          `json:"token_endpoint_auth"`
	JWKS           json.RawMessage `json:"jwks"`
	Scopes         []string        `json:"scopes"`
	FirstParty     bool            `json:"first_party"`
	Status         string          `json:"status"`
	ClientSecret   string          `json:"client_secret"` // only in answers that make one
	Version        int64           `json:"version"`
	CreatedAt      time.Time       `json:"created_at"`
}

var clientColumns = []column[clientInfo]{
	{"id", func(c clientInfo) string { return c.ID }},
	{"status", func(c clientInfo) string { return c.Status }},
	{"name", func(c clientInfo) string { return c.Name }},
	{"type", func(c clientInfo) string { return c.Type }},
	{"grants", func(c clientInfo) string { return words(c.Grants) }},
	{"created", func(c clientInfo) string { return timeCell(c.CreatedAt) }},
}

var clientFields = append(clientColumns[:len(clientColumns):len(clientColumns)],
	column[clientInfo]{"redirects to", func(c clientInfo) string { return words(c.RedirectURIs) }},
	column[clientInfo]{"after logout", func(c clientInfo) string { return words(c.PostLogoutURIs) }},
	column[clientInfo]{"authenticates by", func(c clientInfo) string { return c.Auth }},
	column[clientInfo]{"scopes", func(c clientInfo) string { return words(c.Scopes) }},
	column[clientInfo]{"version", func(c clientInfo) string { return strconv.FormatInt(c.Version, 10) }},
)

func newClientsCommand(c *cli) *cobra.Command {
	r := resource[clientInfo]{
		c: c, noun: "clients", one: "a client", arg: "ID", example: "0192f0c1-…", path: "/v1/clients",
		columns: clientColumns, fields: clientFields,
		secret:  column[clientInfo]{"secret", func(c clientInfo) string { return c.ClientSecret }},
		version: func(c clientInfo) int64 { return c.Version },
	}
	return noun(cobra.Command{
		Use: "clients", Aliases: []string{"client"},
		Short: "Register applications that people sign in to",
		Long: "A client is an application that signs people in through this server (OpenID Connect). Clients are of the whole\n" +
			"installation; this is for the platform's own staff.",
		Example: "  tansu clients create Shop --redirect-uri https://shop.example.com/callback",
	},
		newClientsCreate(r), r.list("List the registered clients, by when they were registered.", nil),
		r.show("Show a client: where it may send people to, and how it gets tokens."), newClientsUpdate(r), r.rotated(),
		r.switched("enable", "Let a client sign people in again", "Let a client sign people in again.", false),
		r.switched("disable", "Shut a client out", "Shut a client out: it gets no more tokens, and those it has end within seconds.", true),
		r.deleted("delete", "Delete a client and its secrets for ever.", "The client is deleted."),
	)
}

// clientFlags say what a client is.
type clientFlags struct {
	name, kind, auth, jwks             string
	redirects, logouts, grants, scopes []string
	firstParty                         bool
}

func (f *clientFlags) add(flags *pflag.FlagSet) {
	flags.StringArrayVar(&f.redirects, "redirect-uri", nil, "where people may be sent back to; repeat it for more")
	flags.StringArrayVar(&f.logouts, "post-logout-redirect-uri", nil, "where people may be sent after signing out; repeat it for more")
	flags.StringSliceVar(&f.grants, "grant", nil, "authorization_code, refresh_token or device_code; repeat it for more (default: the first two)")
	flags.StringSliceVar(&f.scopes, "scope", nil, "scope that it may ask for; repeat it for more")
	flags.StringVar(&f.jwks, "jwks", "", "its public keys, for private_key_jwt: JSON, @FILE or - for standard input")
	flags.BoolVar(&f.firstParty, "first-party", false, "of this installation's owner: people are not asked for consent")
}

func newClientsCreate(r resource[clientInfo]) *cobra.Command {
	var f clientFlags
	var w writeFlags
	var cmd *cobra.Command
	cmd = r.c.verb(cobra.Command{
		Use: "create NAME", Args: cobra.ExactArgs(1),
		Short: "Register a client",
		Long: "Register a client. A public one, such as an app in a browser or on a phone, has no secret; that of a\n" +
			"confidential one is shown once.",
		Example: "  tansu clients create Shop --redirect-uri https://shop.example.com/callback\n" +
			"  tansu clients create App --type public --redirect-uri com.example.app:/callback",
	}, func(ctx context.Context, s *session, args []string) error {
		now := clientInfo{
			Name: args[0], Type: f.kind, FirstParty: f.firstParty,
			Auth:   map[string]string{"public": "none", "confidential": "secret"}[f.kind],
			Grants: []string{"authorization_code", "refresh_token"},
		}
		if err := f.apply(s, &now, cmd.Flags().Changed); err != nil {
			return err
		}
		body := now.body()
		body["type"], body["token_endpoint_auth"] = now.Type, now.Auth
		return r.send(ctx, s, w, http.MethodPost, r.path, body)
	})
	f.add(cmd.Flags())
	cmd.Flags().StringVar(&f.auth, "auth", "", "how it authenticates: none, secret or private_key_jwt (default: secret; none if it is public)")
	cmd.Flags().StringVar(&f.kind, "type", "confidential", "confidential or public")
	fixed(cmd, "type", "confidential", "public")
	w.addKey(cmd.Flags())
	return cmd
}

func newClientsUpdate(r resource[clientInfo]) *cobra.Command {
	var f clientFlags
	return r.edit("Change a client. A list that is given replaces the one before.", "--redirect-uri https://shop.example.com/back", func(flags *pflag.FlagSet) {
		flags.StringVar(&f.name, "name", "", "for people")
		f.add(flags)
	}, func(s *session, now clientInfo, given func(string) bool) (any, error) {
		err := f.apply(s, &now, given)
		return now.body(), err
	})
}

// apply changes what the command line gives.
func (f *clientFlags) apply(s *session, c *clientInfo, given func(flag string) bool) error {
	for _, a := range []struct {
		flag  string
		apply func()
	}{
		{"name", func() { c.Name = f.name }}, {"auth", func() { c.Auth = f.auth }},
		{"redirect-uri", func() { c.RedirectURIs = f.redirects }}, {"post-logout-redirect-uri", func() { c.PostLogoutURIs = f.logouts }},
		{"grant", func() { c.Grants = f.grants }}, {"scope", func() { c.Scopes = f.scopes }},
		{"first-party", func() { c.FirstParty = f.firstParty }},
	} {
		if given(a.flag) {
			a.apply()
		}
	}
	if f.jwks == "" {
		return nil
	}
	raw, err := s.jsonInput("the keys", f.jwks)
	c.JWKS = raw
	return err
}

// body is what the server is told of a client.
func (c clientInfo) body() map[string]any {
	body := map[string]any{"name": c.Name, "grants": c.Grants, "first_party": c.FirstParty}
	for name, list := range map[string][]string{
		"redirect_uris": c.RedirectURIs, "post_logout_redirect_uris": c.PostLogoutURIs, "scopes": c.Scopes,
	} {
		if len(list) > 0 {
			body[name] = list
		}
	}
	if len(c.JWKS) > 0 {
		body["jwks"] = c.JWKS
	}
	return body
}
