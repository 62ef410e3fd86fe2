package oidc_test

import (
	"encoding/json"
	"html"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	virtual "github.com/descope/virtualwebauthn"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"

	"tansu.cloud/api/oidc"
	"tansu.cloud/commands"
	"tansu.cloud/domain/identity/permission"
	"tansu.cloud/eventstore"
	"tansu.cloud/projections/readmodels/users"
)

// named puts the provider under a name, because addresses have no passkeys.
func named(d *oidc.Deps) {
	d.Config.PublicURL = strings.Replace(d.Config.PublicURL, "127.0.0.1", "localhost", 1)
}

// device is an authenticator with one key.
type device struct {
	r    *rig
	rp   virtual.RelyingParty
	auth virtual.Authenticator
	key  virtual.Credential
}

// newKey draws until both coordinates fill their 32 bytes. The library leaves leading
// zeros out, which RFC 9053, section 7.1.1, forbids and the provider refuses.
func newKey() virtual.Credential {
	const coseLength = 77
	for {
		if key := virtual.NewCredential(virtual.KeyTypeEC2); len(key.Key.AttestationData()) == coseLength {
			return key
		}
	}
}

func (r *rig) device(user uuid.UUID) *device {
	d := &device{r: r, rp: virtual.RelyingParty{Name: "Tansu", ID: "localhost", Origin: r.server.URL}, key: newKey()}
	d.auth = virtual.NewAuthenticatorWithOptions(virtual.AuthenticatorOptions{UserHandle: user[:], BackupEligible: true})
	return d
}

var optionsPattern = regexp.MustCompile(`data-passkey="([a-z]+)" data-options="([^"]*)"`)

func (d *device) options(p page, kind string) string {
	d.r.t.Helper()
	found := optionsPattern.FindStringSubmatch(p.body)
	require.NotNil(d.r.t, found, p.body)
	require.Equal(d.r.t, kind, found[1])
	return html.UnescapeString(found[2])
}

// create answers what the page asks for as a new key.
func (d *device) create(p page) string {
	d.r.t.Helper()
	options, err := virtual.ParseAttestationOptions(d.options(p, "create"))
	require.NoError(d.r.t, err)
	return virtual.CreateAttestationResponse(d.rp, d.auth, d.key, *options)
}

// get answers the login page.
func (d *device) get(p page) string {
	d.r.t.Helper()
	options, err := virtual.ParseAssertionOptions(d.options(p, "get"))
	require.NoError(d.r.t, err)
	return virtual.CreateAssertionResponse(d.rp, d.auth, d.key, *options)
}

func (d *device) add(b *browser, name string) page {
	d.r.t.Helper()
	page := b.get("/auth/security")
	return b.submit(page, "/auth/security/passkey", "name", name, "answer", d.create(page))
}

func (d *device) signIn(b *browser, p page) page {
	d.r.t.Helper()
	return b.submit(p, "/auth/passkey", "answer", d.get(p))
}

// withPasskey is somebody who has one.
func withPasskey(t *testing.T) (*rig, *device) {
	t.Helper()
	r := newRig(t, named)
	_, user := r.someone()
	b, d := r.browser(), r.device(user)
	b.signIn(b.get("/auth/login"), "ann@example.com")
	d.add(b, "Phone").shows(http.StatusOK, "Phone")
	return r, d
}

func TestSignInWithAPasskey(t *testing.T) {
	t.Parallel()
	r, d := withPasskey(t)
	rp, b, verifier := r.cli(), r.browser(), oauth2.GenerateVerifier()
	page := rp.authorize(b, verifier)
	require.Contains(t, page.header.Get("Content-Security-Policy"), "default-src 'none'; script-src 'self'; style-src 'self'")
	require.Contains(t, page.body, `<script src="/auth/passkey.js" defer></script>`)
	var options struct {
		RPID             string            `json:"rpId"`
		UserVerification string            `json:"userVerification"`
		AllowCredentials []json.RawMessage `json:"allowCredentials"`
	}
	require.NoError(t, json.Unmarshal([]byte(d.options(page, "get")), &options))
	require.Equal(t, "localhost", options.RPID)
	require.Equal(t, "required", options.UserVerification)
	require.Empty(t, options.AllowCredentials, "nothing tells who has a passkey")

	came := d.signIn(b, page).at(loopback)
	token, err := rp.Exchange(t.Context(), came.Get("code"), oauth2.VerifierOption(verifier))
	require.NoError(t, err)
	amr, acr := r.methods(rp, token)
	require.Equal(t, []string{"pop", "user", "mfa"}, amr)
	require.Equal(t, "phr", acr)
	b.get("/auth/security").shows(http.StatusOK, "with a passkey")
	b.get("/auth/security").shows(http.StatusOK, "Last used")
	script := b.get("/auth/passkey.js")
	require.Equal(t, "text/javascript; charset=utf-8", script.header.Get("Content-Type"))
	require.Equal(t, "nosniff", script.header.Get("X-Content-Type-Options"))
}

