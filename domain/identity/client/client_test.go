package client_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tansu.cloud/domain/domaintest"
	"tansu.cloud/domain/identity/client"
)

var (
	t0 = time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)
	t1 = t0.Add(time.Hour)
	t2 = t1.Add(time.Hour)

	profile = client.Profile{
		Name: "Shop", RedirectURIs: []string{"https://shop.example.com/cb"}, PostLogoutRedirectURIs: []string{},
		Grants: []string{"authorization_code", "refresh_token"}, Scopes: []string{"email", "openid"},
	}
	registered = client.Registered{ID: "c1", Type: client.Confidential, TokenEndpointAuth: client.AuthSecret, Profile: profile, SecretID: "s1", At: t0}
	public     = client.Registered{ID: "c1", Type: client.Public, TokenEndpointAuth: client.AuthNone, Profile: profile, At: t0}
	disabled   = client.Disabled{ID: "c1", Reason: "abuse", At: t1}
	deleted    = client.Deleted{ID: "c1", At: t1}
	register   = client.Register{ID: "c1", Type: client.Confidential, TokenEndpointAuth: client.AuthSecret, Profile: with(func(p *client.Profile) {
		p.Grants, p.Scopes, p.PostLogoutRedirectURIs = []string{"refresh_token", "authorization_code"}, []string{"openid", "email"}, nil
	}), SecretID: "s1", At: t0}
)

const jwks = `{"keys":[{"kty":"EC","crv":"P-256","x":"a","y":"b"}]}`

func with(change func(*client.Profile)) client.Profile {
	p := profile
	change(&p)
	return p
}

