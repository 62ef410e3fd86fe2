package main

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/zalando/go-keyring"
)

// fakeProvider is a server that signs people in, strict about what it is sent.
type fakeProvider struct {
	mux    *http.ServeMux
	issuer string

	mu       sync.Mutex
	device   []string // errors that the token endpoint answers before it gives a token
	polls    []time.Time
	started  time.Time
	forms    []url.Values // of the token and the device authorization endpoint
	lifetime time.Duration
	minted   int
	tenants  map[string]string // slugs of the tenants that the user is a member of, by id
	access   map[string]string // live access tokens: the tenant of each
	refresh  string            // the live refresh token
	parent   string            // the one before
	revoked  []string
	lose     bool // the next answer to a refresh
	lost     bool // the last answer to a refresh
	down     int  // polls that are not answered
	requests []*http.Request
	auth     url.Values // of the last authorization request
}

const (
	tenantA = "0192f0c1-0000-7000-8000-00000000000a"
	tenantB = "0192f0c1-0000-7000-8000-00000000000b"
)

func newFakeProvider(issuer string) *fakeProvider {
	p := &fakeProvider{mux: http.NewServeMux(), issuer: issuer, lifetime: 10 * time.Minute, access: map[string]string{}, tenants: map[string]string{tenantA: "acme", tenantB: "globex"}}
	p.mux.HandleFunc("GET /.well-known/openid-configuration", p.discovery)
	p.mux.HandleFunc("POST /oauth/device_authorization", p.deviceAuthorization)
	p.mux.HandleFunc("POST /oauth/token", p.token)
	p.mux.HandleFunc("POST /oauth/revoke", p.revocation)
	p.mux.HandleFunc("GET /v1/me", p.me)
	return p
}

func (p *fakeProvider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.requests = append(p.requests, r)
	p.mu.Unlock()
	p.mux.ServeHTTP(w, r)
}

func (p *fakeProvider) discovery(w http.ResponseWriter, _ *http.Request) {
	_ = json.NewEncoder(w).Encode(map[string]string{
		"issuer": p.issuer, "authorization_endpoint": p.issuer + "/oauth/authorize", "token_endpoint": p.issuer + "/oauth/token",
		"device_authorization_endpoint": p.issuer + "/oauth/device_authorization", "revocation_endpoint": p.issuer + "/oauth/revoke",
	})
}

func (p *fakeProvider) deviceAuthorization(w http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.forms, p.started = append(p.forms, r.PostForm), time.Now()
	fmt.Fprintf(w, `{"device_code":"dev","user_code":"WDJB-MJHT","verification_uri":"%[1]s/auth/device",`+
		`"verification_uri_complete":"%[1]s/auth/device?user_code=WDJB-MJHT","expires_in":600,"interval":5}`, p.issuer)
}

func (p *fakeProvider) token(w http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm()
	p.mu.Lock()
	defer p.mu.Unlock()
	f := r.PostForm
	p.forms = append(p.forms, f)
	if f.Get("client_id") != "tansu-cli" || r.Header.Get("Authorization") != "" {
		refuseOAuth(w, "invalid_client")
		return
	}
	switch f.Get("grant_type") {
	case "urn:ietf:params:oauth:grant-type:device_code":
		p.polls = append(p.polls, time.Now())
		if p.down > 0 {
			p.down--
			panic(http.ErrAbortHandler)
		}
		if len(p.device) > 0 {
			code := p.device[0]
			p.device = p.device[1:]
			refuseOAuth(w, code)
			return
		}
		p.mint(w, "")
	case "authorization_code":
		sum := sha256.Sum256([]byte(f.Get("code_verifier")))
		if f.Get("code") != "the-code" || base64.RawURLEncoding.EncodeToString(sum[:]) != p.auth.Get("code_challenge") ||
			f.Get("redirect_uri") != p.auth.Get("redirect_uri") {
			refuseOAuth(w, "invalid_grant")
			return
		}
		p.mint(w, "")
	case "refresh_token":
		given := f.Get("refresh_token")
		switch {
		case f.Get("tenant") != "" && p.tenants[f.Get("tenant")] == "":
			refuseOAuth(w, "invalid_grant")
			return
		case given == p.parent && p.lost:
			p.lost = false
			p.write(w)
			return
		case given != p.refresh || given == "":
			p.refresh, p.access = "", map[string]string{} // reuse ends the family
			refuseOAuth(w, "invalid_grant")
			return
		}
		if p.lose {
			p.lose, p.lost = false, true
			p.rotate(f.Get("tenant"))
			panic(http.ErrAbortHandler)
		}
		p.mint(w, f.Get("tenant"))
	default:
		refuseOAuth(w, "unsupported_grant_type")
	}
}

