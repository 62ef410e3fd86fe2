package oidc_test

import (
	"context"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"

	"tansu.cloud/api/oidc"
	clientdomain "tansu.cloud/domain/identity/client"
	"tansu.cloud/domain/identity/permission"
	"tansu.cloud/platform/grants"
)

const withdrawal = "/auth/security/application/withdraw"

// letIn agrees to what an application of somebody else's asks for in a tenant, and
// returns its tokens. The browser is signed in.
func (p *party) letIn(b *browser, tenant uuid.UUID) *oauth2.Token {
	p.r.t.Helper()
	verifier := oauth2.GenerateVerifier()
	page := p.authorize(b, verifier, oauth2.SetAuthURLParam("tenant", tenant.String())).shows(http.StatusOK, "Allow access?")
	came := b.submit(page, "/auth/consent", "decision", "allow").at(p.RedirectURL)
	token, err := p.Exchange(context.Background(), came.Get("code"), oauth2.VerifierOption(verifier))
	require.NoError(p.r.t, err)
	return token
}

func (r *rig) thirdParty(redirect string) *party {
	r.t.Helper()
	id, secret := r.client(clientdomain.Confidential, false, redirect)
	return r.party(id, secret, redirect, "openid", "email", "offline_access", "api")
}

func TestApplicationsAreShownAndWithdrawn(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	acme, user := r.someone()
	beta := r.tenant("beta", "Beta")
	r.member(beta, user, permission.Viewer)
	b, rp := r.browser(), r.thirdParty(appRedirect)
	b.signIn(b.get("/auth/login"), "ann@example.com")
	b.get("/auth/security").shows(http.StatusOK, "You have let none in")
	inAcme, inBeta := rp.letIn(b, acme), rp.letIn(b, beta)

	since := time.Now().UTC().Format("2 January 2006")
	list := b.get("/auth/security").shows(http.StatusOK, "Applications that you let in").shows(http.StatusOK, "Withdraw access of Example App to Acme")
	list.shows(http.StatusOK, "In Beta, since "+since)
	list.shows(http.StatusOK, "see your e-mail address")
	list.shows(http.StatusOK, "It sends you to https://app.example.com.")
	require.NotContains(t, list.body, "to:https")
	require.NotContains(t, list.header.Get("Content-Security-Policy"), "script-src")

	form := url.Values{"client": {rp.ClientID}, "tenant": {acme.String()}}
	other := r.user("bob@example.com")
	r.member(acme, other, permission.Viewer)
	bob := r.browser()
	bob.signIn(bob.get("/auth/login"), "bob@example.com")
	bob.post(withdrawal, form).shows(http.StatusOK, "You have let none in") // another user's
	_, err := r.provider.Verify(t.Context(), inAcme.AccessToken)
	require.NoError(t, err)

	r.clock.advance(time.Hour) // this takes no fresh sign-in
	inAcme = rp.refresh(inAcme.RefreshToken)
	left := b.post(withdrawal, form).shows(http.StatusOK, "Withdraw access of Example App to Beta")
	require.NotContains(t, left.body, "Withdraw access of Example App to Acme")
	_, err = r.provider.Verify(t.Context(), inAcme.AccessToken)
	require.ErrorIs(t, err, oidc.ErrTokenInvalid)
	require.Equal(t, "invalid_grant", rp.refused(inAcme.RefreshToken))
	inBeta = rp.refresh(inBeta.RefreshToken)
	_, err = r.provider.Verify(t.Context(), inBeta.AccessToken)
	require.NoError(t, err, "another tenant's stays")
	b.get("/auth/").shows(http.StatusOK, "Your account") // as does the session in the browser

	b.post(withdrawal, form).shows(http.StatusOK, "Applications that you let in") // again
	for _, nonsense := range []url.Values{nil, {"client": {"{" + rp.ClientID + "}"}, "tenant": {acme.String()}}, {"client": {rp.ClientID}, "tenant": {"x"}}} {
		b.post(withdrawal, nonsense).shows(http.StatusOK, "Applications that you let in")
	}
	rp.letIn(b, acme) // which asks again
}

// Programs on devices are let in each time. What one has is shown and ends all the
// same, with the session that was begun for it.
func TestAProgramOnADeviceIsWithdrawn(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	tenant, user := r.someone()
	rp, b := r.cli(), r.browser()
	started, err := rp.DeviceAuth(t.Context())
	require.NoError(t, err)
	page := b.signIn(b.get("/auth/device?user_code="+started.UserCode), "ann@example.com")
	b.submit(page, "/auth/device/decision", "decision", "allow", "tenant", tenant.String()).shows(http.StatusOK, "signed in")
	token := r.token(url.Values{"grant_type": {deviceGrant}, "device_code": {started.DeviceCode}, "client_id": {rp.ClientID}}).ok()
	list := b.get("/auth/security").shows(http.StatusOK, "Tansu command line").shows(http.StatusOK, "programs on your devices").shows(http.StatusOK, "a device, from a browser")

	left := b.submit(list, withdrawal).shows(http.StatusOK, "You have let none in")
	require.NotContains(t, left.body, "a device, from a browser")
	_, err = r.provider.Verify(t.Context(), token["access_token"].(string))
	require.ErrorIs(t, err, oidc.ErrTokenInvalid)
	require.Equal(t, "invalid_grant", rp.refused(token["refresh_token"].(string)))
	live, err := r.users.Sessions(t.Context(), user)
	require.NoError(t, err)
	require.Len(t, live, 1, "the browser's")
}

// withdrawing is grants whose user withdraws while an answer is being made.
type withdrawing struct {
	oidc.Grants
	before func()
}

func (w *withdrawing) IssueCode(ctx context.Context, a grants.Approval) (string, error) {
	if before := w.before; before != nil {
		w.before = nil
		before()
	}
	return w.Grants.IssueCode(ctx, a)
}

func TestWhatIsWithdrawnMeanwhileIsAskedForAgain(t *testing.T) {
	t.Parallel()
	racing := &withdrawing{}
	r := newRig(t, func(d *oidc.Deps) { racing.Grants, d.Grants = d.Grants, racing })
	acme, user := r.someone()
	b, rp := r.browser(), r.thirdParty(appRedirect)
	b.signIn(b.get("/auth/login"), "ann@example.com")
	rp.letIn(b, acme)
	verifier := oauth2.GenerateVerifier()
	require.NotEmpty(t, rp.authorize(b, verifier).at(appRedirect).Get("code"))
	racing.before = func() {
		_, err := r.grants.Withdraw(t.Context(), user, rp.ClientID, acme)
		require.NoError(t, err)
	}
	page := rp.authorize(b, verifier).shows(http.StatusOK, "Allow access?")
	require.NotEmpty(t, b.submit(page, "/auth/consent", "decision", "allow").at(appRedirect).Get("code"))
	racing.before = func() {
		_, err := r.grants.Withdraw(t.Context(), user, rp.ClientID, acme)
		require.NoError(t, err)
	}
	silent := rp.authorize(b, verifier, oauth2.SetAuthURLParam("prompt", "none"))
	require.Equal(t, "consent_required", silent.at(appRedirect).Get("error"))
}
