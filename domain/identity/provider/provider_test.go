package provider_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tansu.cloud/domain"
	"tansu.cloud/domain/identity/provider"
)

var (
	t0 = time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)
	t1 = t0.Add(time.Hour)
	t2 = t1.Add(time.Hour)

	full = provider.Profile{
		Name: "Login", ClientID: "c", Scopes: []string{"openid", "email"}, GroupsClaim: "roles", JustInTime: true,
		Mapping: []provider.GroupRoles{{Group: "staff", Roles: []string{"developer", "viewer"}}}, DefaultRoles: []string{"viewer"},
	}
	add      = provider.Add{ID: "p1", Slot: 2, Issuer: "https://login.example.com", SecretID: "s1", Profile: full, At: t0}
	added    = provider.Added{ID: "p1", Slot: 2, Issuer: "https://login.example.com", SecretID: "s1", Profile: full, At: t0}
	disabled = provider.Disabled{ID: "p1", Reason: "odd", At: t1}
	removed  = provider.Removed{ID: "p1", Slot: 2, Reason: "moved", At: t2}
	named    = provider.DomainAdded{ID: "p1", Domain: "example.com", Token: "t", At: t1}
	verified = provider.DomainVerified{ID: "p1", Domain: "example.com", At: t2}
)

func TestDecide(t *testing.T) {
	t.Parallel()
	type events = []provider.Event
	with := func(change func(*provider.Add)) provider.Add {
		c := add
		change(&c)
		return c
	}
	of := func(change func(*provider.Profile)) provider.Add {
		return with(func(c *provider.Add) { change(&c.Profile) })
	}
	least := provider.Profile{Name: "N", ClientID: "c"}
	completed := provider.Profile{
		Name: "N", ClientID: "c", Scopes: []string{"openid", "email", "profile"}, GroupsClaim: "groups", Mapping: []provider.GroupRoles{}, DefaultRoles: []string{},
	}
	heard := full
	heard.APIAudience = "https://tansu.example.com"
	var many events
	many = append(many, added)
	for i := range provider.MaxDomains {
		many = append(many, provider.DomainAdded{ID: "p1", Domain: fmt.Sprintf("d%d.example", i), Token: "t", At: t1})
	}
	groups := make([]provider.GroupRoles, provider.MaxMapping+1)
	for i := range groups {
		groups[i] = provider.GroupRoles{Group: fmt.Sprint("g", i), Roles: []string{"viewer"}}
	}
	lots := make([]provider.GroupRoles, 2)
	for i := range lots {
		lots[i].Group = fmt.Sprint("g", i)
		for j := range 15 {
			lots[i].Roles = append(lots[i].Roles, fmt.Sprintf("role-%d-%d", i, j))
		}
	}
	requireDecisions(t, []decision{
		{"add", nil, add, events{added}, ""},
		{"add the least", nil, with(func(c *provider.Add) { c.Profile = least }),
			events{provider.Added{ID: "p1", Slot: 2, Issuer: add.Issuer, SecretID: "s1", Profile: completed, At: t0}}, ""},
		{"add by http where that is allowed", nil, with(func(c *provider.Add) { c.Issuer, c.PlainHTTP = "http://127.0.0.1:8", true }),
			events{provider.Added{ID: "p1", Slot: 2, Issuer: "http://127.0.0.1:8", SecretID: "s1", Profile: full, At: t0}}, ""},
		{"add by http", nil, with(func(c *provider.Add) { c.Issuer = "http://127.0.0.1:8" }), nil, "identity_provider.command_invalid /issuer scheme"},
		{"add without an issuer", nil, with(func(c *provider.Add) { c.Issuer = "" }), nil, "identity_provider.command_invalid /issuer required"},
		{"add with a fragment", nil, with(func(c *provider.Add) { c.Issuer += "#" }), nil, "identity_provider.command_invalid /issuer malformed"},
		{"add with a long issuer", nil, with(func(c *provider.Add) { c.Issuer += "/" + strings.Repeat("x", 500) }), nil, "identity_provider.command_invalid /issuer too_long"},
		{"add without a secret", nil, with(func(c *provider.Add) { c.SecretID = "" }), nil, "identity_provider.command_invalid /secret_id required"},
		{"add twice", events{added}, add, nil, "identity_provider.already_exists"},
		{"add a removed one", events{added, removed}, add, nil, "identity_provider.already_exists"},
		{"add without a slot", nil, with(func(c *provider.Add) { c.Slot = 0 }), nil, "identity_provider.too_many"},
		{"owner by a group", nil, of(func(p *provider.Profile) {
			p.Mapping = []provider.GroupRoles{{Group: "g", Roles: []string{"viewer", "owner"}}}
		}), nil, "identity_provider.command_invalid /mapping/0/roles/1 owner"},
		{"owner by default", nil, of(func(p *provider.Profile) { p.DefaultRoles = []string{"owner"} }), nil, "identity_provider.command_invalid /default_roles/0 owner"},
		{"a group without roles", nil, of(func(p *provider.Profile) { p.Mapping = []provider.GroupRoles{{Group: "g"}} }), nil, "identity_provider.command_invalid /mapping/0/roles required"},
		{"too many groups", nil, of(func(p *provider.Profile) { p.Mapping = groups }), nil, "identity_provider.command_invalid /mapping too_many"},
		{"too many roles", nil, of(func(p *provider.Profile) { p.Mapping = lots }), nil, "identity_provider.command_invalid /mapping too_many_roles"},
		{"an audience", nil, of(func(p *provider.Profile) { p.APIAudience = "https://tansu.example.com" }), events{provider.Added{
			ID: "p1", Slot: 2, Issuer: "https://login.example.com", SecretID: "s1", Profile: heard, At: t0,
		}}, ""},
		{"the client id as audience", nil, of(func(p *provider.Profile) { p.APIAudience = p.ClientID }), nil, "identity_provider.command_invalid /api_audience client_id"},
		{"a long audience", nil, of(func(p *provider.Profile) { p.APIAudience = strings.Repeat("x", 256) }), nil, "identity_provider.command_invalid /api_audience too_long"},
		{"an audience of two lines", nil, of(func(p *provider.Profile) { p.APIAudience = "a\nb" }), nil, "identity_provider.command_invalid /api_audience invalid_characters"},
		{"a scope with a space", nil, of(func(p *provider.Profile) { p.Scopes = []string{"openid", "a b"} }), nil, "identity_provider.command_invalid /scopes/1 invalid_characters"},

		{"change", events{added}, provider.Change{Profile: least, At: t1}, events{provider.Changed{ID: "p1", Profile: completed, At: t1}}, ""},
		{"change the audience", events{added}, provider.Change{Profile: heard, At: t1}, events{provider.Changed{ID: "p1", Profile: heard, At: t1}}, ""},
		{"change nothing", events{added}, provider.Change{Profile: full, At: t1}, nil, ""},
		{"change a removed one", events{added, removed}, provider.Change{Profile: least, At: t2}, nil, "identity_provider.not_found"},
		{"change the secret", events{added}, provider.ChangeSecret{SecretID: "s2", At: t1}, events{provider.SecretChanged{ID: "p1", SecretID: "s2", At: t1}}, ""},
		{"change to the same secret", events{added}, provider.ChangeSecret{SecretID: "s1", At: t1}, nil, ""},
		{"disable", events{added}, provider.Disable{Reason: " odd ", At: t1}, events{disabled}, ""},
		{"disable without a reason", events{added}, provider.Disable{At: t1}, nil, "identity_provider.command_invalid /reason required"},
		{"disable twice", events{added, disabled}, provider.Disable{Reason: "x", At: t2}, nil, ""},
		{"enable", events{added, disabled}, provider.Enable{At: t2}, events{provider.Enabled{ID: "p1", At: t2}}, ""},
		{"enable an enabled one", events{added}, provider.Enable{At: t2}, nil, ""},
		{"remove", events{added, named}, provider.Remove{Reason: "moved", At: t2}, events{removed}, ""},
		{"remove nothing", nil, provider.Remove{At: t2}, nil, "identity_provider.not_found"},

		{"name a domain", events{added}, provider.AddDomain{Domain: " Example.COM ", Token: "t", At: t1}, events{named}, ""},
		{"name it again", events{added, named}, provider.AddDomain{Domain: "example.com", Token: "u", At: t2}, nil, ""},
		{"name a public one", events{added}, provider.AddDomain{Domain: "gmail.com", Token: "t", At: t1}, nil, "identity_provider.command_invalid /domain public"},
		{"name a host", events{added}, provider.AddDomain{Domain: "localhost", Token: "t", At: t1}, nil, "identity_provider.command_invalid /domain malformed"},
		{"name too many", many, provider.AddDomain{Domain: "example.com", Token: "t", At: t1}, nil, "identity_provider.too_many_domains"},
		{"verify", events{added, named}, provider.VerifyDomain{Domain: "example.com", At: t2}, events{verified}, ""},
		{"verify again", events{added, named, verified}, provider.VerifyDomain{Domain: "example.com", At: t2}, nil, ""},
		{"verify another", events{added, named}, provider.VerifyDomain{Domain: "example.org", At: t2}, nil, "identity_provider.domain_not_found"},
		{"remove a domain", events{added, named}, provider.RemoveDomain{Domain: "example.com", At: t2},
			events{provider.DomainRemoved{ID: "p1", Domain: "example.com", At: t2}}, ""},
		{"remove another", events{added}, provider.RemoveDomain{Domain: "example.com", At: t2}, nil, "identity_provider.domain_not_found"},
	})
	require.Equal(t, provider.State{
		ID: "p1", Slot: 2, Issuer: add.Issuer, Profile: full, SecretID: "s2", Domains: []provider.Domain{{Name: "example.com", Token: "t", Verified: true}},
		Status: provider.StatusEnabled, EnabledAt: t2, CreatedAt: t0, UpdatedAt: t2,
	}, given(added, named, verified, provider.SecretChanged{ID: "p1", SecretID: "s2", At: t1}, disabled, provider.Enabled{ID: "p1", At: t2}))
	require.Empty(t, given(added, named, removed).Domains)
}

