package oidc_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"

	"tansu.cloud/commands"
	"tansu.cloud/domain/identity/permission"
	"tansu.cloud/eventstore"
	"tansu.cloud/platform/credentials"
	"tansu.cloud/platform/mail"
	"tansu.cloud/platform/tenantscope"
	"tansu.cloud/projections/readmodels/access"
	"tansu.cloud/projections/readmodels/users"
)

func TestFormsFromElsewhereAreRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.someone()
	b := r.browser()
	b.signIn(b.get("/auth/login"), "ann@example.com")
	paths := r.provider.FormPaths()
	require.GreaterOrEqual(t, len(paths), 13)
	for _, path := range paths {
		for name, headers := range map[string]http.Header{
			"cross-site": {"Sec-Fetch-Site": {"cross-site"}, "Origin": {"https://evil.example"}},
			"same-site":  {"Sec-Fetch-Site": {"same-site"}, "Origin": {"http://127.0.0.1:1"}},
			"origin":     {"Sec-Fetch-Site": nil, "Origin": {"https://evil.example"}},
			"null":       {"Sec-Fetch-Site": nil, "Origin": {"null"}},
		} {
			b.headers = headers
			got := b.post(path, url.Values{"email": {"ann@example.com"}, "password": {password}, "decision": {"allow"}})
			require.Equal(t, http.StatusForbidden, got.status, "%s %s", path, name)
			require.Empty(t, got.header.Values("Set-Cookie"), path)
		}
		b.headers = http.Header{}
		require.NotEqual(t, http.StatusOK, b.get(path+"/x").status)
	}
	b.get("/auth/").shows(http.StatusOK, "ann@example.com") // nobody was signed out
}

func TestPagesAreStrict(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	b := r.browser()
	for _, path := range []string{"/auth/login", "/auth/forgot", "/auth/device?user_code=", "/auth/logged-out", "/auth/reset?token=x", "/auth/invite?token=x", "/auth/verify?token=x", "/auth/once?token=x"} {
		page := b.get(path)
		require.Contains(t, page.header.Get("Content-Security-Policy"), "default-src 'none'", path)
		require.Contains(t, page.header.Get("Content-Security-Policy"), "frame-ancestors 'none'", path)
		require.Equal(t, "no-referrer", page.header.Get("Referrer-Policy"), path)
		require.Equal(t, "no-store", page.header.Get("Cache-Control"), path)
		require.NotContains(t, page.body, "<script", path)
		require.NotRegexp(t, `style="| on[a-z]+="`, page.body, path)
		for _, input := range regexp.MustCompile(`<input id="([^"]+)"`).FindAllStringSubmatch(page.body, -1) {
			require.Contains(t, page.body, `<label for="`+input[1]+`"`, path)
		}
	}
	require.Equal(t, "text/css; charset=utf-8", b.get("/auth/style.css").header.Get("Content-Type"))
}

// Whatever does not work is said where it was typed, or with a way on.
func TestNobodyIsLeftStanding(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	b := r.browser()
	forgot := b.submit(b.get("/auth/forgot"), "/auth/forgot", "email", "ann").shows(http.StatusUnprocessableEntity, "name@example.com")
	require.Contains(t, forgot.body, `value="ann" aria-invalid="true"`)
	link := b.submit(b.get("/auth/login"), "/auth/link", "email", "ann").shows(http.StatusUnprocessableEntity, "name@example.com")
	require.Contains(t, link.body, `<details open><summary>Sign in without a password`)
	b.submit(forgot, "/auth/forgot", "email", "ann@example.com").shows(http.StatusOK, `href="/auth/"`)
	for path, way := range map[string]string{
		"/auth/once?token=x": "/auth/login", "/auth/reset?token=x": "/auth/forgot", "/auth/verify?token=x": "/auth/", "/auth/invite?token=x": "/auth/login",
		"/auth/continue?request=x": "/auth/", "/auth/callback/" + uuid.NewString() + "?state=x&code=y": "/auth/",
	} {
		require.Contains(t, b.get(path).shows(http.StatusBadRequest, "<h1>").body, `<a href="`+way+`">`, path)
	}
	for _, path := range []string{"/auth/nothing", "/auth/second", "/auth/security/totp/confirm"} { // the last ones are of forms
		require.Contains(t, b.get(path).shows(http.StatusNotFound, "There is no such page").body, `<a href="/auth/">`, path)
	}
}