func TestDecide(t *testing.T) {
	t.Parallel()
	type events = []client.Event
	registering := func(typ client.Type, auth client.Auth, secret string, keys string) client.Register {
		c := register
		c.Type, c.TokenEndpointAuth, c.SecretID = typ, auth, secret
		c.Profile.JWKS = []byte(keys)
		return c
	}
	other := with(func(p *client.Profile) { p.Name, p.FirstParty = "Shop 2", true })
	requireDecisions(t, []decision{
		{"register", nil, register, events{registered}, ""},
		{"register a public one", nil, client.Register{ID: "c1", Type: client.Public, TokenEndpointAuth: client.AuthNone, Profile: profile, At: t0}, events{public}, ""},
		{"register with keys", nil, registering(client.Confidential, client.AuthPrivateKeyJWT, "", " "+jwks+"\n"),
			events{client.Registered{ID: "c1", Type: client.Confidential, TokenEndpointAuth: client.AuthPrivateKeyJWT,
				Profile: with(func(p *client.Profile) { p.JWKS = []byte(jwks) }), At: t0}}, ""},
		{"register twice", events{registered}, register, nil, "client.already_exists"},
		{"register over a deleted one", events{registered, deleted}, register, nil, "client.already_exists"},
		{"register of no type", nil, registering("", client.AuthNone, "", ""), nil, "client.command_invalid /type unknown"},
		{"register a public one with a secret", nil, registering(client.Public, client.AuthSecret, "s1", ""), nil, "client.command_invalid /token_endpoint_auth public"},
		{"register a confidential one without", nil, registering(client.Confidential, client.AuthNone, "", ""), nil, "client.command_invalid /token_endpoint_auth confidential"},
		{"register without the secret", nil, registering(client.Confidential, client.AuthSecret, "", ""), nil, "client.command_invalid /secret_id required"},
		{"register with a secret too many", nil, registering(client.Public, client.AuthNone, "s1", ""), nil, "client.command_invalid /secret_id not_allowed"},
		{"register without the keys", nil, registering(client.Confidential, client.AuthPrivateKeyJWT, "", ""), nil, "client.command_invalid /jwks required"},
		{"register with keys too many", nil, registering(client.Confidential, client.AuthSecret, "s1", jwks), nil, "client.command_invalid /jwks not_allowed"},
		{"register with no keys", nil, registering(client.Confidential, client.AuthPrivateKeyJWT, "", `{"keys":[]}`), nil, "client.command_invalid /jwks malformed"},
		{"register with half a key set", nil, registering(client.Confidential, client.AuthPrivateKeyJWT, "", `{"keys":[`), nil, "client.command_invalid /jwks malformed"},
		{"register with a symmetric key", nil, registering(client.Confidential, client.AuthPrivateKeyJWT, "", `{"keys":[{"kty":"oct","k":"a"}]}`), nil, "client.command_invalid /jwks/keys/0/kty unknown"},
		{"register with a private key", nil, registering(client.Confidential, client.AuthPrivateKeyJWT, "", `{"keys":[{"kty":"EC","d":"a"}]}`), nil, "client.command_invalid /jwks/keys/0/d private"},

		{"change", events{registered}, client.Change{Profile: other, At: t1}, events{client.Changed{ID: "c1", Profile: other, At: t1}}, ""},
		{"change nothing", events{registered}, client.Change{Profile: register.Profile, At: t1}, nil, ""},
		{"change a deleted one", events{registered, deleted}, client.Change{Profile: other, At: t1}, nil, "client.not_found"},
		{"rotate", events{registered}, client.RotateSecret{SecretID: "s2", Overlap: time.Hour, At: t1}, events{client.SecretRotated{ID: "c1", SecretID: "s2", PreviousUntil: t2, At: t1}}, ""},
		{"rotate to the same", events{registered}, client.RotateSecret{SecretID: "s1", At: t1}, nil, ""},
		{"rotate of a public one", events{public}, client.RotateSecret{SecretID: "s2", At: t1}, nil, "client.no_secret"},
		{"rotate backwards", events{registered}, client.RotateSecret{SecretID: "s2", Overlap: -1, At: t1}, nil, "client.command_invalid /overlap_seconds out_of_range"},
		{"disable", events{registered}, client.Disable{Reason: "abuse", At: t1}, events{disabled}, ""},
		{"disable without a reason", events{registered}, client.Disable{At: t1}, nil, "client.command_invalid /reason required"},
		{"disable twice", events{registered, disabled}, client.Disable{Reason: "x", At: t2}, nil, ""},
		{"enable", events{registered, disabled}, client.Enable{At: t2}, events{client.Enabled{ID: "c1", At: t2}}, ""},
		{"enable an enabled one", events{registered}, client.Enable{At: t2}, nil, ""},
		{"delete", events{registered}, client.Delete{At: t1}, events{deleted}, ""},
		{"delete nothing", nil, client.Delete{At: t1}, nil, "client.not_found"},
	})
	require.Equal(t, client.State{
		ID: "c1", Type: client.Confidential, TokenEndpointAuth: client.AuthSecret, Profile: other, Status: client.StatusDisabled, DisabledReason: "abuse",
		SecretID: "s2", PreviousSecretID: "s1", PreviousUntil: t2, CreatedAt: t0, UpdatedAt: t1,
	}, given(registered, client.Changed{ID: "c1", Profile: other, At: t1}, client.SecretRotated{ID: "c1", SecretID: "s2", PreviousUntil: t2, At: t1}, disabled))
}

