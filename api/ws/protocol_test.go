package ws_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"tansu.cloud/api/ws"
)

// TestRefusedFrames: each frame that is wrong is refused with the code and
// pointers of the protocol, and the connection goes on.
func TestRefusedFrames(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.commit(acme, "1", 3, 0)
	c := e.connect("good")
	c.subscribe("taken", `{"now":true}`)
	deep := strings.Repeat("[", 60) + strings.Repeat("]", 60)
	for _, x := range []struct {
		frame, code string
		errors      []string // pointer and code
		id          string
	}{
		{`{}`, "frame_invalid", []string{"/type not_allowed"}, ""},
		{`{"type":7}`, "frame_invalid", []string{"/type not_allowed"}, ""},
		{`{"type":"SUBSCRIBE"}`, "frame_invalid", []string{"/type not_allowed"}, ""},
		{`{"type":"events","id":"a"}`, "frame_invalid", []string{"/type not_allowed"}, ""},
		{`{"type":"connect","token":"good"}`, "frame_invalid", []string{"/type not_allowed"}, ""},
		{`{"type":"connect"}`, "frame_invalid", []string{"/token required"}, ""},
		{`{"type":"refresh"}`, "frame_invalid", []string{"/token required"}, ""},
		{`{"type":"refresh","token":""}`, "frame_invalid", []string{"/token wrong_length"}, ""},
		{`{"type":"refresh","token":null}`, "frame_invalid", []string{"/token wrong_type"}, ""},
		{`{"type":"refresh","token":"bad"}`, "unauthorized", nil, ""},
		{`{"type":"subscribe","id":"a"}`, "frame_invalid", []string{"/from required"}, "a"},
		{`{"type":"subscribe","from":{"now":true}}`, "frame_invalid", []string{"/id required"}, ""},
		{`{"type":"subscribe","id":"","from":{"now":true}}`, "frame_invalid", []string{"/id invalid"}, ""},
		{`{"type":"subscribe","id":"a b","from":{"now":true}}`, "frame_invalid", []string{"/id invalid"}, ""},
		{`{"type":"subscribe","id":"é","from":{"now":true}}`, "frame_invalid", []string{"/id invalid"}, ""},
		{`{"type":"subscribe","id":"` + strings.Repeat("a", 65) + `","from":{"now":true}}`, "frame_invalid", []string{"/id invalid"}, ""},
		{`{"type":"subscribe","ID":"a","from":{"now":true}}`, "frame_invalid", []string{"/id required", "/ID unknown_field"}, ""},
		{`{"type":"subscribe","id":"a","id":"b","from":{"now":true}}`, "frame_invalid", []string{"/id repeated"}, "a"},
		{`{"type":"subscribe","id":"a","from":{}}`, "frame_invalid", []string{"/from invalid"}, "a"},
		{`{"type":"subscribe","id":"a","from":{"now":true,"after":1}}`, "frame_invalid", []string{"/from invalid"}, "a"},
		{`{"type":"subscribe","id":"a","from":{"now":false}}`, "frame_invalid", []string{"/from invalid"}, "a"},
		{`{"type":"subscribe","id":"a","from":{"now":"yes"}}`, "frame_invalid", []string{"/from/now wrong_type"}, "a"},
		{`{"type":"subscribe","id":"a","from":{"after":-1}}`, "frame_invalid", []string{"/from/after out_of_range"}, "a"},
		{`{"type":"subscribe","id":"a","from":{"after":1.5}}`, "frame_invalid", []string{"/from/after wrong_type"}, "a"},
		{`{"type":"subscribe","id":"a","from":{"after":null}}`, "frame_invalid", []string{"/from/after wrong_type"}, "a"},
		{`{"type":"subscribe","id":"a","from":{"after":99999999999999999999}}`, "frame_invalid", []string{"/from/after wrong_type"}, "a"},
		{`{"type":"subscribe","id":"a","from":{"after":4}}`, "position_ahead", []string{"/from/after too_large"}, "a"},
		{`{"type":"subscribe","id":"a","from":{"snapshot":"nothing"}}`, "snapshot_unknown", []string{"/from/snapshot not_allowed"}, "a"},
		{`{"type":"subscribe","id":"a","from":"now"}`, "frame_invalid", []string{"/from wrong_type"}, "a"},
		{`{"type":"subscribe","id":"a","from":{"now":true},"topics":{}}`, "frame_invalid", []string{"/topics wrong_type"}, "a"},
		{`{"type":"subscribe","id":"a","from":{"now":true},"topics":null}`, "frame_invalid", []string{"/topics wrong_type"}, "a"},
		{`{"type":"subscribe","id":"a","from":{"now":true},"topics":[{"Type":"x"},7]}`, "frame_invalid",
			[]string{"/topics/0/Type unknown_field", "/topics/1 wrong_type"}, "a"},
		{`{"type":"subscribe","id":"a","from":{"now":true},"topics":[` + strings.Repeat(`{},`, 50) + `{}]}`, "frame_invalid", []string{"/topics too_many"}, "a"},
		{`{"type":"subscribe","id":"a","from":{"now":true},"filter":"type =="}`, "filter_invalid", []string{"/filter filter_invalid"}, "a"},
		{`{"type":"subscribe","id":"a","from":{"now":true},"filter":"nonsense == 1"}`, "filter_invalid", []string{"/filter filter_invalid"}, "a"},
		{`{"type":"subscribe","id":"a","from":{"now":true},"coalesce":1}`, "frame_invalid", []string{"/coalesce wrong_type"}, "a"},
		{`{"type":"subscribe","id":"a","from":{"now":true},"x/~y":1}`, "frame_invalid", []string{"/x~1~0y unknown_field"}, "a"},
		{`{"type":"subscribe","id":"taken","from":{"now":true}}`, "subscription_exists", nil, "taken"},
		{`{"type":"unsubscribe","id":"nothing"}`, "subscription_unknown", nil, "nothing"},
		{`{"type":"join","channel":""}`, "frame_invalid", []string{"/channel wrong_length"}, ""},
		{`{"type":"join","channel":"a\nb"}`, "frame_invalid", []string{"/channel invalid"}, ""},
		{`{"type":"join","channel":"` + strings.Repeat("ü", 201) + `"}`, "frame_invalid", []string{"/channel wrong_length"}, ""},
		{`{"type":"join","channel":"a","state":"` + strings.Repeat("x", 1024) + `"}`, "payload_too_large", nil, "a"},
		{`{"type":"leave","channel":"a"}`, "not_joined", nil, "a"},
		{`{"type":"broadcast","channel":"a","data":1}`, "not_joined", nil, "a"},
		{`{"type":"broadcast","channel":"a"}`, "frame_invalid", []string{"/data required"}, "a"},
		{`{"type":"broadcast","channel":"a","data":` + deep + `,"to":"b"}`, "frame_invalid", []string{"/to unknown_field"}, "a"},
	} {
		c.say(x.frame)
		refused := c.expect("error")
		require.Equal(t, x.code, refused.Code, "%s: %+v", x.frame, refused)
		require.NotEmpty(t, refused.Detail, x.frame)
		var errors []string
		for _, f := range refused.Errors {
			require.NotEmpty(t, f.Message, x.frame)
			errors = append(errors, f.Pointer+" "+f.Code)
		}
		require.Equal(t, x.errors, errors, x.frame)
		require.Equal(t, x.id, refused.ID, x.frame)
	}
	c.say(`{"type":"unsubscribe","id":"taken"}`)
	require.Equal(t, "taken", c.expect("unsubscribed").ID)
}

