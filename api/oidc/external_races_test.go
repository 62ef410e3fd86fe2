package oidc_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"

	"tansu.cloud/commands"
	"tansu.cloud/domain/identity/provider"
	"tansu.cloud/eventstore"
	"tansu.cloud/platform/federation/upstreamtest"
	"tansu.cloud/projections/readmodels/access"
	"tansu.cloud/projections/readmodels/users"
)

// An application that wants people to show again who they are does not get those
// whom their provider let through with a session that it had.
func TestAProviderSignsInAnew(t *testing.T) {
	t.Parallel()
	r, u := newRig(t), upstreamtest.New(t)
	acme, _ := r.someone()
	r.idp(acme, u, nil)
	rp := r.cli()
	for name, c := range map[string]struct {
		option oauth2.AuthCodeOption
		said   any // auth_time
		let    bool
	}{
		"with prompt=login":               {oauth2.SetAuthURLParam("prompt", "login"), time.Now().Add(time.Minute).Unix(), true},
		"with max_age":                    {oauth2.SetAuthURLParam("max_age", "0"), time.Now().Add(time.Minute).Unix(), true},
		"with prompt=login, from before":  {oauth2.SetAuthURLParam("prompt", "login"), time.Now().Add(-time.Hour).Unix(), false},
		"with max_age, who knows when":    {oauth2.SetAuthURLParam("max_age", "0"), nil, false},
		"when the application is content": {oauth2.SetAuthURLParam("nonce", "n"), nil, true},
		"by a session, and it is content": {oauth2.SetAuthURLParam("nonce", "n"), time.Now().Add(-time.Hour).Unix(), true},
	} {
		claims := engineer("eve")
		claims["auth_time"] = c.said
		u.SignIn(claims)
		b := r.browser()
		login := rp.authorize(b, "verifier", oauth2.SetAuthURLParam("tenant", acme.String()), c.option)
		came := b.through(b.get(linkOn(t, login, "Sign in with Acme login")))
		if c.let {
			require.NotEmpty(t, came.at(rp.RedirectURL).Get("code"), name)
			continue
		}
		came.shows(http.StatusForbidden, "sign in anew")
		b.get("/auth/").shows(http.StatusOK, "E-mail address")
	}
}

// What the person or the browser brought about is no fault of the servers.
func TestWhoIsToBlame(t *testing.T) {
	t.Parallel()
	r, u := newRig(t), upstreamtest.New(t)
	acme, _ := r.someone()
	r.idp(acme, u, nil)
	rp, b := r.cli(), r.browser()
	b.through(rp.departure(b, "v", acme)).shows(http.StatusForbidden, "not signed in") // the upstream says no
	u.SignIn(engineer("eve"))
	u.Do(func(u *upstreamtest.Upstream) {
		u.IDToken = func(claims map[string]any) { claims["nonce"] = "another" }
	})
	b.through(rp.departure(b, "v", acme)).shows(http.StatusBadRequest, "does not hold")
}

// Roles are those of the mapping when somebody comes back, not of the one that was
// there when they left.
func TestAMappingChangesMeanwhile(t *testing.T) {
	t.Parallel()
	r, u := newRig(t), upstreamtest.New(t)
	acme, _ := r.someone()
	idp := r.idp(acme, u, nil)
	u.SignIn(engineer("eve"))
	u.Do(func(u *upstreamtest.Upstream) {
		u.IDToken = func(map[string]any) { // the code is being redeemed
			do(r, r.commands.ChangeIdentityProvider, access.Name, acme, idp.String(), commands.ChangeIdentityProvider{Profile: provider.Profile{
				Name: "Acme login", ClientID: upstreamtest.ClientID, JustInTime: true,
				Mapping: []provider.GroupRoles{{Group: "engineering", Roles: []string{"viewer"}}},
			}})
		}
	})
	claims, err := r.provider.Verify(t.Context(), r.cli().external(r.browser(), acme).AccessToken)
	require.NoError(t, err)
	require.Equal(t, []string{"viewer"}, claims.Roles)
}

// A session that begins while its identity is unlinked does not outlive that.
func TestAnIdentityIsUnlinkedMeanwhile(t *testing.T) {
	t.Parallel()
	r, acts := newRigWithActs(t)
	u := upstreamtest.New(t)
	acme, ann := r.someone()
	idp := r.idp(acme, u, nil)
	r.linked(ann, acme, idp, u.URL, "ann")
	u.SignIn(engineer("ann"))
	acts.startSession = func(string) {
		do(r, r.commands.UnlinkIdentity, users.Name, eventstore.SystemTenant, ann.String(), commands.UnlinkIdentity{Index: identityIndex(acme, u.URL, "ann")})
	}
	rp, b := r.cli(), r.browser()
	b.through(rp.departure(b, "v", acme)).shows(http.StatusBadRequest, "too old")
	live, err := r.users.Sessions(t.Context(), ann)
	require.NoError(t, err)
	require.Empty(t, live)
	b.get("/auth/").shows(http.StatusOK, "E-mail address")
}

// A provider that was added anew knows the people of the one before; so unlinking
// ends the sessions for which either vouched.
func TestUnlinkingEndsWhatAnotherProviderVouchedFor(t *testing.T) {
	t.Parallel()
	r, u := newRig(t), upstreamtest.New(t)
	acme, ann := r.someone()
	first := r.idp(acme, u, nil)
	r.linked(ann, acme, first, u.URL, "ann")
	do(r, r.commands.RemoveIdentityProvider, access.Name, acme, first.String(), commands.RemoveIdentityProvider{})
	r.idp(acme, u, nil)
	u.SignIn(engineer("ann"))
	phone := r.browser()
	claims, err := r.provider.Verify(t.Context(), r.cli().external(phone, acme).AccessToken)
	require.NoError(t, err)
	require.Equal(t, ann, claims.UserID)
	phone.get("/auth/").shows(http.StatusOK, "Your account")
	b := r.browser()
	b.signIn(b.get("/auth/security"), "ann@example.com")
	b.submit(b.get("/auth/security"), "/auth/security/identity/remove").shows(http.StatusOK, "Link Acme login of Acme")
	phone.get("/auth/").shows(http.StatusOK, "E-mail address")
	session, err := r.users.Session(t.Context(), claims.SessionID)
	require.NoError(t, err)
	require.False(t, session.Live())
	require.NotEqual(t, uuid.Nil, session.ProviderID)
}
