package main

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

type idpMapping struct {
	Group string   `json:"group"`
	Roles []string `json:"roles"`
}

type idpDomain struct {
	Domain   string `json:"domain"`
	Verified bool   `json:"verified"`
	Record   string `json:"record_name"`
	Value    string `json:"record_value"`
}

type idpInfo struct {
	ID             string       `json:"id"`
	Name           string       `json:"name"`
	Issuer         string       `json:"issuer"`
	ClientID       string       `json:"client_id"`
	RedirectURI    string       `json:"redirect_uri"`
	Scopes         []string     `json:"scopes"`
	GroupsClaim    string       `json:"groups_claim"`
	Mapping        []idpMapping `json:"mapping"`
	DefaultRoles   []string     `json:"default_roles"`
	JustInTime     bool         `json:"just_in_time"`
	APIAudience    string       `json:"api_audience"`
	Status         string       `json:"status"`
	DisabledReason string       `json:"disabled_reason"`
	Domains        []idpDomain  `json:"domains"`
	Version        int64        `json:"version"`
	CreatedAt      time.Time    `json:"created_at"`
}

var idpColumns = []column[idpInfo]{
	{"id", func(p idpInfo) string { return p.ID }},
	{"status", func(p idpInfo) string { return p.Status }},
	{"name", func(p idpInfo) string { return p.Name }},
	{"issuer", func(p idpInfo) string { return p.Issuer }},
	{"domains", func(p idpInfo) string { return idpDomainsCell(p.Domains) }},
	{"created", func(p idpInfo) string { return timeCell(p.CreatedAt) }},
}

var idpFields = append(idpColumns[:len(idpColumns):len(idpColumns)],
	column[idpInfo]{"reason", func(p idpInfo) string { return p.DisabledReason }},
	column[idpInfo]{"client id", func(p idpInfo) string { return p.ClientID }},
	column[idpInfo]{"redirect URI", func(p idpInfo) string { return p.RedirectURI }},
	column[idpInfo]{"scopes", func(p idpInfo) string { return strings.Join(p.Scopes, " ") }},
	column[idpInfo]{"groups claim", func(p idpInfo) string { return p.GroupsClaim }},
	column[idpInfo]{"groups", func(p idpInfo) string {
		lines := make([]string, len(p.Mapping))
		for i, m := range p.Mapping {
			lines[i] = m.Group + "=" + strings.Join(m.Roles, ",")
		}
		return words(lines)
	}},
	column[idpInfo]{"default roles", func(p idpInfo) string { return words(p.DefaultRoles) }},
	column[idpInfo]{"strangers", func(p idpInfo) string {
		if p.JustInTime {
			return "let in"
		}
		return "need an account first"
	}},
	column[idpInfo]{"API audience", func(p idpInfo) string { return p.APIAudience }},
	column[idpInfo]{"version", func(p idpInfo) string { return strconv.FormatInt(p.Version, 10) }},
)

func idpDomainsCell(domains []idpDomain) string {
	lines := make([]string, len(domains))
	for i, d := range domains {
		lines[i] = d.Domain
		if !d.Verified {
			lines[i] += " (not verified)"
		}
	}
	return words(lines)
}

func newIDPCommand(c *cli) *cobra.Command {
	r := resource[idpInfo]{
		c: c, noun: "idp", one: "an identity provider", arg: "ID", example: "0192f0c1-…", path: "/v1/identity-providers",
		columns: idpColumns, fields: idpFields, version: func(p idpInfo) int64 { return p.Version },
	}
	return noun(cobra.Command{
		Use: "idp", Aliases: []string{"identity-providers", "identity-provider"},
		Short: "Let people sign in at a provider of their own",
		Long: "A tenant's people can sign in at an OpenID provider of its own. What it vouches for is good for that tenant only;\n" +
			"the groups in which it has somebody give them roles.",
		Example: "  tansu idp add \"Acme login\" --issuer https://login.acme.example --client-id tansu --secret @secret.txt \\\n" +
			"    --group engineering=developer --just-in-time --tenant acme\n" +
			"  tansu idp domains add 0192f0c1-… acme.example",
	},
		newIDPAdd(r), r.all("List the identity providers of a tenant, by when they were added.", nil),
		r.show("Show an identity provider: where it is, which roles its groups give, and its e-mail domains."), newIDPUpdate(r), newIDPSecret(r),
		r.switched("enable", "Let people sign in with it again", "Let people sign in with it again.", false),
		r.switched("disable", "Let nobody sign in with it", "Let nobody sign in with it; the sessions that it vouched for end within a second.", true),
		newIDPTest(r), newIDPDomains(r),
		r.deleted("remove", "Remove an identity provider with its domains for ever; the sessions that it vouched for end.", "The identity provider is removed."),
	)
}

// idpFlags say what can be changed about an identity provider.
type idpFlags struct {
	name, clientID, claim  string
	audience               string
	scopes, groups, others []string
	justInTime             bool
}

func (f *idpFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.clientID, "client-id", "", "what the provider calls this installation")
	flags.StringSliceVar(&f.scopes, "scope", nil, "scope to ask for; repeat it for more (default: openid, email and profile)")
	flags.StringVar(&f.claim, "groups-claim", "", "claim that names somebody's groups (default: groups)")
	flags.StringArrayVar(&f.groups, "group", nil, "roles of a group, as GROUP=ROLE,…; repeat it for more")
	flags.StringSliceVar(&f.others, "default-role", nil, "role of people in none of these groups; without any they are not let in")
	flags.StringVar(&f.audience, "api-audience", "", "accept the provider's access tokens that are for this audience; none if empty")
	flags.BoolVar(&f.justInTime, "just-in-time", false, "let people in whom nobody here knows yet")
}