func TestProfiles(t *testing.T) {
	t.Parallel()
	many := make([]string, 51)
	for i := range many {
		many[i] = "https://example.com/" + strings.Repeat("x", i)
	}
	redirect := func(uris ...string) client.Profile {
		return with(func(p *client.Profile) { p.RedirectURIs = uris })
	}
	for name, tc := range map[string]struct {
		profile client.Profile
		problem string // field and code of the first
	}{
		"https":              {redirect("https://app.example.com:8443/cb?x=1"), ""},
		"loopback":           {redirect("http://127.0.0.1/cb", "http://[::1]:80/cb", "http://localhost:3000"), ""},
		"own scheme":         {redirect("com.example.app:/cb", "com.example.app://cb"), ""},
		"device only":        {with(func(p *client.Profile) { p.RedirectURIs, p.Grants = nil, []string{"device_code"} }), ""},
		"none":               {redirect(), "/redirect_uris required"},
		"too many":           {redirect(many[:21]...), "/redirect_uris too_many"},
		"twice":              {redirect("https://a.de/", "https://a.de/"), "/redirect_uris/1 repeated"},
		"empty":              {redirect(""), "/redirect_uris/0 required"},
		"too long":           {redirect("https://a.de/" + strings.Repeat("x", 2000)), "/redirect_uris/0 too_long"},
		"plain":              {redirect("http://app.example.com/cb"), "/redirect_uris/0 scheme"},
		"plain, looks local": {redirect("http://localhost.example.com/cb"), "/redirect_uris/0 scheme"},
		"script":             {redirect("javascript:alert(1)"), "/redirect_uris/0 malformed"},
		"data":               {redirect("data:text/html,x"), "/redirect_uris/0 malformed"},
		"scheme with no dot": {redirect("myapp://cb"), "/redirect_uris/0 scheme"},
		"own scheme, opaque": {redirect("com.example.app:cb"), "/redirect_uris/0 malformed"},
		"no host":            {redirect("https:///cb"), "/redirect_uris/0 scheme"},
		"relative":           {redirect("/cb"), "/redirect_uris/0 scheme"},
		"fragment":           {redirect("https://a.de/#x"), "/redirect_uris/0 fragment"},
		"empty fragment":     {redirect("https://a.de/#"), "/redirect_uris/0 fragment"},
		"wildcard":           {redirect("https://*.a.de/"), "/redirect_uris/0 wildcard"},
		"user":               {redirect("https://a@b.de/"), "/redirect_uris/0 credentials"},
		"backslash":          {redirect(`https://a.de\@b.de/`), "/redirect_uris/0 invalid_characters"},
		"line break":         {redirect("https://a.de/\r\nX: y"), "/redirect_uris/0 invalid_characters"},
		"odd port":           {redirect("https://a.de:99999/"), "/redirect_uris/0 port"},
		"after logout":       {with(func(p *client.Profile) { p.PostLogoutRedirectURIs = []string{"ftp://a.de/"} }), "/post_logout_redirect_uris/0 scheme"},

		"no name":        {with(func(p *client.Profile) { p.Name = " " }), "/name required"},
		"no grant":       {with(func(p *client.Profile) { p.Grants = nil }), "/grants required"},
		"unknown grant":  {with(func(p *client.Profile) { p.Grants = []string{"authorization_code", "password"} }), "/grants/1 unknown"},
		"grant twice":    {with(func(p *client.Profile) { p.Grants = []string{"device_code", "device_code"} }), "/grants/1 repeated"},
		"only a refresh": {with(func(p *client.Profile) { p.Grants = []string{"refresh_token"} }), "/grants incomplete"},
		"odd scope":      {with(func(p *client.Profile) { p.Scopes = []string{"a b"} }), "/scopes/0 malformed"},
		"scope twice":    {with(func(p *client.Profile) { p.Scopes = []string{"a", "a"} }), "/scopes/1 repeated"},
		"many scopes":    {with(func(p *client.Profile) { p.Scopes = many }), "/scopes too_many"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := client.Decide(client.State{}, client.Register{ID: "c1", Type: client.Public, TokenEndpointAuth: client.AuthNone, Profile: tc.profile, At: t0})
			if tc.problem == "" {
				require.NoError(t, err)
				return
			}
			field := domaintest.RequireRefused(t, err, "client.command_invalid").Fields[0]
			require.Equal(t, tc.problem, field.Field+" "+field.Code)
		})
	}
}

type decision struct {
	name  string
	given []client.Event
	when  client.Command
	then  []client.Event
	code  string // of the refusal, then the field and code of its first field
}

func requireDecisions(t *testing.T, decisions []decision) {
	t.Helper()
	for _, d := range decisions {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			events, err := client.Decide(given(d.given...), d.when)
			if d.code == "" {
				require.NoError(t, err)
				require.Equal(t, d.then, events)
				return
			}
			code, field, _ := strings.Cut(d.code, " ")
			refusal := domaintest.RequireRefused(t, err, code)
			require.Empty(t, events)
			if field != "" {
				require.NotEmpty(t, refusal.Fields)
				require.Equal(t, field, refusal.Fields[0].Field+" "+refusal.Fields[0].Code)
			}
		})
	}
}

func given(history ...client.Event) client.State {
	var s client.State
	for _, e := range history {
		s = client.Apply(s, e)
	}
	return s
}
