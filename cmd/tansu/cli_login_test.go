package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

const issuer = "https://tansu.example"

// signedIn is a machine on which somebody has signed in to a server.
func signedIn(t *testing.T, p *fakeProvider, args ...string) *signInRig {
	t.Helper()
	r := newSignInRig(t)
	r.transport = direct{p}
	r.tansu(t.Context(), append([]string{"login", "--url", p.issuer}, args...)...).wantOK(t)
	return r
}

func TestLoginPollsAsOftenAsItMay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newFakeProvider(issuer)
		p.device = []string{"authorization_pending", "slow_down", "slow_down", "authorization_pending"}
		r := newSignInRig(t)
		r.transport = direct{p}
		out := r.tansu(t.Context(), "login", "--url", issuer+"/", "--tenant", "acme").wantOK(t)
		require.Contains(t, out.stderr, "WDJB-MJHT")
		require.Contains(t, out.stderr, issuer+"/auth/device and")
		require.Contains(t, out.stderr, "Signed in to https://tansu.example as ada@example.com, tenant acme. Profile tansu.example is in use now.")
		require.Empty(t, out.stdout)
		var waits []time.Duration
		for last := p.started; len(p.polls) > 0; p.polls = p.polls[1:] {
			waits = append(waits, p.polls[0].Sub(last))
			last = p.polls[0]
		}
		s := time.Second
		require.Equal(t, []time.Duration{5 * s, 5 * s, 10 * s, 15 * s, 15 * s}, waits)
		require.Contains(t, p.forms[0].Get("scope"), "offline_access")

		require.Contains(t, r.tansu(t.Context(), "whoami").wantOK(t).stdout, "ada@example.com")
		book, err := os.ReadFile(filepath.Join(r.dir, "tansu", "profiles.json"))
		require.NoError(t, err)
		require.NotContains(t, string(book), "refresh-", "tokens are in the keyring only")
	})
}

func TestLoginsThatFail(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name    string
		answers []string
		want    string
	}{
		{"denied", []string{"authorization_pending", "access_denied"}, "refused in the browser"},
		{"expired", []string{"expired_token"}, "the code has expired"},
		{"never confirmed", strings.Fields(strings.Repeat("authorization_pending ", 200)), "the code has expired"},
		{"client unknown", []string{"invalid_client"}, "invalid_client: for a test"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := newFakeProvider(issuer)
				p.device = tc.answers
				r := newSignInRig(t)
				r.transport = direct{p}
				out := r.tansu(t.Context(), "login", "--url", issuer)
				require.Equal(t, exitAuth, out.code, out.stderr)
				require.Contains(t, out.stderr, tc.want)
				if tc.name != "client unknown" {
					require.Contains(t, out.stderr, "try:   tansu login --url "+issuer)
				}
				require.NoFileExists(t, filepath.Join(r.dir, "tansu", "profiles.json"))
			})
		})
	}
}

func TestLoginOutlivesARestartOfTheServer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newFakeProvider(issuer)
		p.down = 2
		r := newSignInRig(t)
		r.transport = direct{p}
		require.Contains(t, r.tansu(t.Context(), "login", "--url", issuer).wantOK(t).stderr, "trying again")
		require.Len(t, p.polls, 3)

		p.down = 1000
		out := r.tansu(t.Context(), "login", "--url", issuer)
		require.Contains(t, out.stderr, "the code has expired")
	})
}

func TestLoginCanBeInterrupted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newFakeProvider(issuer)
		p.device = strings.Fields(strings.Repeat("authorization_pending ", 200))
		r := newSignInRig(t)
		r.transport = direct{p}
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(12*time.Second, cancel)
		require.Equal(t, exitInterrupted, r.tansu(ctx, "login", "--url", issuer).code)
		require.Len(t, p.polls, 2)
	})
}