func (p *fakeProvider) rotate(tenant string) {
	p.minted++
	p.parent, p.refresh = p.refresh, fmt.Sprintf("refresh-%d", p.minted)
	if tenant == "" {
		tenant = tenantA
	}
	p.access[fmt.Sprintf("access-%d", p.minted)] = tenant
}

func (p *fakeProvider) mint(w http.ResponseWriter, tenant string) {
	p.rotate(tenant)
	p.write(w)
}

func (p *fakeProvider) write(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, `{"access_token":"access-%d","token_type":"Bearer","refresh_token":"%s","expires_in":%d}`,
		p.minted, p.refresh, int(p.lifetime.Seconds()))
}

func refuseOAuth(w http.ResponseWriter, code string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusBadRequest)
	fmt.Fprintf(w, `{"error":%q,"error_description":"for a test"}`, code)
}

func (p *fakeProvider) revocation(_ http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.revoked = append(p.revoked, r.PostForm.Get("token"))
}

func (p *fakeProvider) me(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	tenant, ok := p.access[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")]
	if !ok {
		problemJSON(w, http.StatusUnauthorized, "unauthorized", "Credentials are missing or wrong", "")
		return
	}
	var memberships []string
	for _, id := range slices.Sorted(maps.Keys(p.tenants)) {
		memberships = append(memberships, fmt.Sprintf(`{"tenant":{"id":%q,"slug":%q},"roles":["owner"]}`, id, p.tenants[id]))
	}
	fmt.Fprintf(w, `{"kind":"user","actor":"user:u1","user":{"id":"u1","email":"ada@example.com","name":"Ada"},`+
		`"tenant":{"id":%q,"slug":%q},"roles":["owner"],"permissions":["events.read"],"memberships":[%s]}`,
		tenant, p.tenants[tenant], strings.Join(memberships, ","))
}

// count is how often tokens were given.
func (p *fakeProvider) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.minted
}

// lastForm is what the OAuth endpoints were sent last.
func (p *fakeProvider) lastForm() url.Values {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.forms[len(p.forms)-1]
}

// signInRig is a person's machine: a configuration folder and a keyring.
type signInRig struct {
	dir       string
	ring      keyringStore
	transport http.RoundTripper
	openURL   func(string) error
	env       map[string]string
}

func newSignInRig(t *testing.T) *signInRig {
	return &signInRig{dir: t.TempDir(), ring: &memoryKeyring{held: map[string]string{}}, env: map[string]string{}}
}

// cli is a new process on the machine.
func (r *signInRig) cli() *cli {
	c := newCLI(func(name string) string {
		if name == "XDG_CONFIG_HOME" {
			return r.dir
		}
		return r.env[name]
	})
	c.profiles.vault.ring, c.transport, c.openURL = r.ring, r.transport, r.openURL
	return c
}

func (r *signInRig) tansu(ctx context.Context, args ...string) result {
	root := &cobra.Command{Use: "tansu", SilenceErrors: true, SilenceUsage: true}
	r.cli().addTo(root)
	var stdout, stderr lockedBuffer
	root.SetArgs(args)
	root.SetIn(strings.NewReader(""))
	root.SetOut(&stdout)
	root.SetErr(&stderr)
	err := root.ExecuteContext(ctx)
	reportError(&stderr, err)
	return result{stdout.String(), stderr.String(), exitCode(err)}
}

// memoryKeyring is a keyring that may be broken.
type memoryKeyring struct {
	mu     sync.Mutex
	held   map[string]string
	broken bool
}

var errNoKeyring = errors.New("no secret service")

func (k *memoryKeyring) Set(service, user, secret string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.broken {
		return errNoKeyring
	}
	k.held[service+"/"+user] = secret
	return nil
}

func (k *memoryKeyring) Get(service, user string) (string, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	secret, ok := k.held[service+"/"+user]
	if !ok {
		return "", keyring.ErrNotFound
	}
	return secret, nil
}

func (k *memoryKeyring) Delete(service, user string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.held, service+"/"+user)
	return nil
}

// direct hands requests to a handler without a network, so that time can be fake.
type direct struct{ http.Handler }

func (d direct) RoundTrip(r *http.Request) (_ *http.Response, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("connection lost: %v", v)
		}
	}()
	if r.Context().Err() != nil {
		return nil, r.Context().Err()
	}
	w := httptest.NewRecorder()
	d.ServeHTTP(w, r)
	return w.Result(), nil
}
