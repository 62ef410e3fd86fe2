package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/oauth2"
)

// signIn is one run of tansu login.
type signIn struct {
	c       *cli
	p       *provider
	stderr  io.Writer
	profile string
	tenant  string
}

func newLoginCommand(c *cli) *cobra.Command {
	var address, tenant string
	var inBrowser bool
	cmd := c.bare(cobra.Command{
		Use: "login", Args: cobra.NoArgs,
		Short: "Sign in to a server",
		Long: "Sign in to a server. The command shows an address and a code; open the address on any device, enter the code\n" +
			"and sign in there. With --browser a browser on this machine is opened instead. The sign-in is kept as a profile,\n" +
			"its tokens in the keyring of the system; other commands use it unless they are given a token.",
		Example: "  tansu login --url https://tansu.example.com\n  tansu login --browser --tenant acme --profile acme",
	}, func(cmd *cobra.Command, _ []string) error {
		book, err := c.profiles.load()
		if err != nil {
			return err
		}
		server, err := parseServer(cmp.Or(address, book.Profiles[c.profile].Server, c.getenv("TANSU_SERVER"), book.Profiles[book.InUse].Server, defaultServer))
		if err != nil {
			return err
		}
		l := &signIn{c: c, stderr: cmd.ErrOrStderr(), tenant: tenant}
		return l.run(cmd.Context(), book, server, inBrowser)
	})
	f := cmd.Flags()
	f.StringVar(&address, "url", "", "URL of the server (default: that of the profile, then TANSU_SERVER, then "+defaultServer+")")
	f.StringVar(&tenant, "tenant", "", "where to act: a tenant's id or slug (default: what you choose on the page)")
	f.StringVar(&c.profile, "profile", "", "name of the sign-in (default: the one at this server, else made of the server's address)")
	f.BoolVar(&inBrowser, "browser", false, "open a browser on this machine instead of showing a code")
	c.addQuietFlag(f)
	c.addTimeoutFlag(f)
	return cmd
}

func (l *signIn) run(ctx context.Context, book profileBook, server *url.URL, inBrowser bool) error {
	var err error
	if l.p, err = discover(ctx, l.c.httpClient(), server.String()); err != nil {
		return err
	}
	if l.profile, err = l.name(book); err != nil {
		return err
	}
	if server.Scheme == "http" && !loopback(server.Hostname()) {
		l.say("Warning: the connection to %s is not encrypted; anyone on the way can take over the sign-in.", server.Host)
	}
	get := l.byCode
	if inBrowser {
		get = l.byBrowser
	}
	token, err := get(ctx)
	if err != nil {
		return l.p.explain(err)
	}
	if token.RefreshToken == "" {
		return fmt.Errorf("%s gave no refresh token, so the sign-in would end within minutes; is it a Tansu server?", l.p.server)
	}
	me, err := whoIs(ctx, l.p.http, l.p.server, token.AccessToken)
	after := profile{Server: l.p.server, User: me.label(), TenantID: me.Tenant.ID, Tenants: me.tenants()}
	if err == nil {
		token, err = l.moved(ctx, &after, token)
	}
	if err != nil {
		return errors.Join(err, l.p.revoke(ctx, token.RefreshToken))
	}
	if err := l.keep(ctx, book.Profiles[l.profile], after, token); err != nil {
		return err
	}
	l.say("Signed in to %s as %s, tenant %s. Profile %s is in use now.", l.p.server, printable(after.User, false), printable(after.tenantName(), false), l.profile)
	if l.c.getenv("TANSU_TOKEN") != "" || l.c.getenv("TANSU_OPERATOR_TOKEN") != "" {
		l.say("Note: TANSU_TOKEN or TANSU_OPERATOR_TOKEN is set and goes before profiles; unset it, or use --profile %s.", l.profile)
	}
	return nil
}