func TestRolesOfGroups(t *testing.T) {
	t.Parallel()
	p := provider.Profile{DefaultRoles: []string{"viewer"}, Mapping: []provider.GroupRoles{
		{Group: "a", Roles: []string{"developer"}}, {Group: "b", Roles: []string{"admin", "developer"}},
	}}
	for groups, roles := range map[string]string{"": "viewer", "x": "viewer", "a": "developer", "a,b,x": "admin,developer", "A": "viewer"} {
		require.Equal(t, strings.Split(roles, ","), p.RolesOf(strings.Split(groups, ",")), groups)
	}
	p.DefaultRoles = nil
	require.Empty(t, p.RolesOf([]string{"x"}))
}

type decision struct {
	name  string
	given []provider.Event
	when  provider.Command
	then  []provider.Event
	code  string // of the refusal, then the field and code of its first field
}

func requireDecisions(t *testing.T, decisions []decision) {
	t.Helper()
	for _, d := range decisions {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			events, err := provider.Decide(given(d.given...), d.when)
			if d.code == "" {
				require.NoError(t, err)
				require.Equal(t, d.then, events)
				return
			}
			code, field, _ := strings.Cut(d.code, " ")
			var refusal *domain.Error
			require.True(t, errors.As(err, &refusal), "got %v", err)
			require.Equal(t, code, refusal.Code)
			require.Empty(t, events)
			if field != "" {
				require.NotEmpty(t, refusal.Fields)
				require.Equal(t, field, refusal.Fields[0].Field+" "+refusal.Fields[0].Code)
			}
		})
	}
}

func given(history ...provider.Event) provider.State {
	var s provider.State
	for _, e := range history {
		s = provider.Apply(s, e)
	}
	return s
}