func TestLoginPage(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	_, user := r.someone()
	b := r.browser()
	page := b.get("/auth/login?request=").shows(http.StatusOK, "Sign in")
	wrong := b.submit(page, "/auth/login", "email", "ann@example.com", "password", "wrong").shows(http.StatusUnauthorized, "not right")
	require.Contains(t, wrong.body, `value="ann@example.com"`)
	require.Contains(t, wrong.body, `aria-invalid="true"`)
	require.Contains(t, wrong.body, `href="#password"`)
	require.NotContains(t, wrong.body, `value="wrong"`)
	b.submit(page, "/auth/login", "email", "not an address", "password", "x").shows(http.StatusUnprocessableEntity, "not an e-mail address")
	unknown := b.submit(page, "/auth/login", "email", "ann@example.org", "password", "wrong")
	require.Equal(t, strings.ReplaceAll(wrong.body, "example.com", "example.org"), unknown.body, "the same answer for unknown accounts")
	b.submit(page, "/auth/login", "email", "<script>@x", "password", "x").shows(http.StatusUnprocessableEntity, "not an e-mail address")

	in := b.submit(page, "/auth/login", "email", "ann@example.com", "password", password).shows(http.StatusOK, "Your account")
	require.Equal(t, "/auth/", in.url.Path)
	raw := r.browser()
	raw.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	set := raw.signIn(raw.get("/auth/login"), "ann@example.com")
	require.Equal(t, http.StatusSeeOther, set.status)
	cookie := set.header.Values("Set-Cookie")[0]
	require.Contains(t, cookie, "HttpOnly")
	require.Contains(t, cookie, "SameSite=Lax")

	do(r, r.commands.DisableUser, users.Name, eventstore.SystemTenant, user.String(), commands.DisableUser{Reason: "left"})
	b.get("/auth/").shows(http.StatusOK, "Sign in")
	disabled := b.submit(page, "/auth/login", "email", "ann@example.com", "password", password)
	require.Equal(t, wrong.body, disabled.body, "the same answer for disabled accounts")
}

// The cookie changes with each sign-in, and the session before ends.
func TestSignInRotatesTheSession(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	_, user := r.someone()
	b := r.browser()
	home, err := url.Parse(r.server.URL)
	require.NoError(t, err)
	b.signIn(b.get("/auth/login"), "ann@example.com")
	first := b.http.Jar.Cookies(home)
	b.signIn(b.get("/auth/login"), "ann@example.com")
	require.NotEqual(t, first, b.http.Jar.Cookies(home))
	live, err := r.users.Sessions(t.Context(), user)
	require.NoError(t, err)
	require.Len(t, live, 1)
	stale := r.browser()
	stale.http.Jar.SetCookies(home, first)
	stale.get("/auth/").shows(http.StatusOK, "Sign in")
}

