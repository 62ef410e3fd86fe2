package rest_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tansu.cloud/api/rest"
	"tansu.cloud/platform/cache"
	"tansu.cloud/projections"
	"tansu.cloud/projections/readmodels/tenantdirectory"
)

// counting is a cache that counts what was found.
type counting struct {
	cache.Cache
	hits, kept atomic.Int64
}

func newCounting(t testing.TB) *counting {
	local, err := cache.NewLocal(16 << 20)
	require.NoError(t, err)
	t.Cleanup(local.Close)
	return &counting{Cache: local}
}

func (c *counting) Get(ctx context.Context, key string) ([]byte, bool) {
	value, found := c.Cache.Get(ctx, key)
	if found {
		c.hits.Add(1)
	}
	return value, found
}

func (c *counting) Set(ctx context.Context, key string, value []byte, ttl time.Duration) {
	c.kept.Add(1)
	c.Cache.Set(ctx, key, value, ttl)
}

func (r *rig) hits() int64 { return r.deps.Cache.(*counting).hits.Load() }

// versionsSoon makes versions known soon after a change.
func versionsSoon(c *projections.Config) { c.PollInterval = 10 * time.Millisecond }

// warm repeats a read until its answer comes from the cache.
func (r *rig) warm(target string, headers ...string) answer {
	r.t.Helper()
	var a answer
	require.Eventually(r.t, func() bool {
		before := r.hits()
		a = r.send("GET", target, "", headers...)
		a.ok(200)
		return r.hits() > before
	}, time.Minute, 5*time.Millisecond, target)
	return a
}

// TestWhichAnswersAreKept: those that are made of read models alone and are the
// same for everyone. API keys tell when they were used, invites expire, sessions
// and /v1/me depend on who asks, quotas on what is counted elsewhere, users change
// with each sign-in.
func TestWhichAnswersAreKept(t *testing.T) {
	t.Parallel()
	require.Equal(t, []string{
		"GET /v1/clients", "GET /v1/clients/{id}", "GET /v1/members", "GET /v1/members/{id}", "GET /v1/roles", "GET /v1/roles/{name}",
		"GET /v1/service-accounts", "GET /v1/service-accounts/{id}", "GET /v1/tenants", "GET /v1/tenants/{id}",
		"GET /v1/webhooks", "GET /v1/webhooks/{id}",
	}, rest.CachedRoutes())
}

// TestKeptAnswersAreTheSame as those of an interface without a cache: status,
// header and body, whole, conditional, compressed and refused.
func TestKeptAnswersAreTheSame(t *testing.T) {
	t.Parallel()
	r := newNode(t, versionsSoon)
	for _, slug := range []string{"acme", "bravo", "charlie"} {
		r.tenant(slug)
	}
	acme := "X-Tenant-Id: acme"
	things := r.fill(acme)
	deps := r.deps
	deps.Cache = nil
	without, err := rest.New(deps)
	require.NoError(t, err)
	for _, pattern := range rest.CachedRoutes() {
		target := strings.TrimPrefix(pattern, "GET ")
		list := !strings.Contains(target, "{")
		if target = things.in(target); target == "/v1/tenants" {
			target += "?limit=2&count=exact"
		}
		tag := r.warm(target, acme).Header().Get("ETag")
		require.Equal(t, list, strings.HasPrefix(tag, "W/"), target)
		for method, headers := range map[string][]string{
			"GET": {
				"Accept: application/json", "If-None-Match: " + tag, `If-None-Match: "77"`, "If-None-Match: nonsense", "If-Match: " + tag, `If-Match: "77"`,
				"Accept-Encoding: gzip", "Tansu-Min-Position: 1", "Tansu-Min-Position: 1000000", "Tansu-Min-Position: -1", "Prefer: wait=1", "Prefer: wait=x",
			},
			"HEAD": {"Accept: application/json", "If-None-Match: " + tag},
		} {
			for _, header := range headers {
				r.warm(target, acme)
				before := r.hits()
				kept := r.send(method, target, "", acme, header)
				made := httptest.NewRecorder()
				without.ServeHTTP(made, request(method, target, "", acme, header))
				if kept.Code < 300 || kept.Code == 304 || kept.Code == 412 {
					require.Equal(t, before+1, r.hits(), "%s %s", target, header)
				}
				require.Equal(t, made.Code, kept.Code, "%s %s", target, header)
				for _, h := range []http.Header{made.Header(), kept.Header()} {
					h.Del("X-Request-Id")
				}
				require.Equal(t, made.Header(), kept.Header(), "%s %s", target, header)
				if kept.Code < 400 {
					require.Equal(t, made.Body.String(), kept.Body.String(), "%s %s", target, header)
				} else {
					require.Equal(t, answer{made, t}.json()["code"], kept.json()["code"], "%s %s", target, header)
				}
			}
		}
		require.Equal(t, http.StatusNotModified, r.send("GET", target, "", acme, "If-None-Match: "+tag).Code, target)
	}
}

