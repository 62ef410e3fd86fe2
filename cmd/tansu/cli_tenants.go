package main

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

var tenantColumns = []column[tenantInfo]{
	{"id", func(t tenantInfo) string { return t.ID }},
	{"slug", func(t tenantInfo) string { return t.Slug }},
	{"name", func(t tenantInfo) string { return t.Name }},
	{"status", func(t tenantInfo) string { return t.Status }},
	{"version", func(t tenantInfo) string { return strconv.FormatInt(t.Version, 10) }},
	{"created", func(t tenantInfo) string { return timeCell(t.CreatedAt) }},
}

var tenantFields = append(tenantColumns[:len(tenantColumns):len(tenantColumns)],
	column[tenantInfo]{"updated", func(t tenantInfo) string { return timeCell(t.UpdatedAt) }},
	column[tenantInfo]{"settings", func(t tenantInfo) string { return jsonCell(t.Settings) }},
	column[tenantInfo]{"steps", provisioningCell},
)

func newTenantsCommand(c *cli) *cobra.Command {
	return noun(cobra.Command{
		Use: "tenants", Aliases: []string{"tenant"},
		Short:   "Create and change tenants",
		Long:    "Create tenants and lead them through their life: active, suspended, archived.",
		Example: "  tansu tenants create acme --name \"Acme Ltd\"\n  tansu tenants list --status active",
	},
		newTenantsCreate(c), newTenantsList(c), newTenantsShow(c), newTenantsRename(c), newTenantsSetSettings(c), newTenantsSetQuotas(c), newTenantsResume(c),
		newTenantsTransition(c, "suspend", "Close an active tenant's doors for a while", true),
		newTenantsTransition(c, "reactivate", "Open a suspended tenant again", false),
		newTenantsTransition(c, "archive", "End a tenant for good; its log stays readable for audits, its slug stays taken", true),
	)
}

func newTenantsCreate(c *cli) *cobra.Command {
	var name, settings, admin string
	var quotas map[string]int64
	var w writeFlags
	cmd := c.verb(cobra.Command{
		Use: "create SLUG --name NAME", Args: cobra.ExactArgs(1),
		Short:   "Create a tenant",
		Long:    "Create a tenant. The slug is its unique name in addresses: 1 to 63 lower-case letters, digits and hyphens.",
		Example: "  tansu tenants create acme --name \"Acme Ltd\" --settings '{\"plan\":\"pro\"}'",
	}, func(ctx context.Context, s *session, args []string) error {
		body := map[string]any{"slug": args[0], "name": name}
		if settings != "" {
			raw, err := s.jsonInput("--settings", settings)
			if err != nil {
				return err
			}
			body["settings"] = raw
		}
		if admin != "" {
			body["admin_email"] = admin
		}
		if len(quotas) > 0 {
			body["quotas"] = quotas
		}
		return s.change(ctx, w, http.MethodPost, "/v1/tenants", body)
	})
	cmd.Flags().StringVar(&name, "name", "", "name for people")
	cmd.Flags().StringVar(&settings, "settings", "", "JSON object, @FILE or - for standard input")
	cmd.Flags().StringVar(&admin, "admin-email", "", "address of the first owner, who gets an invite")
	cmd.Flags().StringToInt64Var(&quotas, "quota", nil, "NAME=LIMIT, repeatable: a quota that differs from its default")
	w.add(cmd.Flags())
	return cmd
}

func newTenantsList(c *cli) *cobra.Command {
	var status, slug, name, sort string
	var l listFlags
	cmd := c.verb(cobra.Command{
		Use: "list", Args: cobra.NoArgs,
		Short:   "List tenants",
		Long:    "List tenants, filtered and sorted by the server.",
		Example: "  tansu tenants list --status suspended --sort -created_at\n  tansu tenants list --all -o jsonl",
	}, func(ctx context.Context, s *session, _ []string) error {
		q := set(url.Values{}, "status", status, "slug", slug, "name", name, "sort", sort)
		return list(ctx, s, "/v1/tenants", q, l, tenantColumns)
	})
	f := cmd.Flags()
	f.StringVar(&status, "status", "", "provisioning, provisioning_failed, active, suspended or archived")
	f.StringVar(&slug, "slug", "", "only the tenant with this slug")
	f.StringVar(&name, "name", "", "only names that contain this")
	f.StringVar(&sort, "sort", "", "created_at, name or slug; with a - in front from the end")
	l.add(f)
	fixed(cmd, "status", "provisioning", "provisioning_failed", "active", "suspended", "archived")
	fixed(cmd, "sort", "created_at", "-created_at", "name", "-name", "slug", "-slug")
	return cmd
}

func newTenantsShow(c *cli) *cobra.Command {
	return c.verb(cobra.Command{
		Use: "show TENANT", Args: cobra.ExactArgs(1),
		Short:   "Show a tenant",
		Long:    "Show a tenant by its id or slug, with its settings.",
		Example: "  tansu tenants show acme -o json",
	}, func(ctx context.Context, s *session, args []string) error {
		return show(ctx, s, tenantPath(args[0]), nil, tenantFields)
	})
}

func newTenantsRename(c *cli) *cobra.Command {
	var w writeFlags
	cmd := c.verb(cobra.Command{
		Use: "rename TENANT NAME", Args: cobra.ExactArgs(2),
		Short:   "Give a tenant another name",
		Long:    "Give a tenant another name for people. The slug cannot be changed.",
		Example: "  tansu tenants rename acme \"Acme International\"",
	}, func(ctx context.Context, s *session, args []string) error {
		return s.change(ctx, w, http.MethodPut, tenantPath(args[0])+"/name", map[string]any{"name": args[1]})
	})
	w.add(cmd.Flags())
	return cmd
}

