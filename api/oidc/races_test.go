package oidc_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"

	"tansu.cloud/api/oidc"
	"tansu.cloud/domain/identity/permission"
	"tansu.cloud/projections/readmodels/access"
)

// actsWith lets a test step in before and after what people do to their account.
type actsWith struct {
	oidc.Acts
	startSession func(method string) // before
	setPassword  func() error        // after
	enableTOTP   func() error        // after
	addPasskey   func() error        // after
}

func (a *actsWith) StartSession(ctx context.Context, v oidc.Visitor, session, user uuid.UUID, method string, c oidc.Confinement) error {
	if a.startSession != nil {
		a.startSession(method)
	}
	return a.Acts.StartSession(ctx, v, session, user, method, c)
}

func (a *actsWith) SetPassword(ctx context.Context, v oidc.Visitor, user, password uuid.UUID) error {
	return after(a.Acts.SetPassword(ctx, v, user, password), a.setPassword)
}

func (a *actsWith) EnableTOTP(ctx context.Context, v oidc.Visitor, user, totp, set uuid.UUID) error {
	return after(a.Acts.EnableTOTP(ctx, v, user, totp, set), a.enableTOTP)
}

func (a *actsWith) AddPasskey(ctx context.Context, v oidc.Visitor, user, passkey uuid.UUID, name string) error {
	return after(a.Acts.AddPasskey(ctx, v, user, passkey, name), a.addPasskey)
}

func after(err error, hook func() error) error {
	if err == nil && hook != nil {
		err = hook()
	}
	return err
}

func newRigWithActs(t *testing.T, more ...func(*oidc.Deps)) (*rig, *actsWith) {
	t.Helper()
	acts := &actsWith{}
	return newRig(t, append(more, func(d *oidc.Deps) { acts.Acts, d.Acts = d.Acts, acts })...), acts
}

const otherPassword = "copper-lantern-47-meadow"

// reset sets another password by a link.
func (r *rig) reset(email string) page {
	r.t.Helper()
	b := r.browser()
	b.submit(b.get("/auth/forgot"), "/auth/forgot", "email", email)
	return b.submit(b.get(r.link(r.mailed())), "/auth/reset", "password", otherPassword)
}

// A sign-in with the old password that began before a reset does not outlive it.
func TestASignInDoesNotOutliveAPasswordResetMeanwhile(t *testing.T) {
	t.Parallel()
	for name, method := range map[string]string{"in a browser": "password", "of a program": "program:password", "of a device": "device:password"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, acts := newRigWithActs(t)
			tenant, user := r.someone()
			rp, thief := r.cli(), r.browser()
			verifier := oauth2.GenerateVerifier()
			var once sync.Once
			resetAt := func(now string) {
				if now == method {
					once.Do(func() { r.reset("ann@example.com").shows(http.StatusOK, "signed out everywhere") })
				}
			}
			if method != "password" {
				thief.signIn(thief.get("/auth/login"), "ann@example.com")
			}
			var last page
			switch method {
			case "password":
				page := thief.get("/auth/login")
				acts.startSession = resetAt
				last = thief.signIn(page, "ann@example.com")
			case "program:password":
				page := rp.authorize(thief, verifier)
				acts.startSession = resetAt
				last = thief.submit(page, "/auth/consent", "decision", "allow")
			default:
				started, err := rp.DeviceAuth(t.Context())
				require.NoError(t, err)
				page := thief.get("/auth/device?user_code=" + started.UserCode)
				acts.startSession = resetAt
				last = thief.submit(page, "/auth/device/decision", "decision", "allow", "tenant", tenant.String())
				answer := r.token(url.Values{"grant_type": {deviceGrant}, "device_code": {started.DeviceCode}, "client_id": {rp.ClientID}})
				require.GreaterOrEqual(t, answer.status, 400, answer.body)
			}
			require.Less(t, last.status, 500, last.body)
			if last.location != nil {
				require.Empty(t, last.location.Query().Get("code"))
			}
			thief.get("/auth/").shows(http.StatusOK, "E-mail address")
			live, err := r.users.Sessions(t.Context(), user)
			require.NoError(t, err)
			require.Empty(t, live)
		})
	}
}

// Whoever resets the password and goes away in the middle has shut others out all
// the same, and so has somebody who had to wait too long for the read model.
func TestAResetThatIsInterruptedEndsSessionsAllTheSame(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]bool{"gone": false, "too slow": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, acts := newRigWithActs(t)
			_, user := r.someone()
			rp, elsewhere, b := r.cli(), r.browser(), r.browser()
			token := rp.signIn(elsewhere, "ann@example.com")
			b.submit(b.get("/auth/forgot"), "/auth/forgot", "email", "ann@example.com")
			form := url.Values{"token": {tokenOf(r.link(r.mailed()))}, "password": {otherPassword}}
			ctx, leave := context.WithCancel(t.Context())
			defer leave()
			acts.setPassword = func() error {
				if fail {
					return context.DeadlineExceeded
				}
				leave()
				return nil
			}
			req := httptest.NewRequest(http.MethodPost, "/auth/reset", strings.NewReader(form.Encode())).WithContext(ctx)
			req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.provider.ServeHTTP(httptest.NewRecorder(), req)
			elsewhere.get("/auth/").shows(http.StatusOK, "E-mail address")
			require.Equal(t, "invalid_grant", rp.refused(token.RefreshToken))
			_, err := r.provider.Verify(t.Context(), token.AccessToken)
			require.ErrorIs(t, err, oidc.ErrTokenInvalid)
			live, err := r.users.Sessions(t.Context(), user)
			require.NoError(t, err)
			require.Empty(t, live)
		})
	}
}

