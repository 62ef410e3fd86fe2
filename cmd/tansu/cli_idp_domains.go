package main

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"

	"github.com/spf13/cobra"
)

var idpDomainColumns = []column[idpDomain]{
	{"domain", func(d idpDomain) string { return d.Domain }},
	{"verified", func(d idpDomain) string {
		if d.Verified {
			return "yes"
		}
		return "no"
	}},
	{"TXT record", func(d idpDomain) string { return d.Record }},
	{"value", func(d idpDomain) string { return d.Value }},
}

// newIDPDomains makes the verbs about the e-mail domains of an identity provider.
func newIDPDomains(r resource[idpInfo]) *cobra.Command {
	return noun(cobra.Command{
		Use: "domains", Aliases: []string{"domain"},
		Short:   "Lead e-mail domains to an identity provider",
		Long:    "People whose e-mail address is in a verified domain are led to the identity provider. A domain is verified by a TXT\nrecord, and belongs to one tenant.",
		Example: "  tansu idp domains add 0192f0c1-… acme.example\n  tansu idp domains verify 0192f0c1-… acme.example",
	},
		newIDPDomainsList(r),
		newIDPDomainsChange(r, "add", "Name a domain, and show the TXT record that verifies it", http.MethodPost, ""),
		newIDPDomainsChange(r, "verify", "Look for the TXT record", http.MethodPost, "/verify"),
		newIDPDomainsChange(r, "remove", "Take a domain away", http.MethodDelete, ""),
	)
}

func newIDPDomainsList(r resource[idpInfo]) *cobra.Command {
	return r.c.verb(cobra.Command{
		Use: "list ID", Args: cobra.ExactArgs(1),
		Short:   "List the domains of an identity provider",
		Long:    "List the domains of an identity provider, with the TXT records that verify them.",
		Example: "  tansu idp domains list 0192f0c1-…",
	}, func(ctx context.Context, s *session, args []string) error {
		return printDomains(s.do(ctx, call{method: http.MethodGet, path: r.pathOf(args[0])}))(s)
	})
}

// printDomains prints the domains of the identity provider in an answer.
func printDomains(a answer, err error) func(*session) error {
	return func(s *session) error {
		p, err := decode[struct {
			Domains []item[idpDomain] `json:"domains"`
		}](a, err)
		if err != nil {
			return err
		}
		if err := printItems(s.out, idpDomainColumns, p.Domains); err != nil {
			return err
		}
		return s.out.end()
	}
}

func newIDPDomainsChange(r resource[idpInfo], verb, short, method, action string) *cobra.Command {
	var w writeFlags
	cmd := r.c.verb(cobra.Command{
		Use: verb + " ID DOMAIN", Args: cobra.ExactArgs(2),
		Short:   short,
		Long:    short + ".",
		Example: "  tansu idp domains " + verb + " 0192f0c1-… acme.example",
	}, func(ctx context.Context, s *session, args []string) error {
		to := call{method: method, path: r.pathOf(args[0], "/domains/", url.PathEscape(args[1]), action), key: w.key, header: w.header()}
		if verb == "add" {
			to.path, to.body = r.pathOf(args[0], "/domains"), map[string]any{"domain": args[1]}
		}
		return printDomains(s.command(ctx, to))(s)
	})
	w.add(cmd.Flags())
	return cmd
}

type idpFinding struct {
	Check   string `json:"check"`
	OK      bool   `json:"ok"`
	Message string `json:"message"`
}

var idpFindingColumns = []column[idpFinding]{
	{"check", func(f idpFinding) string { return f.Check }},
	{"outcome", func(f idpFinding) string {
		if f.OK {
			return "ok"
		}
		return "wrong"
	}},
	{"what to do", func(f idpFinding) string { return f.Message }},
}

func newIDPTest(r resource[idpInfo]) *cobra.Command {
	return r.c.verb(cobra.Command{
		Use: "test ID", Args: cobra.ExactArgs(1),
		Short:   "Ask an identity provider what it offers",
		Long:    "Ask an identity provider what it offers, and say what is wrong with that. It fails if something is.",
		Example: "  tansu idp test 0192f0c1-…",
	}, func(ctx context.Context, s *session, args []string) error {
		report, err := decode[struct {
			Findings []item[idpFinding] `json:"findings"`
		}](s.command(ctx, call{method: http.MethodPost, path: r.pathOf(args[0], "/test")}))
		if err != nil {
			return err
		}
		if err := printItems(s.out, idpFindingColumns, report.Findings); err != nil {
			return err
		}
		if slices.ContainsFunc(report.Findings, func(f item[idpFinding]) bool { return !f.value.OK }) {
			return errors.Join(s.out.end(), errors.New("something is wrong with the identity provider"))
		}
		return s.out.end()
	})
}