// TestFramesThatEndTheConnection: what is not the protocol at all.
func TestFramesThatEndTheConnection(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.tokens.put("nobody", ws.Principal{Actor: "eve"})
	for _, x := range []struct {
		kind       int
		frame      string
		close      int
		code       string // of the error before
		connected  bool
		noAnswerTo bool
	}{
		{websocket.TextMessage, `subscribe!`, 4400, "frame_invalid", true, false},
		{websocket.TextMessage, `[]`, 4400, "frame_invalid", true, false},
		{websocket.TextMessage, `"connect"`, 4400, "frame_invalid", true, false},
		{websocket.TextMessage, ``, 4400, "frame_invalid", true, false},
		{websocket.TextMessage, `{"type":"join","channel":"` + "\xff" + `"}`, 4400, "frame_invalid", true, false},
		{websocket.TextMessage, `{} {}`, 4400, "frame_invalid", true, false},
		{websocket.TextMessage, `{"type":"join","channel":"a","state":` + strings.Repeat("[", 65) + strings.Repeat("]", 65) + `}`, 4400, "frame_invalid", true, false},
		{websocket.BinaryMessage, `{"type":"leave","channel":"a"}`, 4400, "frame_invalid", true, false},
		{websocket.TextMessage, `{"type":"broadcast","channel":"a","data":"` + strings.Repeat("x", 64<<10) + `"}`, 1009, "", true, true},
		{websocket.TextMessage, `{"type":"connect","token":"bad"}`, 4401, "unauthorized", false, false},
		{websocket.TextMessage, `{"type":"connect","token":"good","tenant":"nowhere"}`, 4403, "tenant_not_found", false, false},
		{websocket.TextMessage, `{"type":"connect","token":"nobody","tenant":"acme"}`, 4403, "forbidden", false, false},
	} {
		c := e.dial()
		if x.connected {
			c.say(`{"type":"connect","token":"good","tenant":"acme"}`)
			c.expect("connected")
		}
		require.NoError(t, c.WriteMessage(x.kind, []byte(x.frame)))
		last := c.ends(x.close)
		if x.noAnswerTo {
			require.Empty(t, last, x.frame)
			continue
		}
		require.Len(t, last, 1, x.frame)
		require.Equal(t, "error", last[0].Type, x.frame)
		require.Equal(t, x.code, last[0].Code, x.frame)
	}
}

