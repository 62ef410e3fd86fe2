package ws_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tansu.cloud/api/problem"
	"tansu.cloud/api/ws"
	"tansu.cloud/platform/stopwatchtest"
)

// noticed is how long a change of rights may take to be noticed.
const noticed = time.Second

func TestRevokedToken(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.tokens.put("revoked", ws.Principal{Actor: "bob", Permitted: everything})
	stays := e.connect("good")
	all := []*client{e.connect("revoked"), e.connect("revoked"), e.connect("revoked")}
	all[0].subscribe("a", `{"now":true}`)
	begun := stopwatchtest.Start(t)
	e.tokens.revoke("revoked")
	for _, c := range all {
		last := c.ends(4401)
		require.Len(t, last, 1)
		require.Equal(t, "closing", last[0].Type)
		require.Equal(t, "unauthorized", last[0].Code)
	}
	begun.Within(noticed)
	stays.subscribe("a", `{"now":true}`)
}

// TestRevokedWhileStalled: a reader that takes nothing is cut.
func TestRevokedWhileStalled(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.tokens.put("revoked", ws.Principal{Actor: "bob", Permitted: everything})
	for range 8 {
		e.commit(acme, "1", 250, 4<<10)
	}
	c := e.connect("revoked")
	c.deafen()
	c.subscribe("a", `{"after":0}`)
	require.Equal(t, 1, e.server.Holders())
	begun := stopwatchtest.Start(t)
	e.tokens.revoke("revoked")
	require.Eventually(t, func() bool { return e.server.Holders() == 0 }, timeout, time.Millisecond)
	begun.Within(3 * time.Second)
}

// TestEachTokenIsAskedOnce, however many sockets it has opened.
func TestEachTokenIsAskedOnce(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.server.Shorten(ws.Periods{Recheck: time.Hour}) // only this test checks
	for range 50 {
		e.connect("good")
	}
	tokens, tenants := e.tokens.asked.Load(), e.tenants.asked.Load()
	e.server.Recheck(t.Context())
	require.EqualValues(t, 1, e.tokens.asked.Load()-tokens)
	require.EqualValues(t, 1, e.tenants.asked.Load()-tenants)
}

// TestNobodyIsToBlame: while credentials and tenants cannot be looked up, nobody
// loses a right.
func TestNobodyIsToBlame(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	c := e.connect("good")
	e.tenants.closed.Store(acme, errors.New("the database is away"))
	asked := e.tenants.asked.Load()
	require.Eventually(t, func() bool { return e.tenants.asked.Load() > asked+2 }, timeout, time.Millisecond)
	c.subscribe("a", `{"now":true}`)
}

func TestSuspendedTenant(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.commit(acme, "1", 3, 0)
	c, elsewhere := e.connect("good"), e.dial()
	elsewhere.say(`{"type":"connect","token":"good","tenant":"other"}`)
	elsewhere.expect("connected")
	c.subscribe("a", `{"after":0}`)
	c.until(3)
	begun := stopwatchtest.Start(t)
	e.tenants.closed.Store(acme, problem.New(problem.TenantSuspended, "The tenant is suspended."))
	last := c.ends(4403)
	begun.Within(noticed)
	require.Equal(t, "tenant_suspended", last[0].Code)
	require.Equal(t, map[string]int64{"a": 3}, last[0].Positions)
	elsewhere.subscribe("a", `{"now":true}`)
}

func TestLostPermissions(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	may := func(allowed ...string) ws.Principal {
		return ws.Principal{Actor: "bob", Permitted: func(tenant uuid.UUID, permission string) bool {
			for _, a := range allowed {
				if a == permission {
					return tenant == acme
				}
			}
			return false
		}}
	}
	e.tokens.put("t", may("events.read", "channels.join"))
	c := e.connect("t")
	c.subscribe("a", `{"now":true}`)
	c.say(`{"type":"join","channel":"room"}`)
	c.expect("presence")

	begun := stopwatchtest.Start(t)
	e.tokens.put("t", may("channels.join"))
	ended := c.expect("unsubscribed")
	require.Equal(t, "a", ended.ID)
	require.Equal(t, "forbidden", ended.Code)
	begun.Within(noticed)
	c.say(`{"type":"subscribe","id":"a","from":{"now":true}}`)
	require.Equal(t, "forbidden", c.expect("error").Code)

	begun = stopwatchtest.Start(t)
	e.tokens.put("t", may("events.read"))
	left := c.expect("error")
	require.Equal(t, "room", left.ID)
	require.Equal(t, "forbidden", left.Code)
	begun.Within(noticed)
	c.say(`{"type":"join","channel":"room"}`)
	require.Equal(t, "forbidden", c.expect("error").Code)
	c.subscribe("a", `{"now":true}`)

	begun = stopwatchtest.Start(t)
	e.tokens.put("t", may())
	last := c.ends(4403)
	require.Equal(t, "forbidden", last[len(last)-1].Code)
	begun.Within(noticed)
}

// TestExpiry: a warning, a refresh, another warning, the end after a grace.
func TestExpiry(t *testing.T) {
	t.Parallel()
	const grace = 4 * time.Second
	e := newEnv(t)
	e.server.Shorten(ws.Periods{Warn: time.Hour, Grace: grace})
	expires := time.Now().Add(6 * time.Second)
	e.tokens.put("short", ws.Principal{Actor: "ada", Permitted: everything, ExpiresAt: expires})
	e.tokens.put("shorter", ws.Principal{Actor: "ada", Permitted: everything, ExpiresAt: expires.Add(-time.Second)})
	e.tokens.put("bob", ws.Principal{Actor: "bob", Permitted: everything})
	c := e.dial()
	c.say(`{"type":"connect","token":"shorter","tenant":"acme"}`)
	require.Equal(t, expires.Add(-time.Second).UTC().Format(time.RFC3339), c.expect("connected").ExpiresAt)
	require.NotEmpty(t, c.expect("expiring").ExpiresAt)
	c.say(`{"type":"refresh","token":"bob"}`)
	require.Equal(t, "principal_mismatch", c.expect("error").Code)
	c.say(`{"type":"refresh","token":"short"}`)
	require.Equal(t, expires.UTC().Format(time.RFC3339), c.expect("connected").ExpiresAt)
	c.expect("expiring")
	time.Sleep(time.Until(expires))
	e.tokens.revoke("short") // it holds no more, as an expired token does not; its grace goes on
	c.subscribe("a", `{"now":true}`)
	last := c.ends(4401)
	require.Equal(t, "token_expired", last[0].Code)
	require.WithinRange(t, time.Now(), expires.Add(grace), expires.Add(timeout))
}