func TestLoginIsThrottledWithoutLockingOut(t *testing.T) {
	t.Parallel()
	r := newRig(t, withQuickPasswords)
	r.someone()
	home := r.browser()
	home.headers.Set("X-Test-Address", "192.0.2.1")
	home.signIn(home.get("/auth/login"), "ann@example.com")
	attack := r.browser()
	attack.headers.Set("X-Test-Address", "198.51.100.1")
	try := func(email string) int {
		return attack.post("/auth/login", url.Values{"email": {email}, "password": {"wrong"}}).status
	}
	for range 10 {
		require.Equal(t, http.StatusUnauthorized, try("ann@example.com"))
		require.Equal(t, http.StatusUnauthorized, try("nobody@example.com"))
	}
	require.Equal(t, http.StatusTooManyRequests, try("ann@example.com"))
	require.Equal(t, http.StatusTooManyRequests, try("nobody@example.com"), "unknown accounts are counted alike")
	require.Equal(t, http.StatusTooManyRequests, attack.post("/auth/login", url.Values{"email": {"ann@example.com"}, "password": {password}}).status, "not even the right one")

	victim := r.browser()
	victim.headers.Set("X-Test-Address", "203.0.113.7")
	victim.signIn(victim.get("/auth/login"), "ann@example.com").shows(http.StatusOK, "Your account")

	for i := range 12 { // from many places
		attack.headers.Set("X-Test-Address", "198.51.100."+string(rune('a'+i)))
		for range 10 {
			try("ann@example.com")
		}
	}
	stranger := r.browser()
	stranger.headers.Set("X-Test-Address", "203.0.113.99")
	require.Equal(t, http.StatusTooManyRequests, stranger.post("/auth/login", url.Values{"email": {"ann@example.com"}, "password": {password}}).status)
	home.submit(home.get("/auth/"), "/auth/sign-out")
	home.signIn(home.get("/auth/login"), "ann@example.com").shows(http.StatusOK, "Your account") // a browser that is known

	attack.headers.Set("X-Test-Address", "198.51.100.200") // one password on many accounts
	tries := 0
	for try(uuid.NewString()+"@example.com") != http.StatusTooManyRequests {
		tries++
		require.Less(t, tries, 1000) // a few come back while a busy machine is at it
	}
	require.GreaterOrEqual(t, tries, 90)
}

func (r *rig) mailed() mail.Message {
	r.t.Helper()
	select {
	case m := <-r.mail:
		return m
	case <-time.After(time.Minute):
		require.Fail(r.t, "no mail came")
		return mail.Message{}
	}
}

// link returns the path and query of the link in a message.
func (r *rig) link(m mail.Message) string {
	r.t.Helper()
	found := regexp.MustCompile(regexp.QuoteMeta(r.server.URL) + `\S+`).FindString(m.Text)
	require.NotEmpty(r.t, found, m.Text)
	return strings.TrimPrefix(found, r.server.URL)
}

func TestSignInLinkGoesOnWithTheRequest(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.someone()
	rp, b := r.cli(), r.browser()
	verifier := oauth2.GenerateVerifier()
	page := rp.authorize(b, verifier)
	promise := b.submit(page, "/auth/link", "email", "ann@example.com").shows(http.StatusOK, "If there is an account")
	require.Equal(t, promise.body, b.submit(page, "/auth/link", "email", "nobody@example.com").body)
	link := r.link(r.mailed())
	b.get(link).shows(http.StatusOK, "ann@example.com") // a scanner that follows links spoils nothing
	came := b.submit(b.get(link), "/auth/once").at(loopback)
	token, err := rp.Exchange(t.Context(), came.Get("code"), oauth2.VerifierOption(verifier))
	require.NoError(t, err)
	require.NotEmpty(t, token.AccessToken)
	b.get(link).shows(http.StatusBadRequest, "has been used")
	require.Empty(t, r.mail, "to nobody else")

	b.post("/auth/link", url.Values{"email": {"ann@example.com"}})
	late := r.link(r.mailed())
	r.clock.advance(16 * time.Minute)
	b.get(late).shows(http.StatusBadRequest, "too old")
	b.get("/auth/once?token="+strings.Repeat("A", 64)).shows(http.StatusBadRequest, "does not work")
	for range 10 {
		b.post("/auth/link", url.Values{"email": {"ann@example.com"}}).shows(http.StatusOK, "If there is an account")
	}
	for range 3 {
		r.mailed()
	}
	require.Never(t, func() bool { return len(r.mail) > 0 }, 300*time.Millisecond, 50*time.Millisecond, "nobody is flooded")
}

