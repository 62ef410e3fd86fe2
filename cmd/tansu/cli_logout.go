package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
)

func newLogoutCommand(c *cli) *cobra.Command {
	cmd := c.bare(cobra.Command{
		Use: "logout", Args: cobra.NoArgs,
		Short:   "Sign out",
		Long:    "End the sign-in of a profile at the server and forget its tokens. The profile stays, for the next tansu login.",
		Example: "  tansu logout\n  tansu logout --profile acme",
	}, func(cmd *cobra.Command, _ []string) error {
		book, err := c.profiles.load()
		if err != nil {
			return err
		}
		name := cmp.Or(c.profile, book.InUse)
		if name == "" {
			return usagef("nobody is signed in; see 'tansu profiles list'")
		}
		if err := c.signOut(cmd.Context(), name); err != nil {
			return err
		}
		if !c.quiet {
			fmt.Fprintf(cmd.ErrOrStderr(), "Profile %s is signed out.\n", name)
		}
		return nil
	})
	c.addProfileFlag(cmd.Flags())
	c.addQuietFlag(cmd.Flags())
	c.addTimeoutFlag(cmd.Flags())
	return cmd
}

// signOut forgets the tokens of a profile, whatever the server says to it.
func (c *cli) signOut(ctx context.Context, name string) error {
	unlock, err := c.profiles.lockTokens(ctx, name) // no refresh may come in between
	if err != nil {
		return err
	}
	defer unlock()
	book, err := c.profiles.load()
	if err != nil {
		return err
	}
	p, err := book.named(name)
	if err != nil || p.Tokens == "" {
		return err
	}
	g, err := c.profiles.vault.get(name, p.Tokens)
	if err == nil && sameServer(g.Server, p.Server) {
		err = c.endGrant(ctx, p.Server, g)
	}
	if errors.Is(err, errNoTokens) {
		err = nil
	}
	if err != nil {
		err = fmt.Errorf("the tokens are removed here, but %s could not be told (%v);\nif somebody else may have them, end the session there with 'tansu sessions revoke'", p.Server, err)
	}
	return errors.Join(err, c.profiles.vault.drop(name, p.Tokens), c.profiles.update(ctx, func(b *profileBook) error {
		p.Tokens = ""
		b.Profiles[name] = p
		return nil
	}))
}

func (c *cli) endGrant(ctx context.Context, server string, g grant) error {
	p, err := discover(ctx, c.httpClient(), server)
	if err != nil {
		return err
	}
	return p.revoke(ctx, g.Refresh)
}