// things are ids of what a tenant has, by the path of their list.
type things map[string]string

var placeholder = regexp.MustCompile(`/\{[a-z]+\}`)

// in names a thing in the path of a route.
func (t things) in(path string) string {
	return placeholder.ReplaceAllString(path, "/"+t[placeholder.ReplaceAllString(path, "")])
}

// fill makes one thing of each kind in a tenant.
func (r *rig) fill(tenant string) things {
	r.t.Helper()
	name := strings.TrimPrefix(tenant, "X-Tenant-Id: ")
	made := things{"/v1/tenants": name, "/v1/roles": "support-" + name, "/v1/members": r.person("owner-of-"+name, name, "owner").user.String()}
	r.send("POST", "/v1/roles", `{"name":"support-`+name+`","title":"Only here","permissions":["events.read"]}`, tenant).ok(201)
	for path, body := range map[string]string{
		"/v1/webhooks": hookBody, "/v1/service-accounts": `{"name":"s","roles":["viewer"]}`, "/v1/clients": clientBody,
	} {
		made[path] = r.send("POST", path, body, tenant).ok(201)["id"].(string)
	}
	return made
}

// TestAChangeIsSeenAtOnce: right after a write, or by its position if the write
// did not wait.
func TestAChangeIsSeenAtOnce(t *testing.T) {
	t.Parallel()
	r := newNode(t, versionsSoon)
	r.tenant("acme")
	acme := "X-Tenant-Id: acme"
	r.send("POST", "/v1/roles", `{"name":"ops","title":"x","permissions":["events.read"]}`, acme).ok(201)
	for _, c := range []struct{ write, body, one, list, field string }{
		{"/v1/tenants/acme/name", `{"name":"%d"}`, "/v1/tenants/acme", "/v1/tenants?slug=acme", "name"},
		{"/v1/roles/ops", `{"title":"%d","permissions":["events.read"]}`, "/v1/roles/ops", "/v1/roles", "title"},
	} {
		before := r.hits()
		for i := range 40 {
			if i%4 > 0 { // else there may be no version
				r.warm(c.one, acme)
				r.warm(c.list, acme)
			}
			prefer, by := "Prefer: wait=30", "Tansu-Min-Position: 0"
			if i%2 > 0 {
				prefer = "Prefer: respond-async"
			}
			written := r.send("PUT", c.write, fmt.Sprintf(c.body, i), acme, prefer)
			require.Less(t, written.Code, 300, written.Body)
			if i%2 > 0 {
				by = "Tansu-Min-Position: " + written.Header().Get("Tansu-Position")
			}
			want := fmt.Sprint(i)
			require.Equal(t, want, r.send("GET", c.one, "", acme, by, "Prefer: wait=30").ok(200)[c.field])
			items := r.send("GET", c.list, "", acme, by, "Prefer: wait=30").ok(200)["items"].([]any)
			require.Equal(t, want, items[len(items)-1].(map[string]any)[c.field])
		}
		require.Greater(t, r.hits(), before+40)
	}
}

