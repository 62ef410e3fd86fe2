package rest_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"tansu.cloud/api/middleware"
	"tansu.cloud/api/rest"
	"tansu.cloud/api/ws"
	"tansu.cloud/platform/stopwatchtest"
)

const console, app, shop = "https://console.example.com", "https://app.example.com", "https://shop.example.com"

// pagesRig has two tenants, which name an origin each; console is the
// installation's.
func pagesRig(t *testing.T, adjust ...func(*rest.Deps)) (r *rig, ada, eve person) {
	t.Helper()
	r = newRig(t, append(adjust, withOrigins(t, console), func(d *rest.Deps) { d.Config.Domain = "tansu.test" })...)
	r.tenant("acme")
	r.tenant("other")
	ada, eve = r.person("ada", "acme", "owner"), r.person("eve", "other", "owner")
	r.origins(ada, app)
	r.origins(eve, shop)
	return r, ada, eve
}

func (r *rig) origins(who person, origins ...string) {
	r.t.Helper()
	r.send("PUT", "/v1/origins", `{"origins":[`+quotedList(origins)+`]}`, who.auth).ok(200)
}

func allowOrigin(a answer) string { return a.Header().Get("Access-Control-Allow-Origin") }

func TestOriginsOfATenant(t *testing.T) {
	t.Parallel()
	r, ada, _ := pagesRig(t)
	set := r.send("GET", "/v1/origins", "", ada.auth).ok(200)
	require.Equal(t, []any{app}, set["origins"])
	p := r.send("PUT", "/v1/origins", `{"origins":["https://a.example.com/","null","https://a.example.com","https://a.example.com"]}`, ada.auth).
		problem(422, "space.origins_invalid")
	require.Equal(t, []string{"/origins/0 origin", "/origins/1 origin", "/origins/3 repeated"}, pointers(p))
	r.send("PUT", "/v1/origins", `{"origins":[]}`, ada.auth, `If-Match: "99"`).problem(412, "precondition_failed")
	require.Equal(t, set, r.send("GET", "/v1/origins", "", ada.auth).ok(200))

	bob := r.person("bob", "acme", "developer")
	r.send("GET", "/v1/origins", "", bob.auth).ok(200)
	r.send("PUT", "/v1/origins", `{"origins":[]}`, bob.auth).problem(403, "forbidden")
	require.Contains(t, r.send("GET", "/v1/activity", "", ada.auth).Body.String(), "ada changed from which pages the tenant may be used.")
}

func TestPreflights(t *testing.T) {
	t.Parallel()
	r, _, _ := pagesRig(t)
	for _, c := range []struct {
		host, origin string
		allowed      bool
	}{
		// On the host of all, the page of any tenant may ask.
		{"tansu.test", console, true}, {"tansu.test", app, true}, {"tansu.test", shop, true},
		{"tansu.test", "https://evil-app.example.com", false}, {"tansu.test", "https://app.example.com.evil.test", false},
		{"tansu.test", "http://app.example.com", false}, {"tansu.test", "https://app.example.com:444", false},
		{"tansu.test", "https://APP.example.com", false}, {"tansu.test", "null", false}, {"tansu.test", "*", false},
		// A sub-domain says whose.
		{"acme.tansu.test", app, true}, {"acme.tansu.test", console, true}, {"acme.tansu.test", shop, false},
		{"other.tansu.test", shop, true}, {"other.tansu.test", app, false},
		{"nobody.tansu.test", app, false}, {"nobody.tansu.test", console, true}, {"api.tansu.test", app, true},
	} {
		a := r.send("OPTIONS", "/v1/tenants/current", "", "-Authorization", "Host: "+c.host, "Origin: "+c.origin,
			"Access-Control-Request-Method: GET", "Access-Control-Request-Headers: authorization")
		require.Equal(t, http.StatusNoContent, a.Code)
		require.Empty(t, a.Header().Get("Access-Control-Allow-Credentials"))
		want := ""
		if c.allowed {
			want = c.origin
		}
		require.Equal(t, want, allowOrigin(a), "%s on %s", c.origin, c.host)
		require.Contains(t, strings.Join(a.Header().Values("Vary"), ","), "Origin")
	}
}