// Whoever signs out and closes the page at once is signed out.
func TestASignOutThatIsInterruptedEndsGrantsAllTheSame(t *testing.T) {
	t.Parallel()
	gone := &goneBeforeRevoking{}
	r := newRig(t, func(d *oidc.Deps) { gone.Grants, d.Grants = d.Grants, gone })
	r.someone()
	e := r.exchanger()
	token := e.token(t)["refresh_token"].(string)
	home, err := url.Parse(r.server.URL)
	require.NoError(t, err)
	req := httptest.NewRequest(http.MethodPost, "/auth/sign-out", nil)
	for _, c := range e.b.http.Jar.Cookies(home) {
		req.AddCookie(c)
	}
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	gone.leave = leave
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.provider.ServeHTTP(httptest.NewRecorder(), req.WithContext(ctx))
	require.Equal(t, "invalid_grant", e.refused(token))
}

type goneBeforeRevoking struct {
	oidc.Grants
	leave func()
}

func (g *goneBeforeRevoking) RevokeSession(ctx context.Context, session uuid.UUID, reason string) error {
	g.leave()
	return g.Grants.RevokeSession(ctx, session, reason)
}

// If it is not known whether an event names what was stored, it stays: else its
// owner would be asked for codes that nothing can check.
func TestFactorsStayIfItIsNotKnownWhetherTheyCount(t *testing.T) {
	t.Parallel()
	r, acts := newRigWithActs(t, named)
	_, user := r.someone()
	b := r.browser()
	b.signIn(b.get("/auth/login"), "ann@example.com")
	slow := func() error { return context.DeadlineExceeded }
	acts.enableTOTP, acts.addPasskey = slow, slow
	d := r.device(user)
	d.add(b, "Phone").shows(http.StatusInternalServerError, "Something broke")
	page := b.submit(b.get("/auth/security"), "/auth/security/totp").shows(http.StatusOK, "QR code")
	app := &app{r: r, secret: strings.ReplaceAll(secretPattern.FindStringSubmatch(page.body)[1], " ", "")}
	b.submit(page, "/auth/security/totp/confirm", "code", app.code()).shows(http.StatusInternalServerError, "Something broke")

	other := r.browser()
	second := other.signIn(other.get("/auth/login"), "ann@example.com").shows(http.StatusOK, "authenticator app")
	other.submit(second, "/auth/second", "code", app.code()).shows(http.StatusOK, "Your account")
	other.get("/auth/security").shows(http.StatusOK, "You have 10 recovery codes left")
	phone := r.browser()
	d.signIn(phone, phone.get("/auth/login")).shows(http.StatusOK, "Your account")
}

// Whoever is second in deciding about a device, or takes up an invite twice, is told so.
func TestWhoComesSecondIsTold(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	tenant, _ := r.someone()
	rp, b := r.cli(), r.browser()
	b.signIn(b.get("/auth/login"), "ann@example.com")
	started, err := rp.DeviceAuth(t.Context())
	require.NoError(t, err)
	asked := b.get("/auth/device?user_code=" + started.UserCode)
	broke := func(p page) bool { return p.status >= 500 }
	require.Zero(t, race(4, func() bool {
		return broke(b.submit(asked, "/auth/device/decision", "decision", "allow", "tenant", tenant.String()))
	}))

	link := r.invite(tenant, "bob@example.com")
	join := r.browser().get(link)
	require.Zero(t, race(4, func() bool {
		return broke(r.browser().submit(join, "/auth/invite", "name", "Bob", "password", password))
	}))
	members, _, err := r.access.Members(t.Context(), tenant, access.Page{})
	require.NoError(t, err)
	require.Len(t, members, 2)

	var hashes int
	require.NoError(t, r.pool.QueryRow(t.Context(), "SELECT count(*) FROM passwords").Scan(&hashes))
	require.Equal(t, 2, hashes, "Ann's and Bob's; of those who came second nothing is left")

	again := r.invite(tenant, "ann@example.com")
	b.submit(b.get(again), "/auth/invite").shows(http.StatusConflict, "member of this tenant already")
	require.Equal(t, permission.Owner, members[0].Roles[0])
	require.NotContains(t, r.logs.String(), "a page failed")
}
