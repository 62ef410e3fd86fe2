package main

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// person is somebody with a browser.
type person struct {
	t       *testing.T
	browser *http.Client
}

// newPerson is signed in by a link that works once.
func newPerson(t *testing.T, link string) *person {
	t.Helper()
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	who := &person{t, &http.Client{Jar: jar}}
	u, err := url.Parse(link)
	require.NoError(t, err)
	who.post(u.Scheme+"://"+u.Host+"/auth/once", url.Values{"token": {u.Query().Get("token")}})
	return who
}

func (p *person) post(address string, form url.Values) string {
	p.t.Helper()
	resp, err := p.browser.PostForm(address, form)
	require.NoError(p.t, err)
	return p.read(resp)
}

func (p *person) read(resp *http.Response) string {
	p.t.Helper()
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(p.t, err)
	require.Equal(p.t, http.StatusOK, resp.StatusCode, "%s: %s", resp.Request.URL, body)
	return string(body)
}

var (
	printedLink  = regexp.MustCompile(`http://\S+/auth/once\?token=\S+`)
	shownCode    = regexp.MustCompile(`(?m)^ +([A-Z]{4}-[A-Z]{4})$`)
	systemTenant = "00000000-0000-0000-0000-000000000000"
)

// startDev starts a node with its own database, and signs its first user in.
func startDev(t *testing.T) (server, operator string, _ *person) {
	t.Helper()
	env, _ := devEnv(t)
	p := startProgram(t, env, "dev").ready()
	require.Eventually(t, func() bool { return printedToken.MatchString(p.stdout.String()) }, time.Minute, 10*time.Millisecond)
	link := printedLink.FindString(p.stdout.String())
	require.NotEmpty(t, link, p.stdout)
	server, _, _ = strings.Cut(link, "/auth/")
	return server, printedToken.FindString(p.stdout.String()), newPerson(t, link)
}

func TestSigningInToARealServer(t *testing.T) {
	t.Parallel()
	server, operator, somebody := startDev(t)
	r := newSignInRig(t)
	r.openURL = func(address string) error { // a program on the device is agreed to each time
		page := somebody.submit(somebody.get(address), server+"/auth/consent", "decision", "allow")
		assert.Contains(t, page, "You are signed in")
		return nil
	}
	r.tansu(t.Context(), "login", "--browser", "--url", server, "--tenant", systemTenant, "--profile", "one").wantOK(t)
	me := decoded[meInfo](t, r.tansu(t.Context(), "whoami", "-o", "json"))
	require.Equal(t, "demo@tansu.localhost", me.User.Email)
	require.Equal(t, "system", me.Tenant.Slug)

	r.tansu(t.Context(), "tenants", "create", "acme", "--name", "Acme").wantOK(t)
	require.Equal(t, exitAuth, r.tansu(t.Context(), "members", "list", "--tenant", "acme").code, "making a tenant makes nobody a member")
	r.tansu(t.Context(), "members", "add", me.User.ID, "--role", "owner", "--tenant", "acme", "--token", operator).wantOK(t)
	members := decoded[[]memberInfo](t, r.tansu(t.Context(), "members", "list", "--tenant", "acme", "-o", "json"))
	require.Len(t, members, 1)
	require.Equal(t, me.User.ID, members[0].UserID)

	key := decoded[keyInfo](t, r.tansu(t.Context(), "keys", "create", "ci", "--permission", "members.read", "--tenant", "acme", "-o", "json"))
	require.Len(t, decoded[[]memberInfo](t, r.tansu(t.Context(), "members", "list", "--token", key.Key, "-o", "json")), 1)
	r.tansu(t.Context(), "keys", "revoke", key.ID, "--tenant", "acme").wantOK(t)
	require.Eventually(t, func() bool { return r.tansu(t.Context(), "members", "list", "--token", key.Key).code == exitAuth },
		time.Minute, 50*time.Millisecond)

	other := signInByCode(t, r, server, somebody)
	sessions := decoded[[]sessionInfo](t, r.tansu(t.Context(), "sessions", "list", "--profile", other, "-o", "json"))
	require.NotEmpty(t, sessions)
	r.tansu(t.Context(), "logout", "--profile", "one").wantOK(t)
	r.tansu(t.Context(), "whoami", "--profile", other).wantOK(t)
	for _, s := range sessions {
		if s.Current {
			r.tansu(t.Context(), "sessions", "revoke", s.ID, "--profile", other).wantOK(t)
		}
	}
	require.Eventually(t, func() bool { return r.tansu(t.Context(), "whoami", "--profile", other).code == exitAuth }, time.Minute, 50*time.Millisecond)
}

// signInByCode makes a profile in tenant acme: somebody enters the code in the browser.
func signInByCode(t *testing.T, r *signInRig, server string, somebody *person) (profile string) {
	t.Helper()
	root := &cobra.Command{Use: "tansu", SilenceErrors: true, SilenceUsage: true}
	r.cli().addTo(root)
	var stdout, stderr lockedBuffer
	root.SetArgs([]string{"login", "--url", server, "--tenant", "acme", "--profile", "two"})
	root.SetOut(&stdout)
	root.SetErr(&stderr)
	done := make(chan error, 1)
	go func() { done <- root.ExecuteContext(t.Context()) }()
	require.Eventually(t, func() bool { return shownCode.MatchString(stderr.String()) }, time.Minute, 10*time.Millisecond)
	code := shownCode.FindStringSubmatch(stderr.String())[1]
	require.Contains(t, somebody.post(server+"/auth/device", url.Values{"user_code": {code}}), code)
	somebody.post(server+"/auth/device/decision", url.Values{"user_code": {code}, "decision": {"allow"}, "tenant": {systemTenant}})
	require.NoError(t, <-done)
	require.Contains(t, stderr.String(), "tenant acme. Profile two is in use now.")
	return "two"
}