func TestPagesAndTheirTokens(t *testing.T) {
	t.Parallel()
	r, ada, eve := pagesRig(t)
	operator := person{auth: "Authorization: Bearer " + token}
	for _, c := range []struct {
		who     person
		origin  string
		allowed bool
	}{
		{ada, app, true}, {ada, console, true}, {ada, shop, false},
		{eve, shop, true}, {eve, console, true}, {eve, app, false},
		{ada, "null", false}, {ada, "https://evil-app.example.com", false}, {ada, "https://app.example.com.evil.test", false},
		{ada, "https://app.example.com:8443", false}, {ada, "http://app.example.com", false}, {ada, "https://App.example.com", false},
		{operator, console, true}, {operator, app, false}, // it is bound to no tenant
		{ada, "http://tansu.test", true}, {ada, "http://evil-tansu.test", false}, // pages of ours
	} {
		read := r.send("GET", "/v1/me", "", c.who.auth, "Host: tansu.test", "Origin: "+c.origin)
		if c.allowed {
			require.Equal(t, 200, read.Code, c)
			if c.origin != "http://tansu.test" {
				require.Equal(t, c.origin, allowOrigin(read))
			}
			continue
		}
		require.Empty(t, allowOrigin(read), c)
		read.problem(403, "origin_forbidden")
	}
	// Nothing is done, also where the browser would not have asked first.
	before := r.send("GET", "/v1/events", "", ada.auth).Header().Get("Tansu-Position")
	r.send("POST", "/v1/roles", `{"name":"support","title":"S","permissions":["events.read"]}`, ada.auth, "Origin: "+shop).problem(403, "origin_forbidden")
	require.Equal(t, before, r.send("GET", "/v1/events", "", ada.auth).Header().Get("Tansu-Position"))

	// Who has no token that holds learns that, from whatever page.
	stranger := r.send("GET", "/v1/me", "", "-Authorization", "Origin: "+app)
	stranger.problem(401, "unauthorized")
	require.Equal(t, app, allowOrigin(stranger))
	stranger = r.send("GET", "/v1/me", "", "-Authorization", "Origin: https://evil.test")
	stranger.problem(401, "unauthorized")
	require.Empty(t, allowOrigin(stranger))
}

func TestARevokedOrigin(t *testing.T) {
	t.Parallel()
	r, ada, _ := pagesRig(t)
	server := httptest.NewServer(r.handler)
	t.Cleanup(server.Close)
	_, bearer, _ := cutAuth(ada.auth)
	open := connectFrom(t, server, app, bearer)
	require.Equal(t, "connected", open.read()["type"])
	feed := r.follow(t, server, "/v1/feed", ada.auth, "Origin: "+app)
	feed.expect("subscribed")

	r.origins(ada)
	began := stopwatchtest.Start(t)
	require.Eventually(t, func() bool {
		return r.send("GET", "/v1/me", "", ada.auth, "Origin: "+app).Code == 403
	}, time.Minute, 5*time.Millisecond)
	began.Within(time.Second)
	closed := open.closed()
	require.Equal(t, 4403, closed.Code)
	var last serverEvent
	for e, ok := feed.next(); ok; e, ok = feed.next() {
		last = e
	}
	require.Equal(t, "closing", last.event)
	require.Contains(t, last.data, `"code":"origin_forbidden"`)
	require.Equal(t, 200, r.send("GET", "/v1/me", "", ada.auth).Code, "programs are not meant")
}

func TestSocketsAndFeedsOfPages(t *testing.T) {
	t.Parallel()
	r, ada, _ := pagesRig(t)
	server := httptest.NewServer(r.handler)
	t.Cleanup(server.Close)
	_, bearer, _ := cutAuth(ada.auth)
	for origin, want := range map[string]string{app: "connected", console: "connected", server.URL: "connected", shop: "origin_forbidden"} {
		w := connectFrom(t, server, origin, bearer)
		frame := w.read()
		if want == "connected" {
			require.Equal(t, want, frame["type"], origin)
			continue
		}
		require.Equal(t, want, frame["code"], origin)
		require.Equal(t, 4403, w.closed().Code)
	}
	for _, origin := range []string{"https://evil.test", "null", "https://evil-app.example.com"} {
		dialer := websocket.Dialer{Subprotocols: []string{ws.Subprotocol}}
		_, answered, err := dialer.Dial("ws"+strings.TrimPrefix(server.URL, "http")+"/v1/ws", http.Header{"Origin": {origin}})
		require.ErrorIs(t, err, websocket.ErrBadHandshake)
		require.Equal(t, 403, answered.StatusCode, origin)
		r.send("GET", "/v1/feed", "", ada.auth, "Origin: "+origin).problem(403, "origin_forbidden")
	}
	r.send("GET", "/v1/feed", "", ada.auth, "Origin: "+shop).problem(403, "origin_forbidden")
}

func TestPreflightsOfOthersAreCounted(t *testing.T) {
	t.Parallel()
	counting := func(d *rest.Deps) { d.RateLimits = limitsOf(t, middleware.Rates{Address: slowly(2), Login: slowly(1)}) }
	r := newRig(t, withOrigins(t, console), counting)
	ask := func(origin string) answer {
		return r.send("OPTIONS", "/oauth/token", "", "-Authorization", "Origin: "+origin, "Access-Control-Request-Method: POST")
	}
	for range 2 {
		require.Equal(t, 204, ask("https://made-up.test").Code, "and not as an attempt to sign in")
	}
	ask("https://made-up.test").problem(429, "rate_limited")
	require.Equal(t, 204, ask(console).Code)
}

func connectFrom(t *testing.T, server *httptest.Server, origin, token string) wire {
	t.Helper()
	dialer := websocket.Dialer{Subprotocols: []string{ws.Subprotocol}}
	conn, _, err := dialer.Dial("ws"+strings.TrimPrefix(server.URL, "http")+"/v1/ws", http.Header{"Origin": {origin}})
	require.NoError(t, err, origin)
	t.Cleanup(func() { _ = conn.Close() })
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(feedTimeout)))
	require.NoError(t, conn.WriteJSON(map[string]string{"type": "connect", "token": token}))
	return wire{conn, t}
}
