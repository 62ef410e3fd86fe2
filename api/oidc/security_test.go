package oidc_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tansu.cloud/commands"
	"tansu.cloud/domain/identity/permission"
	"tansu.cloud/eventstore"
	"tansu.cloud/projections/readmodels/users"
	credentialsaga "tansu.cloud/projections/sagas/credentials"
)

func TestSecurityPageIsForThoseSignedIn(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.someone()
	b := r.browser()
	page := b.get("/auth/security").shows(http.StatusOK, "Sign in")
	page = b.signIn(page, "ann@example.com").shows(http.StatusOK, "Authenticator app")
	require.Equal(t, "/auth/security", page.url.Path)
	page.shows(http.StatusOK, "need an address with a name") // for passkeys
	require.NotContains(t, page.body, "<script")
	require.NotContains(t, page.header.Get("Content-Security-Policy"), "script-src")
	stranger := r.browser()
	for _, path := range r.provider.FormPaths() {
		if strings.HasPrefix(path, "/auth/security") {
			stranger.post(path, url.Values{"passkey": {uuid.NewString()}, "session": {uuid.NewString()}}).shows(http.StatusOK, "E-mail address")
		}
	}
}

// A browser that was left alone changes nothing about how its user signs in.
func TestChangesNeedAFreshSignIn(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.someone()
	b := r.browser()
	b.signIn(b.get("/auth/login"), "ann@example.com")
	r.clock.advance(16 * time.Minute)
	login := b.submit(b.get("/auth/security"), "/auth/security/totp").shows(http.StatusOK, "E-mail address")
	require.Contains(t, login.body, `value="ann@example.com"`)
	require.Equal(t, "/auth/security", b.signIn(login, "ann@example.com").url.Path)
	r.enable(b)
	r.clock.advance(16 * time.Minute)
	for _, path := range []string{"/auth/security/codes", "/auth/security/totp/disable", "/auth/security/passkey", "/auth/security/passkey/remove", "/auth/security/totp/confirm"} {
		b.post(path, url.Values{"proof": {password}}).shows(http.StatusOK, "E-mail address")
	}
	b.get("/auth/security").shows(http.StatusOK, "Turn it off")
}

func TestAuthenticatorAppOnAndOff(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	_, user := r.someone()
	b := r.browser()
	b.signIn(b.get("/auth/login"), "ann@example.com")
	setup := b.submit(b.get("/auth/security"), "/auth/security/totp")
	require.Contains(t, setup.body, `<path d="M4 4h1v1h-1zM5 4h1v1h-1z`, "the corner of a QR code")
	require.NotContains(t, setup.header.Get("Content-Security-Policy"), "img-src")
	other := r.user("bob@example.com")
	r.member(r.tenantOf("acme"), other, permission.Viewer)
	bob := r.browser()
	bob.signIn(bob.get("/auth/login"), "bob@example.com")
	bob.submit(setup, "/auth/security/totp/confirm", "code", "000000").shows(http.StatusBadRequest, "too old") // another user's

	app := r.enable(b)
	b.get("/auth/security").shows(http.StatusOK, "10 recovery codes left")
	b.submit(setup, "/auth/security/totp/confirm", "code", "000000").shows(http.StatusUnprocessableEntity, "not right")
	b.post("/auth/security/totp", nil).shows(http.StatusOK, "recovery codes left") // there is one already

	made := b.submit(b.get("/auth/security"), "/auth/security/codes").shows(http.StatusOK, "not shown again")
	require.Len(t, codesOn(made), 10)
	require.NotEqual(t, app.codes, codesOn(made))
	set, err := r.users.Get(t.Context(), user)
	require.NoError(t, err)
	right, err := r.secrets.UseRecoveryCode(t.Context(), user, uuid.MustParse(set.RecoverySetID), app.codes[0])
	require.NoError(t, err)
	require.False(t, right, "the former ones are void")

	off := b.get("/auth/security")
	b.submit(off, "/auth/security/totp/disable", "proof", "wrong").shows(http.StatusUnauthorized, "neither your password")
	b.submit(off, "/auth/security/totp/disable", "proof", "000000").shows(http.StatusUnauthorized, "neither your password")
	b.submit(off, "/auth/security/totp/disable", "proof", app.code()).shows(http.StatusOK, "Set up an app")
	r.browser().signIn(r.browser().get("/auth/login"), "ann@example.com").shows(http.StatusOK, "Your account")

	r.enable(b)
	b.submit(b.get("/auth/security"), "/auth/security/totp/disable", "proof", password).shows(http.StatusOK, "Set up an app")
	var rows int
	require.NoError(t, r.Wait(t.Context(), credentialsaga.Name, eventstore.SystemTenant, 0))
	require.NoError(t, r.pool.QueryRow(t.Context(), "SELECT (SELECT count(*) FROM totp_secrets) + (SELECT count(*) FROM recovery_codes)").Scan(&rows))
	require.Zero(t, rows)
	b.post("/auth/security/codes", nil).shows(http.StatusUnprocessableEntity, "not enabled")
	require.NotContains(t, r.logs.String(), app.secret)
}

// Whoever has lost everything but the password is helped by whoever manages users.
func TestResetLeavesThePassword(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	b, app := r.withApp()
	u, err := r.users.ByEmailIndex(t.Context(), emailIndex("ann@example.com"))
	require.NoError(t, err)
	half := b.signIn(b.get("/auth/login"), "ann@example.com").shows(http.StatusOK, "authenticator app")
	do(r, r.commands.ResetMFA, users.Name, eventstore.SystemTenant, u.ID.String(), commands.ResetMFA{Reason: "lost the phone"})
	b.submit(half, "/auth/second", "code", app.code()).shows(http.StatusUnauthorized, "not right") // no event names it
	b.submit(half, "/auth/second", "recovery", app.codes[0]).shows(http.StatusUnauthorized, "not a recovery code")
	b.signIn(b.get("/auth/login"), "ann@example.com").shows(http.StatusOK, "Your account")
}

func TestOwnSessionsAreListedAndRevoked(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.someone()
	b, phone := r.browser(), r.browser()
	phone.headers.Set("User-Agent", "Phone <1>")
	phone.headers.Set("X-Test-Address", "192.0.2.7")
	phone.signIn(phone.get("/auth/login"), "ann@example.com")
	b.signIn(b.get("/auth/login"), "ann@example.com")
	r.clock.advance(time.Hour) // this takes no fresh sign-in
	list := b.get("/auth/security").shows(http.StatusOK, "This is where you are now.")
	list.shows(http.StatusOK, "Phone <1>")
	require.NotContains(t, list.body, "<1>")
	list.shows(http.StatusOK, "from 192.0.2.7")
	require.Equal(t, 1, strings.Count(list.body, "Sign out there"))

	other := r.user("bob@example.com")
	r.member(r.tenantOf("acme"), other, permission.Viewer)
	bob := r.browser()
	bob.signIn(bob.get("/auth/login"), "bob@example.com")
	bob.submit(list, "/auth/security/session") // another user's
	phone.get("/auth/").shows(http.StatusOK, "Your account")

	b.submit(list, "/auth/security/session").shows(http.StatusOK, "This is where you are now.")
	phone.get("/auth/").shows(http.StatusOK, "E-mail address")
	b.submit(list, "/auth/security/session").shows(http.StatusOK, "This is where you are now.") // again
	b.post("/auth/security/session", url.Values{"session": {"x"}}).shows(http.StatusOK, "This is where you are now.")
	b.get("/auth/").shows(http.StatusOK, "Your account")
}