// A passkey is two factors in one, so that no code is asked for.
func TestPasskeysNeedNoCode(t *testing.T) {
	t.Parallel()
	r, d := withPasskey(t)
	b := r.browser()
	b.signIn(b.get("/auth/login"), "ann@example.com")
	r.enable(b)
	other := r.browser()
	d.signIn(other, other.get("/auth/login")).shows(http.StatusOK, "Your account")
}

func TestPasskeysThatDoNotHold(t *testing.T) {
	t.Parallel()
	r, d := withPasskey(t)
	stranger := r.user("bob@example.com")
	for name, change := range map[string]func(d *device){
		"another origin":     func(d *device) { d.rp.Origin = "http://evil.localhost:1" },
		"another port":       func(d *device) { d.rp.Origin = "http://localhost:1" },
		"another RP":         func(d *device) { d.rp.ID = "example.com" },
		"user not verified":  func(d *device) { d.auth.Options.UserNotVerified = true },
		"user not present":   func(d *device) { d.auth.Options.UserNotPresent = true },
		"another key":        func(d *device) { d.key.Key = newKey().Key },
		"another credential": func(d *device) { d.key.ID = []byte("0123456789abcdef") },
		"another user":       func(d *device) { d.auth.Options.UserHandle = stranger[:] },
		"an unknown user":    func(d *device) { id := uuid.New(); d.auth.Options.UserHandle = id[:] },
		"a user of no form":  func(d *device) { d.auth.Options.UserHandle = []byte("ann") },
		"no user":            func(d *device) { d.auth.Options.UserHandle = nil },
		"no longer synced":   func(d *device) { d.auth.Options.BackupEligible = false },
	} {
		bad := *d
		change(&bad)
		b := r.browser()
		got := bad.signIn(b, b.get("/auth/login"))
		require.Equal(t, http.StatusUnauthorized, got.status, "%s: %s", name, got.body)
		require.Contains(t, got.body, "was not accepted", name)
		require.Empty(t, got.header.Values("Set-Cookie"), name)
	}
	b := r.browser()
	for _, answer := range []string{"", "{}", "null", "x", `{"id":"AA"}`} {
		b.submit(b.get("/auth/login"), "/auth/passkey", "answer", answer).shows(http.StatusUnauthorized, "was not accepted")
	}
	d.signIn(b, b.get("/auth/login")).shows(http.StatusOK, "Your account") // as it is, it holds
}

func TestChallengesOfPasskeys(t *testing.T) {
	t.Parallel()
	r, d := withPasskey(t)
	b := r.browser()
	page := b.get("/auth/login")
	answer := d.get(page)
	b.submit(page, "/auth/passkey", "answer", answer).shows(http.StatusOK, "Your account")
	again := r.browser()
	again.submit(page, "/auth/passkey", "answer", answer).shows(http.StatusUnauthorized, "was not accepted") // replayed
	again.submit(again.get("/auth/login"), "/auth/passkey", "answer", answer).shows(http.StatusUnauthorized, "was not accepted")

	old := again.get("/auth/login")
	r.clock.advance(16 * time.Minute)
	d.signIn(again, old).shows(http.StatusUnauthorized, "was not accepted")
	own := again.get("/auth/login")
	again.submit(own, "/auth/passkey", "answer", d.get(own), "ceremony", "made-up").shows(http.StatusUnauthorized, "was not accepted")
	// A challenge for adding a key signs nobody in.
	b.signIn(b.get("/auth/login"), "ann@example.com")
	adding := b.get("/auth/security")
	options, err := virtual.ParseAssertionOptions(d.options(adding, "create"))
	require.NoError(t, err)
	sealed := regexp.MustCompile(`name="ceremony" value="([^"]+)"`).FindStringSubmatch(adding.body)[1]
	again.submit(own, "/auth/passkey", "ceremony", sealed, "answer", virtual.CreateAssertionResponse(d.rp, d.auth, d.key, *options)).shows(http.StatusUnauthorized, "was not accepted")
}