func TestLoginTrustsNoServerThatGivesAnotherName(t *testing.T) {
	t.Parallel()
	p := newFakeProvider("https://elsewhere.example")
	r := newSignInRig(t)
	r.transport = direct{p}
	out := r.tansu(t.Context(), "login", "--url", issuer)
	require.Equal(t, exitUsage, out.code)
	require.Contains(t, out.stderr, "calls itself https://elsewhere.example")
	require.Empty(t, p.forms)

	p = newFakeProvider(issuer)
	p.mux = http.NewServeMux()
	p.mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"issuer":"https://tansu.example","token_endpoint":"https://tansu.example.evil.example/token"}`))
	})
	r.transport = direct{p}
	require.Contains(t, r.tansu(t.Context(), "login", "--url", issuer).stderr, "which is not its own")

	// This machine by another of its names is the same server.
	synctest.Test(t, func(t *testing.T) {
		p := newFakeProvider("http://localhost:8080")
		r := newSignInRig(t)
		r.transport = direct{p}
		r.tansu(t.Context(), "login", "--url", "http://127.0.0.1:8080").wantOK(t)
		r.tansu(t.Context(), "whoami", "--server", "http://127.0.0.1:8080").wantOK(t)
	})
}

func TestTokensAreInAFileWhereThereIsNoKeyring(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newFakeProvider(issuer)
		r := newSignInRig(t)
		r.transport, r.ring = direct{p}, &memoryKeyring{broken: true}
		out := r.tansu(t.Context(), "login", "--url", issuer, "-q").wantOK(t)
		require.Contains(t, out.stderr, "Warning: the keyring of this machine cannot be used (no secret service)")
		file := filepath.Join(r.dir, "tansu", "tokens", "tansu.example.json")
		require.Contains(t, out.stderr, file)
		info, err := os.Stat(file)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
		r.tansu(t.Context(), "whoami").wantOK(t)

		r.ring = &memoryKeyring{held: map[string]string{}}
		r.tansu(t.Context(), "login").wantOK(t)
		require.NoFileExists(t, file, "a keyring that has come replaces the file")
		require.Equal(t, []string{"refresh-1"}, p.revoked, "the sign-in before is ended")
	})
}

// silentKeyring waits for somebody to unlock it.
type silentKeyring struct {
	memoryKeyring
	closed chan struct{}
}

func (k *silentKeyring) Set(string, string, string) error {
	<-k.closed
	return nil
}

func TestASilentKeyringIsNotWaitedForForEver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newFakeProvider(issuer)
		r := newSignInRig(t)
		ring := &silentKeyring{closed: make(chan struct{})}
		r.transport, r.ring = direct{p}, ring
		defer close(ring.closed)
		require.Contains(t, r.tansu(t.Context(), "login", "--url", issuer).wantOK(t).stderr, "does not answer")
		r.tansu(t.Context(), "whoami").wantOK(t)
	})
}

func TestExpiredTokensAreRefreshed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newFakeProvider(issuer)
		r := signedIn(t, p)
		r.tansu(t.Context(), "whoami").wantOK(t)
		require.Equal(t, 1, p.minted)
		for i := range 3 {
			time.Sleep(9*time.Minute + 45*time.Second) // less than the margin is left
			r.tansu(t.Context(), "whoami").wantOK(t)
			require.Equal(t, i+2, p.minted)
			require.Equal(t, tenantA, p.lastForm().Get("tenant"), "the tenant stays")
		}
		p.refresh = "another"
		time.Sleep(time.Hour)
		out := r.tansu(t.Context(), "whoami")
		require.Equal(t, exitAuth, out.code)
		require.Contains(t, out.stderr, "the sign-in of profile tansu.example has ended")
		require.Contains(t, out.stderr, "try:   tansu login --profile tansu.example --url https://tansu.example")
	})
}

func TestALostAnswerToARefreshIsAskedForAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newFakeProvider(issuer)
		r := signedIn(t, p)
		p.lose = true
		time.Sleep(time.Hour)
		r.tansu(t.Context(), "whoami").wantOK(t)
		time.Sleep(time.Hour)
		r.tansu(t.Context(), "whoami").wantOK(t)
		require.Equal(t, 3, p.minted)
	})
}

func TestAnInterruptedRefreshIsKept(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newFakeProvider(issuer)
		r := signedIn(t, p)
		time.Sleep(time.Hour)
		ctx, cancel := context.WithCancel(t.Context())
		r.transport = direct{http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if req.URL.Path == "/oauth/token" {
				cancel()
			}
			p.ServeHTTP(w, req)
		})}
		require.Equal(t, exitInterrupted, r.tansu(ctx, "whoami").code)
		r.tansu(t.Context(), "whoami").wantOK(t)
		require.Equal(t, 2, p.minted)
	})
}

func TestAKeyringThatIsLockedLaterLosesNoSignIn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newFakeProvider(issuer)
		r := signedIn(t, p)
		r.ring.(*memoryKeyring).broken = true // reading still works
		time.Sleep(time.Hour)
		require.Contains(t, r.tansu(t.Context(), "whoami").wantOK(t).stderr, "Warning: the keyring")
		time.Sleep(time.Hour)
		require.NotContains(t, r.tansu(t.Context(), "whoami").wantOK(t).stderr, "Warning")
	})
}

func TestOneOfManyRefreshes(t *testing.T) {
	t.Parallel()
	p, srv := servedProvider(t)
	r := newSignInRig(t)
	saveExpired(t, r, p, srv.URL)
	var group sync.WaitGroup
	for range 16 {
		group.Go(func() {
			out := r.tansu(t.Context(), "whoami")
			require.Zero(t, out.code, out.stderr)
		})
	}
	group.Wait()
	require.Equal(t, 2, p.count())
}

func TestOneOfManyProcessesRefreshes(t *testing.T) {
	t.Parallel()
	p, srv := servedProvider(t)
	r := newSignInRig(t)
	for round := range 3 {
		saveExpired(t, r, p, srv.URL)
		before := p.count()
		var all []*program
		for range 4 {
			all = append(all, startProgram(t, []string{"XDG_CONFIG_HOME=" + r.dir}, "whoami", "-o", "json"))
		}
		for _, one := range all {
			require.Zero(t, one.wait(), one.stderr.String())
			require.Contains(t, one.stdout.String(), "ada@example.com")
		}
		require.Equal(t, before+1, p.count(), "round %d", round)
	}
}

func servedProvider(t *testing.T) (*fakeProvider, *httptest.Server) {
	p := newFakeProvider("")
	srv := httptest.NewServer(p)
	t.Cleanup(srv.Close)
	p.issuer = srv.URL
	return p, srv
}

// saveExpired puts a profile on the machine whose access token has ended.
func saveExpired(t *testing.T, r *signInRig, p *fakeProvider, server string) {
	t.Helper()
	p.mu.Lock()
	p.rotate("")
	g := grant{Server: server, Tenant: tenantA, Access: "ended", Expires: time.Unix(1, 0), Refresh: p.refresh}
	p.mu.Unlock()
	store := r.cli().profiles
	_, _, err := store.vault.put("test", inFile, g)
	require.NoError(t, err)
	require.NoError(t, store.update(t.Context(), func(b *profileBook) error {
		b.InUse, b.Profiles["test"] = "test", profile{Server: server, TenantID: tenantA, Tokens: inFile}
		return nil
	}))
}

func TestATokenFollowsTheTenantThatIsAskedFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newFakeProvider(issuer)
		p.mux.HandleFunc("GET /v1/events", func(w http.ResponseWriter, r *http.Request) {
			p.mu.Lock()
			defer p.mu.Unlock()
			require.Equal(t, tenantB, p.access[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")])
			require.Contains(t, []string{"globex", tenantB}, r.Header.Get("X-Tenant-Id"))
			_, _ = w.Write([]byte(`{"items":[]}`))
		})
		r := signedIn(t, p)
		r.tansu(t.Context(), "whoami", "--tenant", "acme").wantOK(t)
		r.tansu(t.Context(), "whoami", "--tenant", tenantA).wantOK(t)
		require.Equal(t, 1, p.minted, "the profile's own tenant")
		r.tansu(t.Context(), "events", "list", "--tenant", "globex").wantOK(t)
		r.tansu(t.Context(), "events", "list", "--tenant", tenantB).wantOK(t)
		require.Equal(t, 2, p.minted)
		require.Equal(t, tenantA, tenantOf(t, r), "the next command is back at home")

		out := r.tansu(t.Context(), "events", "list", "--tenant", "later")
		require.Equal(t, exitAuth, out.code)
		require.Contains(t, out.stderr, "ada@example.com is not a member of tenant later")
		p.tenants["0192f0c1-0000-7000-8000-00000000000c"] = "later"
		r.tansu(t.Context(), "whoami", "--tenant", "later").wantOK(t)
		require.Equal(t, tenantA, tenantOf(t, r))
	})
}

func TestLoginGoesToATenant(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newFakeProvider(issuer)
		r := signedIn(t, p, "--tenant", "globex")
		require.Equal(t, tenantB, tenantOf(t, r))
		require.Equal(t, 2, p.minted)

		out := r.tansu(t.Context(), "login", "--tenant", "nowhere")
		require.Equal(t, exitAuth, out.code)
		require.Contains(t, out.stderr, "not a member of tenant nowhere")
		require.Equal(t, []string{"refresh-3"}, p.revoked, "what was got for nothing")
	})
}

func tenantOf(t *testing.T, r *signInRig) string {
	t.Helper()
	return decoded[meInfo](t, r.tansu(t.Context(), "whoami", "-o", "json")).Tenant.ID
}

func TestATailEndsWithItsSignIn(t *testing.T) {
	t.Parallel()
	p, srv := servedProvider(t)
	r := newSignInRig(t)
	saveExpired(t, r, p, srv.URL)
	p.mu.Lock()
	p.refresh = "another"
	p.mu.Unlock()
	out := r.tansu(t.Context(), "events", "tail")
	require.Equal(t, exitAuth, out.code)
	require.Contains(t, out.stderr, "the sign-in of profile test has ended")
}