// TestHandshake: what is refused before the upgrade is a problem.
func TestHandshake(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	host := strings.TrimPrefix(e.http.URL, "http://")
	const upgrade = "Connection: Upgrade\nUpgrade: websocket\nSec-WebSocket-Version: 13\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\n"
	for _, x := range []struct {
		query, headers string
		status         int
		code           string
	}{
		{"", upgrade + "Sec-WebSocket-Protocol: tansu.v1", 101, ""},
		{"", upgrade + "Sec-WebSocket-Protocol: other, tansu.v1\nOrigin: http://" + host, 101, ""},
		{"", upgrade + "Sec-WebSocket-Protocol: tansu.v1\nOrigin: https://app.example.com", 101, ""},
		{"", upgrade + "Sec-WebSocket-Protocol: tansu.v1\nOrigin: https://evil.example.com", 403, "origin_forbidden"},
		{"", upgrade + "Sec-WebSocket-Protocol: tansu.v1\nOrigin: null", 403, "origin_forbidden"},
		{"", upgrade, 400, "handshake_invalid"},
		{"", upgrade + "Sec-WebSocket-Protocol: tansu.v2", 400, "handshake_invalid"},
		{"", strings.Replace(upgrade, "13", "8", 1) + "Sec-WebSocket-Protocol: tansu.v1", 400, "handshake_invalid"},
		{"", strings.Replace(upgrade, "dGhl", "", 1) + "Sec-WebSocket-Protocol: tansu.v1", 400, "handshake_invalid"},
		{"?token=good", upgrade + "Sec-WebSocket-Protocol: tansu.v1", 400, "token_in_url"},
		{"?access_token=", upgrade + "Sec-WebSocket-Protocol: tansu.v1", 400, "token_in_url"},
		{"", "Accept: text/html", 426, "upgrade_required"},
	} {
		req, err := http.NewRequest("GET", e.http.URL+"/v1/ws"+x.query, nil)
		require.NoError(t, err)
		for _, line := range strings.Split(strings.TrimSpace(x.headers), "\n") {
			name, value, _ := strings.Cut(line, ": ")
			req.Header.Set(name, value)
		}
		res, err := http.DefaultTransport.RoundTrip(req)
		require.NoError(t, err)
		require.Equal(t, x.status, res.StatusCode, "%s %s", x.query, x.headers)
		if x.code != "" {
			var p struct{ Code, Detail string }
			require.NoError(t, json.NewDecoder(res.Body).Decode(&p))
			require.Equal(t, x.code, p.Code, x.headers)
			require.NotContains(t, p.Detail, "good")
		}
		require.NoError(t, res.Body.Close())
	}
}

