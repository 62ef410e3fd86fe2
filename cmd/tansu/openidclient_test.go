package main

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// lookedUp is a network in which some site, whichever, tells at which address it
// was visited.
type lookedUp struct{ host string }

func (l lookedUp) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Host != l.host {
		return http.DefaultTransport.RoundTrip(r)
	}
	return &http.Response{
		Status: "200 OK", StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{}, Body: io.NopCloser(strings.NewReader(r.URL.String())), Request: r,
	}, nil
}

// nodeModules installs what a folder's lock file lists, once per lock file and
// machine, and returns the path of the folder node_modules.
func nodeModules(t *testing.T, source string) string {
	t.Helper()
	for _, tool := range []string{"node", "npm"} {
		_, err := exec.LookPath(tool)
		require.NoError(t, err, "tools/test-deps.sh says what to do")
	}
	lock, err := os.ReadFile(filepath.Join(source, "package-lock.json"))
	require.NoError(t, err)
	cache, err := os.UserCacheDir()
	require.NoError(t, err)
	digest := sha256.Sum256(lock)
	cached := filepath.Join(cache, "tansu", "tests", filepath.Base(source)+"-"+hex.EncodeToString(digest[:8]))
	modules := filepath.Join(cached, "node_modules")
	if _, err := os.Stat(modules); err == nil {
		return modules
	}
	require.NoError(t, os.MkdirAll(filepath.Dir(cached), 0o755))
	fresh, err := os.MkdirTemp(filepath.Dir(cached), "installing-")
	require.NoError(t, err)
	defer os.RemoveAll(fresh)
	for _, name := range []string{"package.json", "package-lock.json"} {
		content, err := os.ReadFile(filepath.Join(source, name))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(fresh, name), content, 0o644))
	}
	npm := exec.CommandContext(t.Context(), "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	npm.Dir = fresh
	said, err := npm.CombinedOutput()
	require.NoError(t, err, "%s", said)
	if err := os.Rename(fresh, cached); err != nil { // another run was faster
		require.DirExists(t, modules, err)
	}
	return modules
}

func TestOpenIDClientOfNodeSignsIn(t *testing.T) {
	t.Parallel()
	const app = "https://app.example.com"
	s := newSite(t)
	acme, ann := s.newTenant("acme"), newVisitor(t, lookedUp{"app.example.com"})
	s.invite(ann, acme, "ann@example.com", "Ann Example", "admin")
	shop := create[clientInfo](s, "", "/v1/clients", map[string]any{
		"name": "App", "type": "confidential", "token_endpoint_auth": "secret", "grants": []string{"authorization_code", "refresh_token"},
		"redirect_uris": []string{app + "/callback"}, "post_logout_redirect_uris": []string{app + "/bye"},
		"scopes": []string{"openid", "profile", "email", "offline_access", "api"},
	})
	device := create[clientInfo](s, "", "/v1/clients", map[string]any{
		"name": "Television", "type": "public", "token_endpoint_auth": "none", "grants": []string{"device_code", "refresh_token"},
		"scopes": []string{"openid", "offline_access", "api"},
	})
	program := create[serviceAccountInfo](s, acme, "/v1/service-accounts", map[string]any{"name": "Billing", "roles": []string{"viewer"}})
	settings, err := json.Marshal(map[string]any{
		"issuer": s.url, "email": "ann@example.com",
		"shop":    map[string]string{"id": shop.ID, "secret": shop.ClientSecret, "callback": app + "/callback", "bye": app + "/bye"},
		"device":  map[string]string{"id": device.ID},
		"program": map[string]string{"id": program.ClientID, "secret": program.ClientSecret},
	})
	require.NoError(t, err)

	source := filepath.Join("testdata", "openid-client")
	dir := t.TempDir()
	script, err := os.ReadFile(filepath.Join(source, "client.js"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "client.mjs"), script, 0o644))
	require.NoError(t, os.Symlink(nodeModules(t, source), filepath.Join(dir, "node_modules")))
	node := exec.CommandContext(t.Context(), "node", "client.mjs", string(settings))
	stderr := &lockedBuffer{}
	node.Dir, node.Stderr = dir, stderr
	stdin, err := node.StdinPipe()
	require.NoError(t, err)
	stdout, err := node.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, node.Start())
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		var wanted struct{ Open, Approve string }
		require.NoError(t, json.Unmarshal(lines.Bytes(), &wanted), lines.Text())
		_, err := fmt.Fprintln(stdin, ann.obey(s, acme, wanted.Open, wanted.Approve))
		require.NoError(t, err)
	}
	require.NoError(t, node.Wait(), "%s", stderr)
}

// obey does in a browser what a program wants, and returns the address at which
// it ended.
func (p *person) obey(s *site, tenant, open, approve string) string {
	p.t.Helper()
	if approve != "" {
		p.submit(p.get(approve), s.url+"/auth/device/decision", "decision", "allow", "tenant", tenant)
		return approve
	}
	page := p.get(open)
	if strings.Contains(page, "Allow access?") {
		page = p.submit(page, s.url+"/auth/consent", "decision", "allow")
	}
	return page
}