// apply changes what the command line gives.
func (f *idpFlags) apply(p *idpInfo, given func(flag string) bool) error {
	for _, a := range []struct {
		flag  string
		apply func()
	}{
		{"name", func() { p.Name = f.name }}, {"client-id", func() { p.ClientID = f.clientID }}, {"scope", func() { p.Scopes = f.scopes }},
		{"groups-claim", func() { p.GroupsClaim = f.claim }}, {"default-role", func() { p.DefaultRoles = f.others }},
		{"just-in-time", func() { p.JustInTime = f.justInTime }}, {"api-audience", func() { p.APIAudience = f.audience }},
	} {
		if given(a.flag) {
			a.apply()
		}
	}
	if !given("group") {
		return nil
	}
	p.Mapping = nil
	for _, text := range f.groups {
		at := strings.LastIndex(text, "=") // groups may have one in their name, roles never
		if at < 1 || at == len(text)-1 {
			return usagef("--group %q is not of the form GROUP=ROLE,…", text)
		}
		p.Mapping = append(p.Mapping, idpMapping{text[:at], strings.Split(text[at+1:], ",")})
	}
	return nil
}

// body is what the server is told of an identity provider.
func (p idpInfo) body() map[string]any {
	body := map[string]any{"name": p.Name, "client_id": p.ClientID, "just_in_time": p.JustInTime}
	for name, list := range map[string][]string{"scopes": p.Scopes, "default_roles": p.DefaultRoles} {
		if len(list) > 0 {
			body[name] = list
		}
	}
	if len(p.Mapping) > 0 {
		body["mapping"] = p.Mapping
	}
	for name, text := range map[string]string{"groups_claim": p.GroupsClaim, "api_audience": p.APIAudience} {
		if text != "" {
			body[name] = text
		}
	}
	return body
}

func newIDPAdd(r resource[idpInfo]) *cobra.Command {
	var f idpFlags
	var issuer, secret string
	var w writeFlags
	var cmd *cobra.Command
	cmd = r.c.verb(cobra.Command{
		Use: "add NAME --issuer URL --client-id ID --secret @FILE", Args: cobra.ExactArgs(1),
		Short:   "Add an identity provider",
		Long:    "Add an identity provider, and show the redirect URI that is to be registered there. You can only have it give what you may do yourself.",
		Example: "  tansu idp add \"Acme login\" --issuer https://login.acme.example --client-id tansu --secret - --group engineering=developer",
	}, func(ctx context.Context, s *session, args []string) error {
		now := idpInfo{Name: args[0]}
		if err := f.apply(&now, cmd.Flags().Changed); err != nil {
			return err
		}
		if issuer == "" || now.ClientID == "" {
			return usagef("--issuer and --client-id are missing; the provider's own pages tell both")
		}
		text, err := s.secretInput(secret)
		if err != nil {
			return err
		}
		body := now.body()
		body["issuer"], body["client_secret"] = issuer, text
		return r.send(ctx, s, w, http.MethodPost, r.path, body)
	})
	f.add(cmd.Flags())
	cmd.Flags().StringVar(&issuer, "issuer", "", "what the provider calls itself, an https address")
	cmd.Flags().StringVar(&secret, "secret", "", "client secret: @FILE, or - for standard input")
	w.addKey(cmd.Flags())
	return cmd
}

func newIDPUpdate(r resource[idpInfo]) *cobra.Command {
	var f idpFlags
	return r.edit("Change an identity provider. A list that is given replaces the one before.", "--group engineering=developer,viewer", func(flags *pflag.FlagSet) {
		flags.StringVar(&f.name, "name", "", "for people")
		f.add(flags)
	}, func(_ *session, now idpInfo, given func(string) bool) (any, error) {
		err := f.apply(&now, given)
		return now.body(), err
	})
}

// secretInput reads a secret from where it is not seen by others: arguments are.
func (s *session) secretInput(arg string) (string, error) {
	if arg != "-" && !strings.HasPrefix(arg, "@") {
		return "", usagef("--secret must be @FILE, or - for standard input; what stands on a command line is seen by others")
	}
	raw, err := s.input(arg)
	return strings.TrimRight(string(raw), "\r\n"), err
}

func newIDPSecret(r resource[idpInfo]) *cobra.Command {
	var secret string
	var w writeFlags
	cmd := r.c.verb(cobra.Command{
		Use: "set-secret ID --secret @FILE", Args: cobra.ExactArgs(1),
		Short:   "Replace the client secret",
		Long:    "Replace the client secret by one that the provider has given, at once.",
		Example: "  tansu idp set-secret 0192f0c1-… --secret @secret.txt",
	}, func(ctx context.Context, s *session, args []string) error {
		text, err := s.secretInput(secret)
		if err != nil {
			return err
		}
		return r.send(ctx, s, w, http.MethodPut, r.pathOf(args[0], "/secret"), map[string]any{"client_secret": text})
	})
	cmd.Flags().StringVar(&secret, "secret", "", "client secret: @FILE, or - for standard input")
	w.add(cmd.Flags())
	return cmd
}