func TestForgottenPassword(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.someone()
	rp, b, elsewhere := r.cli(), r.browser(), r.browser()
	token := rp.signIn(elsewhere, "ann@example.com")
	promise := b.submit(b.get("/auth/forgot"), "/auth/forgot", "email", "ann@example.com").shows(http.StatusOK, "If there is an account")
	require.Equal(t, promise.body, b.submit(b.get("/auth/forgot"), "/auth/forgot", "email", "nobody@example.com").body)
	link := r.link(r.mailed())
	b.submit(b.get("/auth/forgot"), "/auth/forgot", "email", "ann@example.com")
	spare := r.link(r.mailed())
	page := b.get(link).shows(http.StatusOK, "Choose a new password")
	for _, weak := range []string{"short", "password123", "ann@example.com", "aaaaaaaaaaaaaa"} {
		b.submit(page, "/auth/reset", "password", weak).shows(http.StatusUnprocessableEntity, "That did not work")
	}
	const fresh = "copper-lantern-47-meadow"
	require.Equal(t, 1, race(4, func() bool {
		return r.send(http.MethodPost, "/auth/reset", url.Values{"token": {tokenOf(link)}, "password": {fresh}}.Encode()).status == http.StatusOK
	}))
	b.get(link).shows(http.StatusBadRequest, "does not work")
	b.get(spare).shows(http.StatusBadRequest, "does not work")
	elsewhere.get("/auth/").shows(http.StatusOK, "Sign in")
	require.Equal(t, "invalid_grant", rp.refused(token.RefreshToken))
	_, err := r.provider.Verify(t.Context(), token.AccessToken)
	require.Error(t, err)
	b.signIn(b.get("/auth/login"), "ann@example.com").shows(http.StatusUnauthorized, "not right")
	b.submit(b.get("/auth/login"), "/auth/login", "email", "ann@example.com", "password", fresh).shows(http.StatusOK, "Your account")
	b.get("/auth/reset?token="+tokenOf(r.invite(r.tenantOf("acme"), "bob@example.com"))).shows(http.StatusBadRequest, "does not work")
}

func tokenOf(link string) string {
	u, err := url.Parse(link)
	if err != nil {
		return ""
	}
	return u.Query().Get("token")
}

func TestVerifyEmail(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	id, passwordID := uuid.New(), uuid.New()
	require.NoError(t, r.secrets.SetPassword(t.Context(), id, passwordID, password))
	do(r, r.commands.RegisterUser, users.Name, eventstore.SystemTenant, id.String(), commands.RegisterUser{Email: "new@example.com", Name: "New", PasswordID: passwordID.String()})
	b := r.browser()
	home := b.signIn(b.get("/auth/login"), "new@example.com").shows(http.StatusOK, "not confirmed")
	b.submit(home, "/auth/verify/send")
	link := r.link(r.mailed())
	b.submit(b.get(link), "/auth/verify").shows(http.StatusOK, "is confirmed")
	found, err := r.users.Get(t.Context(), id)
	require.NoError(t, err)
	require.True(t, found.Verified)
	b.get(link).shows(http.StatusBadRequest, "has been used")
}

// invite invites somebody and returns the path of the link.
func (r *rig) invite(tenant uuid.UUID, email string) string {
	r.t.Helper()
	id, tokenID := uuid.New(), uuid.New()
	do(r, r.commands.CreateInvite, access.Name, tenant, id.String(), commands.CreateInvite{Email: email, Roles: []string{permission.Developer}, TokenID: tokenID.String()})
	token, err := r.secrets.Issue(r.t.Context(), credentials.Invite, tenant, id, tokenID, 7*24*time.Hour)
	require.NoError(r.t, err)
	return "/auth/invite?token=" + token
}

