package main

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// meInfo is the caller as the server sees it.
type meInfo struct {
	Kind        string     `json:"kind"`
	Actor       string     `json:"actor"`
	User        userInfo   `json:"user"`
	Tenant      tenantInfo `json:"tenant"`
	Roles       []string   `json:"roles"`
	Permissions []string   `json:"permissions"`
	Memberships []struct {
		Tenant tenantInfo `json:"tenant"`
		Roles  []string   `json:"roles"`
	} `json:"memberships"`
	SessionID string    `json:"session_id"`
	ExpiresAt time.Time `json:"expires_at"`
}

// tenants are the ids of the caller's tenants by slug.
func (m meInfo) tenants() map[string]string {
	all := map[string]string{}
	for _, one := range m.Memberships {
		all[one.Tenant.Slug] = one.Tenant.ID
	}
	return all
}

// label names the caller to a person.
func (m meInfo) label() string { return cmp.Or(m.User.Email, m.User.Name, m.Actor) }

var meFields = []column[meInfo]{
	{"who", meInfo.label},
	{"kind", func(m meInfo) string { return m.Kind }},
	{"actor", func(m meInfo) string { return m.Actor }},
	{"name", func(m meInfo) string { return m.User.Name }},
	{"tenant", func(m meInfo) string { return cmp.Or(m.Tenant.Slug, m.Tenant.ID) }},
	{"roles", func(m meInfo) string { return strings.Join(m.Roles, " ") }},
	{"permissions", func(m meInfo) string { return words(m.Permissions) }},
	{"member of", func(m meInfo) string { return words(slices.Sorted(maps.Keys(m.tenants()))) }},
	{"session", func(m meInfo) string { return m.SessionID }},
	{"token ends", func(m meInfo) string { return timeCell(m.ExpiresAt) }},
}

const mePath = "/v1/me"

func newWhoamiCommand(c *cli) *cobra.Command {
	return c.verb(cobra.Command{
		Use: "whoami", Args: cobra.NoArgs,
		Short:   "Show who the server takes you for",
		Long:    "Show whom the token belongs to, in which tenant it acts, and what it may do there.",
		Example: "  tansu whoami\n  tansu whoami --profile acme -o json",
	}, func(ctx context.Context, s *session, _ []string) error {
		return show(ctx, s, mePath, nil, meFields)
	})
}
