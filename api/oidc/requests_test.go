package oidc_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"

	"tansu.cloud/api/oidc"
	"tansu.cloud/commands"
	clientdomain "tansu.cloud/domain/identity/client"
	"tansu.cloud/domain/identity/permission"
	"tansu.cloud/eventstore"
	"tansu.cloud/projections/readmodels/clients"
)

// change gives a client another profile.
func (r *rig) change(id string, change func(*clientdomain.Profile)) {
	r.t.Helper()
	found, err := clients.NewDirectory(r.pool).Get(r.t.Context(), uuid.MustParse(id))
	require.NoError(r.t, err)
	profile := clientdomain.Profile{
		Name: found.Name, RedirectURIs: found.RedirectURIs, PostLogoutRedirectURIs: found.PostLogoutRedirectURIs,
		Grants: found.Grants, Scopes: found.Scopes, FirstParty: found.FirstParty,
	}
	change(&profile)
	do(r, r.commands.ChangeClient, clients.Name, eventstore.SystemTenant, id, commands.ChangeClient{Profile: profile})
}

func (r *rig) consents() (rows int) {
	r.t.Helper()
	require.NoError(r.t, r.pool.QueryRow(r.t.Context(), "SELECT count(*) FROM oauth_consents").Scan(&rows))
	return rows
}

// The page that asks for consent tells no names of tenants that are not the
// visitor's, and nothing is agreed to there.
func TestConsentIsForOnesOwnTenants(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	_, user := r.someone()
	foreign := r.tenant("other", "Secret Project")
	id, _ := r.client(clientdomain.Public, false, appRedirect)
	rp, b := r.party(id, "", appRedirect, "openid"), r.browser()
	sealed := rp.authorize(b, "x", oauth2.SetAuthURLParam("tenant", foreign.String())).url.Query().Get("request")
	b.signIn(b.get("/auth/login"), "ann@example.com")
	refused := b.get("/auth/consent?request=" + sealed)
	require.NotContains(t, refused.body, "Secret")
	require.Equal(t, "access_denied", refused.at(appRedirect).Get("error"))
	require.Equal(t, "access_denied", b.post("/auth/consent", url.Values{"request": {sealed}, "decision": {"allow"}}).at(appRedirect).Get("error"))
	require.Zero(t, r.consents())

	// Before a tenant is chosen there is nothing to agree to.
	r.member(r.tenant("beta", "Beta"), user, permission.Viewer)
	open := rp.authorize(r.browser(), "x").url.Query().Get("request")
	b.get("/auth/consent?request="+open).shows(http.StatusOK, "Choose a tenant")
	b.post("/auth/consent", url.Values{"request": {open}, "decision": {"allow"}}).shows(http.StatusOK, "Choose a tenant")
	require.Zero(t, r.consents())
}

// Who agreed to be sent to one site did not agree to another.
func TestConsentIsForWhereOneIsSent(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.someone()
	id, _ := r.client(clientdomain.Public, false, appRedirect)
	rp, b := r.party(id, "", appRedirect, "openid"), r.browser()
	page := b.signIn(rp.authorize(b, "x"), "ann@example.com").shows(http.StatusOK, "app.example.com")
	require.NotEmpty(t, b.submit(page, "/auth/consent", "decision", "allow").at(appRedirect).Get("code"))
	r.change(id, func(p *clientdomain.Profile) {
		p.RedirectURIs = []string{"https://evil.example/cb", appRedirect + "/new"}
	})
	rp.RedirectURL = "https://evil.example/cb"
	rp.authorize(b, "x").shows(http.StatusOK, "evil.example")
	require.Equal(t, "consent_required", rp.authorize(b, "x", oauth2.SetAuthURLParam("prompt", "none")).at("https://evil.example/cb").Get("error"))
	rp.RedirectURL = appRedirect + "/new"
	require.NotEmpty(t, rp.authorize(b, "x").at(appRedirect+"/new").Get("code"), "the same site")
}

// A request that is under way follows what becomes of its client.
func TestRequestsUnderWayFollowTheirClient(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.someone()
	for name, change := range map[string]func(id string){
		"address given up": func(id string) {
			r.change(id, func(p *clientdomain.Profile) { p.RedirectURIs = []string{"https://app.example.com/new"} })
		},
		"disabled": func(id string) {
			do(r, r.commands.DisableClient, clients.Name, eventstore.SystemTenant, id, commands.DisableClient{Reason: "bad"})
		},
	} {
		id, _ := r.client(clientdomain.Public, false, appRedirect)
		rp, b := r.party(id, "", appRedirect, "openid"), r.browser()
		login := rp.authorize(b, "x")
		asked := b.signIn(login, "ann@example.com").shows(http.StatusOK, "Allow access?")
		change(id)
		for _, p := range []page{
			b.submit(asked, "/auth/consent", "decision", "allow"), b.submit(asked, "/auth/consent", "decision", "deny"),
			b.get("/auth/continue?request=" + login.url.Query().Get("request")), b.signIn(login, "ann@example.com"),
		} {
			p.shows(http.StatusBadRequest, "cannot go on")
			require.Nil(t, p.location, name)
		}
	}
}

// What a client may not ask for any more it does not get by what it asked for before.
func TestScopesThatWereTakenAway(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.someone()
	e := r.exchanger()
	good := basic(e.ClientID, e.ClientSecret)
	token, form := e.token(t), e.form()
	r.change(e.ClientID, func(p *clientdomain.Profile) { p.Scopes = []string{"email"} })
	for _, form := range []url.Values{form, {"grant_type": {"refresh_token"}, "refresh_token": {token["refresh_token"].(string)}}} {
		got := r.token(form, good).ok()
		require.NotContains(t, strings.Fields(got["scope"].(string)), "api")
		_, err := r.provider.Verify(t.Context(), got["access_token"].(string))
		require.ErrorIs(t, err, oidc.ErrTokenInvalid)
	}
}

func TestLongHintsAreDropped(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for hint, kept := range map[string]bool{"ann@example.com": true, strings.Repeat("x", 255): false} {
		login := r.cli().authorize(r.browser(), "x", oauth2.SetAuthURLParam("login_hint", hint)).shows(http.StatusOK, "Sign in")
		require.Equal(t, kept, strings.Contains(login.body, hint))
	}
}

// A process that has only just begun knows what was revoked before.
func TestRevocationsCountFromTheFirstMomentOn(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.someone()
	token := r.cli().signIn(r.browser(), "ann@example.com")
	r.send(http.MethodPost, "/oauth/revoke", url.Values{"token": {token.RefreshToken}, "client_id": {oidc.ClientCLI}}.Encode()).ok()
	begun, err := oidc.New(r.deps)
	require.NoError(t, err)
	_, err = begun.Verify(t.Context(), token.AccessToken)
	require.ErrorIs(t, err, oidc.ErrTokenInvalid)
}