func TestInviteOfSomebodyNew(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	tenant, _ := r.someone()
	link := r.invite(tenant, "bob@example.com")
	b := r.browser()
	page := b.get(link).shows(http.StatusOK, "Acme").shows(http.StatusOK, "bob@example.com")
	b.submit(page, "/auth/invite", "name", "", "password", "weak").shows(http.StatusUnprocessableEntity, "what you want to be called")
	b.submit(page, "/auth/invite", "name", "Bob", "password", password, "email", "mallory@example.com").shows(http.StatusOK, "Welcome to Acme")
	bob, err := r.users.ByEmailIndex(t.Context(), emailIndex("bob@example.com"))
	require.NoError(t, err)
	require.True(t, bob.Verified)
	_, err = r.users.ByEmailIndex(t.Context(), emailIndex("mallory@example.com"))
	require.ErrorIs(t, err, users.ErrNotFound)
	member, err := r.access.Member(tenantscope.Within(t.Context(), tenant), tenant, bob.ID)
	require.NoError(t, err)
	require.Equal(t, []string{permission.Developer}, member.Roles)
	b.get("/auth/").shows(http.StatusOK, "bob@example.com")
	r.browser().get(link).shows(http.StatusBadRequest, "does not work")
	token := r.cli().signIn(r.browser(), "bob@example.com")
	claims, err := r.provider.Verify(t.Context(), token.AccessToken)
	require.NoError(t, err)
	require.Equal(t, bob.ID, claims.UserID)
}

func TestInviteOfSomebodyKnown(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	_, user := r.someone()
	r.user("carol@example.com")
	beta := r.tenant("beta", "Beta")
	link := r.invite(beta, "ann@example.com")
	b := r.browser()
	page := b.get(link).shows(http.StatusOK, "Sign in to join")
	require.NotContains(t, page.body, `name="password"`)
	b.post("/auth/invite", url.Values{"token": {tokenOf(link)}, "name": {"X"}, "password": {password}}).shows(http.StatusConflict, "Sign in to join")

	carol := r.browser()
	carol.signIn(carol.get("/auth/login"), "carol@example.com")
	carol.get(link).shows(http.StatusOK, "another address")
	carol.post("/auth/invite", url.Values{"token": {tokenOf(link)}}).shows(http.StatusConflict, "another address")

	to := regexp.MustCompile(`href="(/auth/login\?request=[^"]+)"`).FindStringSubmatch(page.body)
	back := b.signIn(b.get(to[1]), "ann@example.com").shows(http.StatusOK, "Join Beta")
	b.submit(back, "/auth/invite").shows(http.StatusOK, "Welcome to Beta")
	_, err := r.access.Member(tenantscope.Within(t.Context(), beta), beta, user)
	require.NoError(t, err)
}

func TestInvitesThatLeadNowhere(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	tenant, _ := r.someone()
	b := r.browser()
	revoked, resent, late := r.invite(tenant, "a@example.com"), r.invite(tenant, "b@example.com"), r.invite(tenant, "c@example.com")
	subject := func(link string) string {
		one, err := r.secrets.Peek(t.Context(), credentials.Invite, tokenOf(link))
		require.NoError(t, err)
		return one.Subject.String()
	}
	do(r, r.commands.RevokeInvite, access.Name, tenant, subject(revoked), commands.RevokeInvite{Reason: "x"})
	b.get(revoked).shows(http.StatusBadRequest, "does not work")
	do(r, r.commands.ResendInvite, access.Name, tenant, subject(resent), commands.ResendInvite{TokenID: uuid.NewString()})
	b.get(resent).shows(http.StatusBadRequest, "does not work")
	b.get("/auth/invite?token="+flip(tokenOf(late), 60)).shows(http.StatusBadRequest, "does not work")
	b.get("/auth/invite").shows(http.StatusBadRequest, "does not work")
	r.clock.advance(8 * 24 * time.Hour)
	b.get(late).shows(http.StatusBadRequest, "too old")
}