// TestNamesOfMembersComeFromUsers, which are in another log.
func TestNamesOfMembersComeFromUsers(t *testing.T) {
	t.Parallel()
	r := newNode(t, versionsSoon)
	r.tenant("acme")
	acme := "X-Tenant-Id: acme"
	r.person("ada", "acme", "owner")
	bob := r.person("bob", "acme", "viewer")
	target := "/v1/members/" + bob.user.String()
	require.Equal(t, "bob", r.warm(target, acme).json()["name"])
	require.Contains(t, r.warm("/v1/members", acme).Body.String(), "bob")
	r.send("POST", "/v1/users/"+bob.user.String()+"/erase", `{"reason":"asked for it"}`).ok(200)
	require.NotContains(t, r.send("GET", "/v1/members", "", acme).Body.String(), "bob")
	require.NotContains(t, r.send("GET", target, "", acme).Body.String(), "bob")
	require.Contains(t, r.warm("/v1/members", acme).Body.String(), "ada")
}

// TestWhatEndsByItselfIsNotKept: the secret before counts until a moment that no
// event announces.
func TestWhatEndsByItselfIsNotKept(t *testing.T) {
	t.Parallel()
	r := newNode(t, versionsSoon)
	r.tenant("acme")
	acme := "X-Tenant-Id: acme"
	made := r.fill(acme)
	for path, known := range map[string]string{"/v1/webhooks": "", "/v1/service-accounts": "/v1/roles", "/v1/clients": ""} {
		one := path + "/" + made[path]
		r.warm(one, acme)
		body := `{"overlap_seconds":3600}`
		r.send("POST", one+"/rotate-secret", body, acme).ok(200)
		if known == "" { // a second thing of the kind shows that the version is known
			text := map[string]string{"/v1/webhooks": hookBody, "/v1/clients": clientBody}[path]
			known = path + "/" + r.send("POST", path, text, acme).ok(201)["id"].(string)
		}
		r.warm(known, acme)
		before := r.hits()
		for range 3 {
			require.Contains(t, r.send("GET", one, "", acme).Body.String(), `"previous_`)
			require.Contains(t, r.send("GET", path, "", acme).Body.String(), `"previous_`)
		}
		require.Equal(t, before, r.hits(), path)
		r.send("GET", known, "", acme).ok(200)
		require.Equal(t, before+1, r.hits(), path)
	}
}

// TestNothingIsServedBeforeTheRightsAreChecked: a kept answer is for who may have
// it at the moment.
func TestNothingIsServedBeforeTheRightsAreChecked(t *testing.T) {
	t.Parallel()
	r := newNode(t, versionsSoon)
	r.tenant("acme")
	acme := "X-Tenant-Id: acme"
	made := r.fill(acme)
	r.send("POST", "/v1/roles", `{"name":"reader","title":"R","permissions":["members.read","roles.read","webhooks.read","service_accounts.read"]}`, acme).ok(201)
	ada := r.person("ada", "acme", "reader")
	staff := r.person("staff", "system", "viewer")
	var own, system []string
	for _, pattern := range rest.CachedRoutes() {
		target := made.in(strings.TrimPrefix(pattern, "GET "))
		if strings.Contains(target, "/tenants") || strings.Contains(target, "/clients") {
			system = append(system, target)
		} else {
			own = append(own, target)
		}
	}
	refused := func(targets []string, auth string, status int, code string) {
		t.Helper()
		r.forget()
		before := r.hits()
		for _, target := range targets {
			r.send("GET", target, "", auth).problem(status, code)
		}
		require.Equal(t, before, r.hits())
	}
	warm := func() {
		r.forget()
		for _, target := range own {
			r.warm(target, ada.auth)
		}
		for _, target := range system {
			r.warm(target, staff.auth)
		}
	}
	warm()
	refused(append(own, system...), "-Authorization", 401, "unauthorized")
	refused(system, ada.auth, 403, "forbidden")
	r.send("PUT", "/v1/members/"+ada.user.String()+"/roles", `{"roles":["support-acme"]}`, acme).ok(200)
	for _, target := range own {
		r.warm(target, acme)
	}
	refused(own, ada.auth, 403, "forbidden")
	r.send("PUT", "/v1/members/"+ada.user.String()+"/roles", `{"roles":["reader"]}`, acme).ok(200)
	warm()
	r.send("POST", "/v1/tenants/acme/suspend", `{"reason":"test"}`).ok(200)
	refused(own, ada.auth, 403, "tenant_suspended")
	refused(own, acme, 403, "tenant_suspended")
	r.send("POST", "/v1/tenants/acme/reactivate", "").ok(200)
	warm()
	require.Equal(t, 204, r.send("DELETE", "/v1/members/"+ada.user.String(), "", acme).Code)
	refused(own, ada.auth, 403, "forbidden")
}

