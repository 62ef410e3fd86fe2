package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tansu.cloud/platform/postgrestest"
)

const (
	siteOperator = "brought-along-token" // as serveEnv has it
	passphrase   = "violet tractor sings under nine moons"
)

// site is an installation that serves and sends mail.
type site struct {
	*program
	env     []string
	dsn     string
	letters *postOffice
}

func newSite(t *testing.T, more ...string) *site {
	t.Helper()
	letters, dsn := newPostOffice(t), postgrestest.NewDSN(t)
	env := append(serveEnv(t, dsn), "TANSU_MAIL_SMTP_URL=smtp://"+letters.address)
	for _, entry := range env {
		if addr, ok := strings.CutPrefix(entry, "TANSU_HTTP_ADDR="); ok {
			env = append(env, "TANSU_PUBLIC_URL=http://"+addr)
		}
	}
	env = append(env, more...)
	return &site{startProgram(t, env, "serve").ready(), env, dsn, letters}
}

// crash kills the installation's only node and starts it again.
func (s *site) crash() {
	s.t.Helper()
	s.signal(syscall.SIGKILL)
	s.wait()
	s.program = startProgram(s.t, s.env, "serve").ready()
}

// request is one to the API.
type request struct {
	method, path string
	tenant       string      // of the operator's requests
	token        string      // the operator's if empty
	from         http.Header // more headers
	body         any
}

// do returns the answer, which must be of this status.
func (s *site) do(status int, r request) []byte {
	s.t.Helper()
	got, body := s.send(r)
	require.Equal(s.t, status, got, "%s %s: %s", r.method, r.path, body)
	return body
}

func (s *site) send(r request) (status int, answer []byte) {
	s.t.Helper()
	if r.token == "" {
		r.token = siteOperator
	}
	content, err := json.Marshal(r.body)
	require.NoError(s.t, err)
	req, err := http.NewRequestWithContext(s.t.Context(), r.method, s.url+r.path, bytes.NewReader(content))
	require.NoError(s.t, err)
	maps.Copy(req.Header, r.from)
	req.Header.Set("Authorization", "Bearer "+r.token)
	if r.tenant != "" {
		req.Header.Set("X-Tenant-Id", r.tenant)
	}
	if r.method != http.MethodGet {
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Idempotency-Key", uuid.NewString())
	}
	res, err := http.DefaultClient.Do(req)
	require.NoError(s.t, err)
	defer res.Body.Close()
	answer, err = io.ReadAll(res.Body)
	require.NoError(s.t, err)
	return res.StatusCode, answer
}

// create makes something and returns what the answer says of it.
func create[T any](s *site, tenant, path string, body any) (made T) {
	s.t.Helper()
	answer := s.do(http.StatusCreated, request{method: http.MethodPost, path: path, tenant: tenant, body: body})
	require.NoError(s.t, json.Unmarshal(answer, &made))
	return made
}

func (s *site) newTenant(slug string) (id string) {
	s.t.Helper()
	return create[tenantInfo](s, "", "/v1/tenants", map[string]any{"slug": slug, "name": slug}).ID
}

// invite brings somebody new into a tenant, who follows the link of the letter in
// a browser and is signed in there then.
func (s *site) invite(who *person, tenant, email, name string, roles ...string) {
	s.t.Helper()
	create[struct{}](s, tenant, "/v1/invites", map[string]any{"email": email, "roles": roles})
	link, err := url.Parse(s.letters.link(email))
	require.NoError(s.t, err)
	require.Contains(s.t, who.get(link.String()), "Create account and join")
	welcome := who.post(s.url+link.Path, url.Values{"token": {link.Query().Get("token")}, "name": {name}, "password": {passphrase}})
	require.Contains(s.t, welcome, "You are a member now")
}

// newVisitor is somebody who is signed in nowhere.
func newVisitor(t *testing.T, network http.RoundTripper) *person {
	t.Helper()
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	return &person{t, &http.Client{Jar: jar, Transport: network}}
}

func (p *person) get(address string) (page string) {
	p.t.Helper()
	res, err := p.browser.Get(address)
	require.NoError(p.t, err)
	return p.read(res)
}

var hiddenField = regexp.MustCompile(`<input type="hidden" name="([^"]*)"[^>]*? value="([^"]*)"`)

// submit fills in the form of a page and sends it.
func (p *person) submit(page, address string, fields ...string) string {
	p.t.Helper()
	u, err := url.Parse(address)
	require.NoError(p.t, err)
	form := regexp.MustCompile(fmt.Sprintf(`(?s)<form method="post" action="%s">(.*?)</form>`, regexp.QuoteMeta(u.Path))).FindStringSubmatch(page)
	require.NotNil(p.t, form, "no form for %s in %s", u.Path, page)
	values := url.Values{}
	for _, hidden := range hiddenField.FindAllStringSubmatch(form[1], -1) {
		values.Set(hidden[1], html.UnescapeString(hidden[2]))
	}
	for i := 0; i < len(fields); i += 2 {
		values.Set(fields[i], fields[i+1])
	}
	return p.post(address, values)
}
