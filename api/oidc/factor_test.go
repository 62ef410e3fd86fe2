package oidc_test

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	gooidc "github.com/coreos/go-oidc/v3/oidc"
	"github.com/google/uuid"
	"github.com/pquerna/otp/totp"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"

	"tansu.cloud/commands"
	"tansu.cloud/domain/identity/permission"
	"tansu.cloud/eventstore"
	"tansu.cloud/platform/credentials"
	"tansu.cloud/projections/readmodels/users"
)

// app is somebody's authenticator app.
type app struct {
	r      *rig
	secret string
	codes  []string // for when it is lost
}

// code is what the app shows, each time another one: half a minute later.
func (a *app) code() string {
	a.r.t.Helper()
	a.r.clock.advance(credentials.TOTPPeriod)
	code, err := totp.GenerateCode(a.secret, a.r.clock.Now())
	require.NoError(a.r.t, err)
	return code
}

var (
	secretPattern = regexp.MustCompile(`<p class="secret">([A-Z2-7 ]+)</p>`)
	codePattern   = regexp.MustCompile(`<li>([0-9a-z]{5}-[0-9a-z]{5})</li>`)
)

func codesOn(p page) []string {
	var codes []string
	for _, found := range codePattern.FindAllStringSubmatch(p.body, -1) {
		codes = append(codes, found[1])
	}
	return codes
}

// enable sets an app up for whoever is signed in in the browser.
func (r *rig) enable(b *browser) *app {
	r.t.Helper()
	page := b.submit(b.get("/auth/security"), "/auth/security/totp").shows(http.StatusOK, "QR code")
	a := &app{r: r, secret: strings.ReplaceAll(secretPattern.FindStringSubmatch(page.body)[1], " ", "")}
	b.submit(page, "/auth/security/totp/confirm", "code", "000000").shows(http.StatusUnprocessableEntity, "not right")
	shown := b.submit(page, "/auth/security/totp/confirm", "code", a.code()).shows(http.StatusOK, "not shown again")
	a.codes = codesOn(shown)
	require.Len(r.t, a.codes, 10)
	return a
}

// withApp is somebody who signs in with a password and a code. The browser is
// another one than that in which the app was set up.
func (r *rig) withApp() (*browser, *app) {
	r.t.Helper()
	r.someone()
	first := r.browser()
	first.signIn(first.get("/auth/login"), "ann@example.com")
	return r.browser(), r.enable(first)
}

func TestPasswordAndCode(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	b, app := r.withApp()
	rp, verifier := r.cli(), oauth2.GenerateVerifier()
	second := b.signIn(rp.authorize(b, verifier), "ann@example.com").shows(http.StatusOK, "authenticator app")
	require.Empty(t, second.header.Values("Set-Cookie"), "nobody is signed in yet")
	b.get("/auth/").shows(http.StatusOK, "Sign in")

	b.submit(second, "/auth/second", "code", "").shows(http.StatusUnauthorized, "not right")
	wrong := b.submit(second, "/auth/second", "code", "12345").shows(http.StatusUnauthorized, "not right")
	code := app.code()
	came := b.submit(wrong, "/auth/second", "code", code).at(loopback)
	token, err := rp.Exchange(t.Context(), came.Get("code"), oauth2.VerifierOption(verifier))
	require.NoError(t, err)
	amr, acr := r.methods(rp, token)
	require.Equal(t, []string{"pwd", "otp", "mfa"}, amr)
	require.Equal(t, "urn:tansu:acr:multi-factor", acr)
	refreshed := rp.refresh(token.RefreshToken)
	amr, _ = r.methods(rp, refreshed)
	require.Equal(t, []string{"pwd", "otp", "mfa"}, amr, "still")

	other := r.browser()
	second = other.signIn(other.get("/auth/login"), "ann@example.com")
	other.submit(second, "/auth/second", "code", code).shows(http.StatusUnauthorized, "has been used")
	other.submit(second, "/auth/second", "code", app.code()).shows(http.StatusOK, "Your account")
	other.get("/auth/security").shows(http.StatusOK, "with the password and a code")
}

// methods reads how the ID token says somebody signed in.
func (r *rig) methods(p *party, token *oauth2.Token) (amr []string, acr string) {
	r.t.Helper()
	id, err := p.provider.Verifier(&gooidc.Config{ClientID: p.ClientID, Now: r.clock.Now}).Verify(r.t.Context(), token.Extra("id_token").(string))
	require.NoError(r.t, err)
	var claims struct {
		AMR []string `json:"amr"`
		ACR string   `json:"acr"`
	}
	require.NoError(r.t, id.Claims(&claims))
	return claims.AMR, claims.ACR
}

func TestOneFactorSaysSo(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.someone()
	rp := r.cli()
	amr, acr := r.methods(rp, rp.signIn(r.browser(), "ann@example.com"))
	require.Equal(t, []string{"pwd"}, amr)
	require.Equal(t, "urn:tansu:acr:single-factor", acr)
	require.Contains(t, r.browser().get("/.well-known/openid-configuration").body, `"acr_values_supported":["urn:tansu:acr:single-factor","urn:tansu:acr:multi-factor","phr"]`)
}