// TestTheTenantIsOne: frame, header and sub-domain must agree.
func TestTheTenantIsOne(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	for _, x := range []struct{ header, tenant, is string }{
		{"", "", "00000000-0000-0000-0000-000000000000"},
		{"", "acme", acme.String()},
		{"acme", "", acme.String()},
		{acme.String(), "acme", acme.String()},
		{"other", "acme", ""},
	} {
		c := e.dial("X-Tenant-Id: " + x.header)
		connect := `{"type":"connect","token":"good"}`
		if x.tenant != "" {
			connect = `{"type":"connect","token":"good","tenant":"` + x.tenant + `"}`
		}
		c.say(connect)
		if x.is == "" {
			require.Equal(t, "/tenant", c.expect("error").Errors[0].Pointer)
			continue
		}
		connected := c.expect("connected")
		require.Equal(t, x.is, connected.Tenant)
		require.Equal(t, "ada", connected.Actor)
		require.Empty(t, connected.ExpiresAt)
		require.NotEmpty(t, connected.Connection)
	}
}

// TestConnectComesFirst, and in time.
func TestConnectComesFirst(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.server.Shorten(ws.Periods{Connect: 4 * time.Second})
	c := e.dial()
	c.say(`{"type":"subscribe","id":"a","from":{"now":true}}`)
	require.Equal(t, "unauthorized", c.expect("error").Code)
	last := c.ends(4408)
	require.Len(t, last, 1)
	require.Equal(t, "closing", last[0].Type)
	require.Equal(t, "connect_timeout", last[0].Code)
}

// TestTooHasty: frames beyond the pace are refused, and who goes on regardless is
// closed.
func TestTooHasty(t *testing.T) {
	t.Parallel()
	c := newEnv(t).connect("good")
	go func() { // until it is closed, however slow this is
		for c.WriteMessage(websocket.TextMessage, []byte(`{"type":"leave","channel":"a"}`)) == nil {
		}
	}()
	limited := 0
	for _, f := range c.ends(4429) {
		if f.Code == "rate_limited" && f.Type == "error" {
			require.Positive(t, f.RetryIn)
			limited++
		}
	}
	require.Equal(t, 100, limited)
}

// TestLimits: one more than the quotas grant.
func TestLimits(t *testing.T) {
	t.Parallel()
	e := newEnv(t, func(d *ws.Deps) {
		d.Quotas = ws.Quotas{Connections: ws.Quota{Tenant: 2, Principal: 2}, Subscriptions: ws.Quota{Tenant: 3, Principal: 2}, Joins: ws.Quota{Tenant: 1, Principal: 1}}
	})
	first, second := e.connect("good"), e.connect("good")
	third := e.dial()
	third.say(`{"type":"connect","token":"good","tenant":"acme"}`)
	last := third.ends(4429)
	require.Equal(t, "too_many_connections", last[0].Code)
	require.Positive(t, last[0].RetryIn)
	fourth := e.dial()
	fourth.say(`{"type":"connect","token":"good","tenant":"other"}`)
	fourth.expect("connected") // another tenant

	first.subscribe("a", `{"now":true}`)
	first.subscribe("b", `{"now":true}`)
	second.say(`{"type":"subscribe","id":"a","from":{"now":true}}`)
	require.Equal(t, "too_many_subscriptions", second.expect("error").Code)
	first.say(`{"type":"unsubscribe","id":"b"}`)
	first.expect("unsubscribed")
	second.subscribe("a", `{"now":true}`)

	var refused frame
	for i := 0; refused.Type != "error"; i++ { // sooner or later two fall into one second
		first.say(fmt.Sprintf(`{"type":"join","channel":"%d"}`, i))
		var err error
		refused, err = first.read()
		require.NoError(t, err)
	}
	require.Equal(t, "rate_limited", refused.Code)
	require.Positive(t, refused.RetryIn)

	require.NoError(t, second.Close())
	require.Eventually(t, func() bool { return e.server.Holders() == 2 }, timeout, time.Millisecond)
	e.connect("good")
}