// A sealed request cannot be changed, nor used for ever.
func TestTickets(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.someone()
	rp, b := r.cli(), r.browser()
	page := rp.authorize(b, oauth2.GenerateVerifier())
	sealed := page.url.Query().Get("request")
	require.NotEmpty(t, sealed)
	for at := 0; at < len(sealed); at += 7 {
		b.get("/auth/login?request="+flip(sealed, at)).shows(http.StatusBadRequest, "too old")
	}
	for _, path := range []string{"/auth/continue", "/auth/tenant", "/auth/consent"} {
		b.get(path+"?request=AAAA").shows(http.StatusBadRequest, "too old")
		b.get(path).shows(http.StatusBadRequest, "too old")
	}
	r.clock.advance(61 * time.Minute)
	b.get("/auth/login?request="+sealed).shows(http.StatusBadRequest, "too old")
}

// What changes something is a form of ours: the same as an address, or with its
// fields in the address, does nothing.
func TestAddressesChangeNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	tenant, user := r.someone()
	b, before := r.browser(), password
	b.signIn(b.get("/auth/login"), "ann@example.com")
	b.submit(b.get("/auth/forgot"), "/auth/forgot", "email", "ann@example.com")
	reset := tokenOf(r.link(r.mailed()))
	invite := tokenOf(r.invite(tenant, "bob@example.com"))
	started, err := r.cli().DeviceAuth(t.Context())
	require.NoError(t, err)
	id, _ := r.client("public", false, appRedirect)
	sealed := r.party(id, "", appRedirect, "openid").authorize(r.browser(), "x").url.Query().Get("request")
	sessions, err := r.users.Sessions(t.Context(), user)
	require.NoError(t, err)
	for _, token := range []string{reset, invite} {
		query := "?" + url.Values{
			"token": {token}, "password": {otherPassword}, "name": {"Bob"}, "email": {"ann@example.com"}, "decision": {"allow"}, "tenant": {tenant.String()},
			"user_code": {started.UserCode}, "request": {sealed}, "session": {sessions[0].ID.String()}, "proof": {before}, "code": {"000000"},
		}.Encode()
		for _, path := range r.provider.FormPaths() {
			require.Less(t, b.get(path+query).status, 500, path)
			if !slices.Contains([]string{"/auth/sign-out", "/auth/verify/send", "/auth/security/totp"}, path) { // which have no fields
				require.Less(t, b.post(path+query, nil).status, 500, path)
			}
		}
	}
	b.get("/auth/").shows(http.StatusOK, "ann@example.com")
	require.Zero(t, r.consents())
	_, err = r.users.ByEmailIndex(t.Context(), emailIndex("bob@example.com"))
	require.ErrorIs(t, err, users.ErrNotFound)
	for purpose, token := range map[credentials.Purpose]string{credentials.ResetPassword: reset, credentials.Invite: invite} {
		_, err = r.secrets.Peek(t.Context(), purpose, token)
		require.NoError(t, err, "not used up")
	}
	waiting, err := r.grants.DeviceByUserCode(t.Context(), started.UserCode)
	require.NoError(t, err)
	require.True(t, waiting.Pending)
	now, err := r.users.Sessions(t.Context(), user)
	require.NoError(t, err)
	require.Equal(t, sessions, now)
	require.Empty(t, r.mail)
	b.signIn(b.get("/auth/login"), "ann@example.com").shows(http.StatusOK, "Your account") // with the same password
}

func TestThePageForTooManyRequests(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for wait, text := range map[string]string{"37": "Wait 37 seconds", "1": "Wait a moment"} {
		rec := httptest.NewRecorder()
		rec.Header().Set("Retry-After", wait)
		r.provider.ShowTooMany(rec, httptest.NewRequest("POST", "/auth/login", nil))
		require.Equal(t, http.StatusTooManyRequests, rec.Code)
		require.Equal(t, wait, rec.Header().Get("Retry-After"))
		require.Equal(t, "text/html; charset=utf-8", rec.Header().Get("Content-Type"))
		require.Contains(t, rec.Header().Get("Content-Security-Policy"), "default-src 'none'")
		require.Contains(t, rec.Body.String(), text)
		require.Contains(t, rec.Body.String(), "<h1>Too many attempts</h1>")
	}
}
