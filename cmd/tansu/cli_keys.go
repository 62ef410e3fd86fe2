package main

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/spf13/cobra"
)

type keyInfo struct {
	ID          string    `json:"id"`
	Name        string    `json:"name"`
	Permissions []string  `json:"permissions"`
	Hint        string    `json:"hint"`
	Status      string    `json:"status"`
	Reason      string    `json:"reason"`
	CreatedBy   string    `json:"created_by"`
	Key         string    `json:"key"` // only in the answer to its creation
	Version     int64     `json:"version"`
	ExpiresAt   time.Time `json:"expires_at"`
	LastUsedAt  time.Time `json:"last_used_at"`
	CreatedAt   time.Time `json:"created_at"`
}

var keyColumns = []column[keyInfo]{
	{"id", func(k keyInfo) string { return k.ID }},
	{"status", func(k keyInfo) string { return k.Status }},
	{"name", func(k keyInfo) string { return k.Name }},
	{"key", func(k keyInfo) string { return "tsk_…" + k.Hint }},
	{"expires", func(k keyInfo) string { return cmp.Or(timeCell(k.ExpiresAt), "never") }},
	{"last used", func(k keyInfo) string { return timeCell(k.LastUsedAt) }},
	{"created by", func(k keyInfo) string { return k.CreatedBy }},
}

var keyFields = append(keyColumns[:len(keyColumns):len(keyColumns)],
	column[keyInfo]{"permissions", func(k keyInfo) string { return words(k.Permissions) }},
	column[keyInfo]{"created", func(k keyInfo) string { return timeCell(k.CreatedAt) }},
	column[keyInfo]{"reason", func(k keyInfo) string { return k.Reason }},
	column[keyInfo]{"version", func(k keyInfo) string { return strconv.FormatInt(k.Version, 10) }},
)

func newKeysCommand(c *cli) *cobra.Command {
	r := resource[keyInfo]{
		c: c, noun: "keys", one: "an API key", arg: "ID", example: "0192f0c1-…", path: "/v1/api-keys",
		columns: keyColumns, fields: keyFields, secret: column[keyInfo]{"secret", func(k keyInfo) string { return k.Key }},
	}
	return noun(cobra.Command{
		Use: "keys", Aliases: []string{"key", "api-keys"},
		Short: "Give programs access with API keys",
		Long: "An API key gives a program some permissions in one tenant, until it expires or is revoked. It is shown once,\n" +
			"when it is made. For programs that can use OAuth, see tansu service-accounts.",
		Example: "  tansu keys create ci --permission events.read --expires-in 2160h --tenant acme\n  tansu keys revoke 0192f0c1-… --reason leaked",
	},
		newKeysCreate(r), newKeysList(r), r.show("Show an API key: what it may do, until when, and when it was used last."), newKeysRename(r),
		r.switched("revoke", "End an API key", "End an API key, everywhere within a second.", false),
	)
}

func newKeysCreate(r resource[keyInfo]) *cobra.Command {
	var permissions []string
	var lifetime time.Duration
	var w writeFlags
	cmd := r.c.verb(cobra.Command{
		Use: "create NAME --permission PERMISSION", Args: cobra.ExactArgs(1),
		Short:   "Make an API key",
		Long:    "Make an API key and show it once. You can only give permissions that you have.",
		Example: "  tansu keys create ci --permission events.read,streams.read --expires-in 2160h --tenant acme",
	}, func(ctx context.Context, s *session, args []string) error {
		switch {
		case len(permissions) == 0:
			return usagef("--permission is missing; see 'tansu roles permissions'")
		case lifetime < 0:
			return usagef("--expires-in %v is in the past; give a time like 2160h, or 0 for never", lifetime)
		}
		body := map[string]any{"name": args[0], "permissions": permissions}
		if lifetime > 0 {
			body["expires_at"] = time.Now().Add(lifetime).UTC().Truncate(time.Second)
		}
		return r.send(ctx, s, w, http.MethodPost, r.path, body)
	})
	addPermissionFlag(cmd.Flags(), &permissions)
	cmd.Flags().DurationVar(&lifetime, "expires-in", 0, "how long it is good, like 2160h (default: until it is revoked)")
	w.addKey(cmd.Flags())
	return cmd
}

func newKeysList(r resource[keyInfo]) *cobra.Command {
	var status, maker string
	cmd := r.list("List the API keys of a tenant, the newest first. The keys themselves are not known to the server.",
		func() url.Values { return set(url.Values{}, "status", status, "created_by", maker) })
	addMakerFlag(cmd.Flags(), &maker)
	cmd.Flags().StringVar(&status, "status", "", "active or revoked; expired ones are active")
	fixed(cmd, "status", "active", "revoked")
	return cmd
}

func newKeysRename(r resource[keyInfo]) *cobra.Command {
	var w writeFlags
	cmd := r.c.verb(cobra.Command{
		Use: "rename ID NAME", Args: cobra.ExactArgs(2),
		Short:   "Give an API key another name",
		Long:    "Give an API key another name for people. The key itself stays as it is.",
		Example: "  tansu keys rename 0192f0c1-… \"nightly build\"",
	}, func(ctx context.Context, s *session, args []string) error {
		return r.send(ctx, s, w, http.MethodPut, r.pathOf(args[0], "/name"), map[string]any{"name": args[1]})
	})
	w.add(cmd.Flags())
	return cmd
}