// TestATenantsOwnQuota counts besides what all tenants may have.
func TestATenantsOwnQuota(t *testing.T) {
	t.Parallel()
	e := newEnv(t, func(d *ws.Deps) { d.Quotas.Connections = ws.Quota{Tenant: 2, Principal: 9} })
	e.tenants.quotas.Store(acme, 1)
	first := e.connect("good")
	require.Equal(t, 1, e.server.Connections(t.Context(), acme))
	second := e.dial()
	second.say(`{"type":"connect","token":"good","tenant":"acme"}`)
	require.Equal(t, "too_many_connections", second.ends(4429)[0].Code)

	e.tenants.quotas.Store(acme, 100)
	e.connect("good")
	third := e.dial()
	third.say(`{"type":"connect","token":"good","tenant":"acme"}`)
	third.ends(4429) // what all may have holds all the same
	e.tenants.quotas.Store(acme, 0)
	require.NoError(t, first.Close())
	require.Eventually(t, func() bool { return e.server.Connections(t.Context(), acme) == 1 }, timeout, time.Millisecond)
}

func TestSubscriptionsOfAConnection(t *testing.T) {
	t.Parallel()
	c := newEnv(t).connect("good")
	for i := range 100 {
		c.subscribe(fmt.Sprintf("s%d", i), `{"now":true}`)
	}
	c.say(`{"type":"subscribe","id":"more","from":{"now":true}}`)
	require.Equal(t, "too_many_subscriptions", c.expect("error").Code)
}

// TestPing: a client that answers stays, one that does not is hung up on.
func TestPing(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	const silence = 4 * time.Second
	e.server.Shorten(ws.Periods{Ping: 50 * time.Millisecond, Silence: silence})
	c := e.connect("good")
	pings, enough, answering := 0, false, true
	answer := c.PingHandler()
	begun := time.Now()
	c.SetPingHandler(func(data string) error {
		if !answering {
			return nil
		}
		if pings++; !enough && pings >= 3 && time.Since(begun) > silence+time.Second {
			enough = true
			e.commit(acme, "1", 1, 0)
		}
		return answer(data)
	})
	c.subscribe("a", `{"now":true}`)
	c.expect("events") // after longer than the silence
	answering = false
	_, err := c.read()
	require.Error(t, err)
	require.NotErrorIs(t, err, os.ErrDeadlineExceeded, "it is the server that ends it")
}

func TestMissingDeps(t *testing.T) {
	t.Parallel()
	_, err := ws.New(ws.Deps{})
	for _, name := range []string{"Hub", "Authenticate", "Tenant", "Channels", "Limits", "Logger"} {
		require.ErrorContains(t, err, "Deps."+name+" is missing")
	}
}

// FuzzFrames: whatever comes, there is one reading, or a refusal that points
// somewhere; nothing panics.
func FuzzFrames(f *testing.F) {
	for _, seed := range []string{
		`{"type":"connect","token":"t","tenant":"acme"}`, `{"type":"subscribe","id":"a","topics":[{"type":"x"}],"from":{"after":0}}`,
		`{"type":"broadcast","channel":"c","data":{"a":[1,2,{"b":null}]}}`, `{"type":"join","channel":"c","state":"\u0000"}`, `[`, `{"type":"subscribe","id":"a","id":"b"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, message []byte) {
		frame, err := ws.Decode(message)
		if err != nil {
			require.Nil(t, frame)
			return
		}
		again, err := json.Marshal(frame)
		require.NoError(t, err)
		twice, err := ws.Decode(again)
		require.NoError(t, err, "%s", again)
		require.Equal(t, mustJSON(t, frame), mustJSON(t, twice))
	})
}

func mustJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	require.NoError(t, err)
	return string(b)
}