// name is that of the profile to keep the sign-in in.
func (l *signIn) name(book profileBook) (string, error) {
	name := l.c.profile
	if name == "" {
		name, _ = book.of(l.p.server)
	}
	if name == "" {
		u, err := url.Parse(l.p.server)
		if err != nil {
			return "", fmt.Errorf("the server's name for itself: %w", err)
		}
		name = profileName(u)
	}
	if !profileNames.MatchString(name) {
		return "", usagef("--profile %q is not a name; use up to 64 letters, digits, dots, hyphens and underscores", name)
	}
	return name, nil
}

// byCode signs in with a code that is entered on any device (RFC 8628).
func (l *signIn) byCode(ctx context.Context) (*oauth2.Token, error) {
	ctx = l.p.context(ctx)
	device, err := l.p.DeviceAuth(ctx)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(l.stderr, "Open %s and enter the code\n\n    %s\n\n", printable(device.VerificationURI, false), printable(device.UserCode, false))
	if device.VerificationURIComplete != "" {
		fmt.Fprintf(l.stderr, "or open %s\nand compare the code.\n", printable(device.VerificationURIComplete, false))
	}
	if !device.Expiry.IsZero() {
		l.say("Waiting; the code is good for %s.", time.Until(device.Expiry).Round(time.Minute))
	}
	for {
		token, err := l.p.DeviceAccessToken(ctx, device)
		switch {
		case err != nil && !device.Expiry.IsZero() && !time.Now().Before(device.Expiry):
			return nil, errCodeExpired(l.p.server)
		case err == nil || ctx.Err() != nil || !l.p.away(err):
			return token, err
		}
		l.say("The server does not answer; trying again.") // after the interval
	}
}

// moved goes to the tenant that the command line names, if the sign-in ended up
// in another: the page that takes a code does not know of it.
func (l *signIn) moved(ctx context.Context, p *profile, token *oauth2.Token) (*oauth2.Token, error) {
	tenant, known := p.tenant(l.tenant)
	switch {
	case !known:
		return token, errNoTenant(p.User, l.tenant)
	case tenant == p.TenantID:
		return token, nil
	}
	there, err := l.p.refresh(ctx, token.RefreshToken, tenant)
	if err != nil {
		return token, l.p.explain(err)
	}
	p.TenantID = tenant
	return there, nil
}

// keep stores the sign-in as the profile in use and ends the one before it.
func (l *signIn) keep(ctx context.Context, before, after profile, token *oauth2.Token) error {
	unlock, err := l.c.profiles.lockTokens(ctx, l.profile)
	if err != nil {
		return err
	}
	defer unlock()
	var old grant
	if before.Tokens != "" {
		old, _ = l.c.profiles.vault.get(l.profile, before.Tokens) // what cannot be read cannot be ended
	}
	at, why, err := l.c.profiles.vault.put(l.profile, inKeyring, newGrant(l.p.server, after.TenantID, token))
	if err != nil {
		return err
	}
	if why != nil {
		fmt.Fprintln(l.stderr, fileWarning(l.c.profiles.vault.file(l.profile), why))
	}
	after.Tokens = at
	err = l.c.profiles.update(ctx, func(b *profileBook) error {
		b.Profiles[l.profile], b.InUse = after, l.profile
		return nil
	})
	if err != nil {
		return err
	}
	if before.Tokens == inFile && at == inKeyring {
		err = l.c.profiles.vault.drop(l.profile, inFile)
	}
	if old.Refresh != "" && sameServer(old.Server, l.p.server) {
		if revokeErr := l.p.revoke(ctx, old.Refresh); revokeErr != nil {
			l.say("The sign-in before could not be ended at the server: %v", revokeErr)
		}
	}
	return err
}

// say tells a person something that can be left out.
func (l *signIn) say(format string, args ...any) {
	if !l.c.quiet {
		fmt.Fprintf(l.stderr, format+"\n", args...)
	}
}

// parseServer checks the address of a server.
func parseServer(server string) (*url.URL, error) {
	u, err := url.Parse(server)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.User != nil {
		return nil, usagef("%q is not the URL of a server; give one like http://127.0.0.1:8080 with --server or --url", server)
	}
	u.Path, u.RawQuery, u.Fragment = strings.TrimSuffix(u.Path, "/"), "", ""
	return u, nil
}