// A link in a mail is one factor, too.
func TestLinksAskForTheCode(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	b, app := r.withApp()
	b.submit(b.get("/auth/login"), "/auth/link", "email", "ann@example.com")
	second := b.submit(b.get(r.link(r.mailed())), "/auth/once").shows(http.StatusOK, "authenticator app")
	b.get("/auth/").shows(http.StatusOK, "Sign in")
	b.submit(second, "/auth/second", "code", app.code()).shows(http.StatusOK, "Your account")
	b.get("/auth/security").shows(http.StatusOK, "by a link, with a code")
}

// What a first factor began ends with time, with another password, and with the
// account.
func TestHalfASignInDoesNotLast(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	b, app := r.withApp()
	user, err := r.users.ByEmailIndex(t.Context(), emailIndex("ann@example.com"))
	require.NoError(t, err)
	login := b.get("/auth/login")
	late := b.signIn(login, "ann@example.com")
	r.clock.advance(11 * time.Minute)
	b.submit(late, "/auth/second", "code", app.code()).shows(http.StatusBadRequest, "too old")
	b.post("/auth/second", nil).shows(http.StatusBadRequest, "too old")

	before := b.signIn(login, "ann@example.com")
	changed := uuid.New()
	require.NoError(t, r.secrets.SetPassword(t.Context(), user.ID, changed, password))
	do(r, r.commands.SetPassword, users.Name, eventstore.SystemTenant, user.ID.String(), commands.SetPassword{PasswordID: changed.String()})
	b.submit(before, "/auth/second", "code", app.code()).shows(http.StatusBadRequest, "too old")

	half := b.signIn(login, "ann@example.com").shows(http.StatusOK, "authenticator app")
	do(r, r.commands.DisableUser, users.Name, eventstore.SystemTenant, user.ID.String(), commands.DisableUser{Reason: "left"})
	b.submit(half, "/auth/second", "code", app.code()).shows(http.StatusBadRequest, "too old")
}

// How the store treats all ten is tested there.
func TestRecoveryCodesEachOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t, withQuickPasswords)
	b, app := r.withApp()
	second := b.signIn(b.get("/auth/login"), "ann@example.com")
	b.submit(second, "/auth/second", "recovery", "00000-00000").shows(http.StatusUnauthorized, "not a recovery code")
	for i, code := range app.codes[:4] {
		var pages [2]page // in two browsers at once
		var statuses [2]int
		var all sync.WaitGroup
		for j := range pages {
			one := r.browser()
			one.headers.Set("X-Test-Address", fmt.Sprintf("192.0.2.%d", 10*i+j))
			pages[j] = one.signIn(one.get("/auth/login"), "ann@example.com")
			all.Go(func() {
				statuses[j] = one.submit(pages[j], "/auth/second", "recovery", strings.ToUpper(code)).status
			})
		}
		all.Wait()
		require.ElementsMatch(t, []int{http.StatusOK, http.StatusUnauthorized}, statuses[:], "code %d", i)
	}
}

func TestGuessesOfCodesAreThrottled(t *testing.T) {
	t.Parallel()
	r := newRig(t, withQuickPasswords)
	r.someone()
	home := r.browser()
	home.signIn(home.get("/auth/login"), "ann@example.com")
	app := r.enable(home)
	thief := r.browser() // who has the password
	second := thief.signIn(thief.get("/auth/login"), "ann@example.com")
	limited := 0
	for i := range 30 {
		thief.headers.Set("X-Test-Address", "198.51.100."+string(rune('a'+i)))
		if thief.submit(second, "/auth/second", "code", "000000").status == http.StatusTooManyRequests {
			limited++
		}
	}
	require.Equal(t, 20, limited, "wherever they come from")
	require.Equal(t, http.StatusTooManyRequests, thief.submit(second, "/auth/second", "recovery", app.codes[0]).status, "of both kinds together")
	require.Equal(t, http.StatusTooManyRequests, thief.submit(second, "/auth/second", "code", app.code()).status, "not even the right one")

	home.submit(home.get("/auth/"), "/auth/sign-out")
	again := home.signIn(home.get("/auth/login"), "ann@example.com")
	home.submit(again, "/auth/second", "code", app.code()).shows(http.StatusOK, "Your account") // a browser that is known
}

func TestSecondFactorsOfStrangersDoNotCount(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	b, app := r.withApp()
	other := r.user("bob@example.com")
	r.member(r.tenantOf("acme"), other, permission.Viewer)
	bob := r.browser()
	bob.signIn(bob.get("/auth/login"), "bob@example.com")
	r.enable(bob)
	second := b.signIn(b.get("/auth/login"), "bob@example.com").shows(http.StatusOK, "authenticator app")
	b.submit(second, "/auth/second", "code", app.code()).shows(http.StatusUnauthorized, "not right")
	b.submit(second, "/auth/second", "recovery", app.codes[0]).shows(http.StatusUnauthorized, "not a recovery code")
}
