package main

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/spf13/cobra"
)

type profileInfo struct {
	Name   string `json:"name"`
	InUse  bool   `json:"in_use"`
	Server string `json:"server"`
	Tenant string `json:"tenant,omitempty"`
	User   string `json:"user,omitempty"`
	Tokens place  `json:"tokens,omitempty"`
}

var profileColumns = []column[profileInfo]{
	{"name", func(p profileInfo) string { return p.Name }},
	{"in use", func(p profileInfo) string { return map[bool]string{true: "yes"}[p.InUse] }},
	{"server", func(p profileInfo) string { return p.Server }},
	{"tenant", func(p profileInfo) string { return p.Tenant }},
	{"user", func(p profileInfo) string { return p.User }},
	{"tokens", func(p profileInfo) string { return cmp.Or(string(p.Tokens), "signed out") }},
}

func newProfilesCommand(c *cli) *cobra.Command {
	return noun(cobra.Command{
		Use: "profiles", Aliases: []string{"profile"},
		Short: "Choose between sign-ins",
		Long: "A profile is a sign-in at one server, made by tansu login. Commands use the one in use, or the one that\n" +
			"--profile names. A token is sent to no other server than its profile's.",
		Example: "  tansu profiles list\n  tansu profiles use acme",
	}, newProfilesList(c), newProfilesUse(c), newProfilesRemove(c))
}

func newProfilesList(c *cli) *cobra.Command {
	cmd := c.bare(cobra.Command{
		Use: "list", Args: cobra.NoArgs,
		Short:   "List the profiles of this machine",
		Long:    "List the profiles of this machine: where they sign in, as whom, and where their tokens are kept.",
		Example: "  tansu profiles list -o json",
	}, func(cmd *cobra.Command, _ []string) error {
		out, err := c.printer(cmd)
		if err != nil {
			return err
		}
		s := &session{out: out, stderr: cmd.ErrOrStderr(), quiet: c.quiet}
		book, err := c.profiles.load()
		if err != nil {
			return err
		}
		items := []item[profileInfo]{}
		for _, name := range slices.Sorted(maps.Keys(book.Profiles)) {
			p := book.Profiles[name]
			it, err := newItem(profileInfo{name, name == book.InUse, p.Server, p.tenantName(), p.User, p.Tokens})
			if err != nil {
				return err
			}
			items = append(items, it)
		}
		if err := printItems(s.out, profileColumns, items); err != nil {
			return err
		}
		if len(items) == 0 {
			s.note("There are none; make one with 'tansu login'.")
		}
		return s.out.end()
	})
	c.addOutputFlags(cmd, cmd.Flags())
	return cmd
}

func newProfilesUse(c *cli) *cobra.Command {
	return c.bare(cobra.Command{
		Use: "use NAME", Args: cobra.ExactArgs(1),
		Short:             "Use another profile from now on",
		Long:              "Use another profile from now on, in all terminals. For one command, name it with --profile.",
		Example:           "  tansu profiles use acme",
		ValidArgsFunction: c.completeProfiles,
	}, func(cmd *cobra.Command, args []string) error {
		return c.profiles.update(cmd.Context(), func(b *profileBook) error {
			_, err := b.named(args[0])
			b.InUse = args[0]
			return err
		})
	})
}

func newProfilesRemove(c *cli) *cobra.Command {
	cmd := c.bare(cobra.Command{
		Use: "remove NAME", Args: cobra.ExactArgs(1),
		Short:             "Sign out and forget a profile",
		Long:              "End the sign-in at the server, forget its tokens, and forget the profile.",
		Example:           "  tansu profiles remove acme",
		ValidArgsFunction: c.completeProfiles,
	}, func(cmd *cobra.Command, args []string) error {
		err := c.signOut(cmd.Context(), args[0])
		return errors.Join(err, c.forget(cmd.Context(), args[0]))
	})
	c.addTimeoutFlag(cmd.Flags())
	return cmd
}

func (c *cli) forget(ctx context.Context, name string) error {
	return c.profiles.update(ctx, func(b *profileBook) error {
		delete(b.Profiles, name)
		if b.InUse == name {
			b.InUse = ""
		}
		return nil
	})
}

func (c *cli) completeProfiles(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	book, err := c.profiles.load()
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	return slices.Sorted(maps.Keys(book.Profiles)), cobra.ShellCompDirectiveNoFileComp
}