// TestKeptAnswersOfTenantsAreApart: every kept answer of one tenant, asked for
// with the tokens of another.
func TestKeptAnswersOfTenantsAreApart(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(d *rest.Deps) {
		d.Cache = newCounting(t)
		d.Projections = oneVersion{d.Projections}
	})
	r.tenant("acme")
	r.tenant("other")
	made := r.fill("X-Tenant-Id: acme")
	r.fill("X-Tenant-Id: other")
	ada, eve := r.person("ada", "acme", "owner"), r.person("eve", "other", "owner")
	key := r.send("POST", "/v1/api-keys", `{"name":"all","permissions":["members.read","roles.read","webhooks.read","service_accounts.read"]}`, eve.auth).ok(201)
	tokens := []string{eve.auth, "Authorization: Bearer " + key["key"].(string)}
	for _, pattern := range rest.CachedRoutes() {
		target := made.in(strings.TrimPrefix(pattern, "GET "))
		list, system := !strings.Contains(pattern, "{"), strings.Contains(target, "/tenants") || strings.Contains(target, "/clients")
		warm := []string{ada.auth, "X-Tenant-Id: acme"}
		if system {
			warm = []string{"X-Tenant-Id: acme"} // by the operator
		}
		theirs := r.warm(target, warm...)
		for _, auth := range tokens {
			before := r.hits()
			for _, headers := range [][]string{{auth}, {auth, "X-Tenant-Id: acme"}, {auth, "X-Tenant-Id: other"}, {auth, "If-None-Match: " + theirs.Header().Get("ETag")}} {
				a := r.send("GET", target, "", headers...)
				switch {
				case headers[len(headers)-1] == "X-Tenant-Id: acme":
					a.problem(403, "tenant_mismatch")
				case system:
					a.problem(403, "forbidden")
				case list:
					a.ok(200)
					require.NotEqual(t, theirs.Body.String(), a.Body.String(), target)
				default:
					require.Equal(t, 404, a.Code, "%s: %s", target, a.Body)
				}
				require.NotContains(t, a.Body.String(), made[placeholder.ReplaceAllString(strings.TrimPrefix(pattern, "GET "), "")])
			}
			if !list || system {
				require.Equal(t, before, r.hits(), target)
			}
		}
	}
}

// oneVersion says that nothing ever changes.
type oneVersion struct{ rest.Projections }

func (oneVersion) Shown(string, uuid.UUID) (version string, reached int64, known bool) {
	return "g1@1", 1 << 40, true
}

// slowTenants let an answer be made only when it is allowed to.
type slowTenants struct {
	rest.Tenants
	lists atomic.Int64
	begun chan struct{}
	allow chan error
}

func (s *slowTenants) List(ctx context.Context, q tenantdirectory.ListQuery) ([]tenantdirectory.Tenant, bool, error) {
	s.lists.Add(1)
	s.begun <- struct{}{}
	if err := <-s.allow; err != nil {
		return nil, false, err
	}
	return s.Tenants.List(ctx, q)
}