func newTenantsSetSettings(c *cli) *cobra.Command {
	var w writeFlags
	cmd := c.verb(cobra.Command{
		Use: "set-settings TENANT JSON|@FILE|-", Args: cobra.ExactArgs(2),
		Short:   "Replace a tenant's settings",
		Long:    "Replace all settings of a tenant with a JSON object, given as it is, as a file or on standard input.",
		Example: "  tansu tenants set-settings acme '{\"plan\":\"pro\"}'\n  tansu tenants set-settings acme @settings.json",
	}, func(ctx context.Context, s *session, args []string) error {
		raw, err := s.jsonInput("the settings", args[1])
		if err != nil {
			return err
		}
		return s.change(ctx, w, http.MethodPut, tenantPath(args[0])+"/settings", map[string]any{"settings": raw})
	})
	w.add(cmd.Flags())
	return cmd
}

func newTenantsSetQuotas(c *cli) *cobra.Command {
	var quotas map[string]int64
	var w writeFlags
	cmd := c.verb(cobra.Command{
		Use: "set-quotas TENANT --quota NAME=LIMIT", Args: cobra.ExactArgs(1),
		Short:   "Replace a tenant's quotas",
		Long:    "Replace all quotas of a tenant. Those left out go back to their defaults.",
		Example: "  tansu tenants set-quotas acme --quota members=25 --quota webhooks=10",
	}, func(ctx context.Context, s *session, args []string) error {
		if quotas == nil {
			quotas = map[string]int64{}
		}
		return s.change(ctx, w, http.MethodPut, tenantPath(args[0])+"/quotas", map[string]any{"quotas": quotas})
	})
	cmd.Flags().StringToInt64Var(&quotas, "quota", nil, "NAME=LIMIT, repeatable")
	w.add(cmd.Flags())
	return cmd
}

func newTenantsResume(c *cli) *cobra.Command {
	var w writeFlags
	cmd := c.verb(cobra.Command{
		Use: "resume-provisioning TENANT", Args: cobra.ExactArgs(1),
		Short:   "Try again what could not be prepared",
		Long:    "Let the provisioning of a tenant go on with the step that failed. show says which, and why.",
		Example: "  tansu tenants resume-provisioning acme",
	}, func(ctx context.Context, s *session, args []string) error {
		return s.change(ctx, w, http.MethodPost, tenantPath(args[0])+"/resume-provisioning", nil)
	})
	w.add(cmd.Flags())
	return cmd
}

// provisioningCell is a line such as "space done, quotas done".
func provisioningCell(t tenantInfo) string {
	var steps []string
	for _, step := range t.Provisioning.Steps {
		text := step.Name + " " + step.Status
		if step.Error != "" {
			text += " (" + step.Error + ")"
		}
		steps = append(steps, text)
	}
	return strings.Join(steps, ", ")
}

func newTenantsTransition(c *cli, verb, short string, needsReason bool) *cobra.Command {
	var reason string
	var w writeFlags
	cmd := c.verb(cobra.Command{
		Use: verb + " TENANT", Args: cobra.ExactArgs(1),
		Short:   short,
		Long:    short + ". The reason is kept in the event.",
		Example: "  tansu tenants " + verb + " acme --reason \"ticket 4711\"",
	}, func(ctx context.Context, s *session, args []string) error {
		if needsReason && reason == "" {
			return usagef("--reason is missing; say why, it is kept in the event")
		}
		return s.change(ctx, w, http.MethodPost, tenantPath(args[0])+"/"+verb, set1("reason", reason))
	})
	cmd.Flags().StringVar(&reason, "reason", "", "why; up to 500 characters")
	w.add(cmd.Flags())
	return cmd
}

func tenantPath(idOrSlug string) string { return "/v1/tenants/" + url.PathEscape(idOrSlug) }

// writeFlags are shared by the commands that change something.
type writeFlags struct {
	key       string
	ifVersion int64
}

func (w *writeFlags) add(f *pflag.FlagSet) {
	w.addKey(f)
	f.Int64Var(&w.ifVersion, "if-version", 0, "only if it still stands at this version")
}

func (w *writeFlags) addKey(f *pflag.FlagSet) {
	f.StringVar(&w.key, "idempotency-key", "", "repeat an earlier call with its key; default: a new one")
}

func (w *writeFlags) header() http.Header {
	if w.ifVersion == 0 {
		return nil
	}
	return http.Header{"If-Match": {`"` + strconv.FormatInt(w.ifVersion, 10) + `"`}}
}

// change sends a command about a tenant and prints the tenant as it is then.
func (s *session) change(ctx context.Context, w writeFlags, method, path string, body any) error {
	a, err := s.command(ctx, call{method: method, path: path, body: body, key: w.key, header: w.header()})
	it, err := decode[item[tenantInfo]](a, err)
	if err != nil {
		return err
	}
	return printItem(s.out, tenantFields, it)
}

// set1 is a body with one field, empty if the field has no value.
func set1(name, value string) map[string]any {
	if value == "" {
		return map[string]any{}
	}
	return map[string]any{name: value}
}

// jsonInput reads an argument that must be JSON.
func (s *session) jsonInput(what, arg string) (json.RawMessage, error) {
	raw, err := s.input(arg)
	if err != nil {
		return nil, err
	}
	if !json.Valid(raw) {
		return nil, usagef("%s are not valid JSON; give an object like '{\"plan\":\"pro\"}', @FILE or -", what)
	}
	return raw, nil
}