// A key whose counter does not go up has been copied: neither the copy nor the
// original signs in from then on, until its owner removes it.
func TestCopiedPasskeysAreRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t, named)
	_, user := r.someone()
	b, d := r.browser(), r.device(user)
	d.key.Counter = 5
	b.signIn(b.get("/auth/login"), "ann@example.com")
	d.add(b, "Key").shows(http.StatusOK, "Key")
	d.key.Counter = 6
	d.signIn(b, b.get("/auth/login")).shows(http.StatusOK, "Your account")
	d.signIn(r.browser(), r.browser().get("/auth/login")).shows(http.StatusUnauthorized, "was not accepted") // the same count
	d.key.Counter = 7
	d.signIn(r.browser(), r.browser().get("/auth/login")).shows(http.StatusUnauthorized, "was not accepted") // for ever
	require.Contains(t, r.logs.String(), "has been copied")
	b.submit(b.get("/auth/security").shows(http.StatusOK, "has a copy"), "/auth/security/passkey/remove").shows(http.StatusOK, "You have none")
}

func TestPasskeysAreAddedRenamedAndRemoved(t *testing.T) {
	t.Parallel()
	r, d := withPasskey(t)
	b := r.browser()
	d.signIn(b, b.get("/auth/login"))
	list := b.get("/auth/security").shows(http.StatusOK, "Phone")
	b.submit(list, "/auth/security/passkey/rename", "name", "Old <phone>").shows(http.StatusOK, "Old <phone>")
	b.submit(list, "/auth/security/passkey/rename", "name", " ").shows(http.StatusUnprocessableEntity, "must not be empty")
	d.add(b, "Again").shows(http.StatusUnprocessableEntity, "was not accepted") // the same key twice

	for name, change := range map[string]func(d *device){
		"another origin":    func(d *device) { d.rp.Origin = "http://evil.localhost:1" },
		"another RP":        func(d *device) { d.rp.ID = "example.com" },
		"user not verified": func(d *device) { d.auth.Options.UserNotVerified = true },
	} {
		bad := r.device(uuid.New())
		change(bad)
		require.Equal(t, http.StatusUnprocessableEntity, bad.add(b, "Bad").status, name)
	}
	page := b.get("/auth/security")
	second := r.device(uuid.New())
	answer := second.create(page)
	b.submit(page, "/auth/security/passkey", "name", "", "answer", answer).shows(http.StatusUnprocessableEntity, "must not be empty")
	b.submit(page, "/auth/security/passkey", "name", "Replayed", "answer", answer).shows(http.StatusUnprocessableEntity, "was not accepted")

	// Others neither use the challenge nor touch the keys.
	other := r.user("bob@example.com")
	r.member(r.tenantOf("acme"), other, permission.Viewer)
	bob := r.browser()
	bob.signIn(bob.get("/auth/login"), "bob@example.com")
	mine := b.get("/auth/security")
	bob.submit(mine, "/auth/security/passkey", "name", "Bob's", "answer", second.create(mine)).shows(http.StatusUnprocessableEntity, "was not accepted")
	bob.submit(mine, "/auth/security/passkey/rename", "name", "Bob's").shows(http.StatusOK, "You have none")
	bob.submit(mine, "/auth/security/passkey/remove").shows(http.StatusOK, "You have none")

	b.submit(mine, "/auth/security/passkey/remove").shows(http.StatusOK, "You have none")
	require.False(t, strings.Contains(b.get("/auth/security").body, "Old "))
	d.signIn(r.browser(), r.browser().get("/auth/login")).shows(http.StatusUnauthorized, "was not accepted")
	for _, e := range r.events(t) {
		require.NotContains(t, e, "Phone", "names are sealed")
	}
}

func TestPasskeysOfThoseWhoMayNotSignIn(t *testing.T) {
	t.Parallel()
	r, d := withPasskey(t)
	user := uuid.UUID(d.auth.Options.UserHandle)
	do(r, r.commands.DisableUser, users.Name, eventstore.SystemTenant, user.String(), commands.DisableUser{Reason: "left"})
	d.signIn(r.browser(), r.browser().get("/auth/login")).shows(http.StatusUnauthorized, "was not accepted")
	do(r, r.commands.EnableUser, users.Name, eventstore.SystemTenant, user.String(), commands.EnableUser{})
	do(r, r.commands.ResetMFA, users.Name, eventstore.SystemTenant, user.String(), commands.ResetMFA{Reason: "lost"})
	d.signIn(r.browser(), r.browser().get("/auth/login")).shows(http.StatusUnauthorized, "was not accepted") // no event names it
}

func (r *rig) events(t *testing.T) []string {
	t.Helper()
	page, err := r.store.ReadLog(t.Context(), eventstore.SystemTenant, eventstore.LogQuery{})
	require.NoError(t, err)
	var data []string
	for _, e := range page.Events {
		data = append(data, string(e.Data))
	}
	return data
}