func TestLargeAnswersAreNotKept(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(d *rest.Deps) {
		d.Cache = newCounting(t)
		d.Projections = oneVersion{d.Projections}
	})
	const tenants = 20
	for i := range tenants {
		body := fmt.Sprintf(`{"slug":"t-%d","name":"T","settings":{"a":%q}}`, i, strings.Repeat("x", 15<<10))
		r.send("POST", "/v1/tenants", body).ok(201)
	}
	for range 3 {
		a := r.send("GET", "/v1/tenants", "")
		require.Len(t, a.ok(200)["items"], tenants)
		require.Greater(t, a.Body.Len(), cache.MaxValue)
		require.Equal(t, http.StatusNotModified, r.send("GET", "/v1/tenants", "", "If-None-Match: "+a.Header().Get("ETag")).Code)
	}
	require.Zero(t, r.hits())
	r.warm("/v1/tenants?limit=1")
}

// TestOneMakesTheAnswerForAll who miss it at the same time; a failure is nobody
// else's.
func TestOneMakesTheAnswerForAll(t *testing.T) {
	t.Parallel()
	slow := &slowTenants{begun: make(chan struct{}, 100), allow: make(chan error)}
	r := newRig(t, func(d *rest.Deps) {
		d.Cache = newCounting(t)
		d.Projections = oneVersion{d.Projections}
		slow.Tenants = d.Tenants
		d.Tenants = slow
	})
	r.tenant("acme")
	const clients = 20
	ask := func(target string) (codes map[int]int) {
		codes = map[int]int{}
		var mu sync.Mutex
		var asking sync.WaitGroup
		for range clients {
			asking.Go(func() {
				a := r.send("GET", target, "")
				mu.Lock()
				defer mu.Unlock()
				codes[a.Code]++
			})
		}
		asking.Wait()
		return codes
	}
	go func() {
		<-slow.begun
		slow.allow <- nil
	}()
	require.Equal(t, map[int]int{200: clients}, ask("/v1/tenants"))
	require.EqualValues(t, 1, slow.lists.Load())
	require.EqualValues(t, 1, r.deps.Cache.(*counting).kept.Load())

	go func() {
		<-slow.begun
		slow.allow <- errors.New("the database is away")
		for range clients {
			select {
			case slow.allow <- nil:
			case <-t.Context().Done():
				return
			}
		}
	}()
	codes := ask("/v1/tenants?limit=1")
	require.Equal(t, 1, codes[500], codes)
	require.Equal(t, clients-1, codes[200], codes)
}

// TestARebuildIsSeen: what a rebuild changes, and its end, are new versions.
func TestARebuildIsSeen(t *testing.T) {
	t.Parallel()
	r := newNode(t, versionsSoon)
	r.tenant("acme")
	first := r.warm("/v1/tenants")
	kept := r.deps.Cache.(*counting).kept.Load()
	r.send("POST", "/v1/projections/tenant_directory/rebuild", `{"reason":"test"}`).ok(200)
	require.Eventually(t, func() bool {
		for _, p := range r.send("GET", "/v1/projections", "").ok(200)["items"].([]any) {
			if p := p.(map[string]any); p["name"] == "tenant_directory" {
				return p["generation"] == 2.0
			}
		}
		return false
	}, time.Minute, 10*time.Millisecond)
	require.Equal(t, first.Body.String(), r.warm("/v1/tenants").Body.String())
	require.Greater(t, r.deps.Cache.(*counting).kept.Load(), kept)
	require.Equal(t, http.StatusNotModified, r.send("GET", "/v1/tenants", "", "If-None-Match: "+first.Header().Get("ETag")).Code)
}

func BenchmarkKeptAnswer(b *testing.B) {
	r := newRig(b, func(d *rest.Deps) {
		d.Cache = newCounting(b)
		d.Projections = oneVersion{d.Projections}
		d.Logger = slog.New(slog.DiscardHandler)
	})
	r.tenant("acme")
	b.ReportAllocs()
	for b.Loop() {
		r.handler.ServeHTTP(httptest.NewRecorder(), request("GET", "/v1/tenants/acme", ""))
	}
	require.Positive(b, r.hits())
}
