package ws_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tansu.cloud/api/ws"
	"tansu.cloud/platform/stopwatchtest"
)

// TestPresence: who is there, who comes, changes, goes and vanishes.
func TestPresence(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.tokens.put("bob", ws.Principal{Actor: "bob", Permitted: everything})
	a := e.connect("good")
	a.say(`{"type":"join","channel":"room","state":{"n":1}}`)
	alone := a.expect("presence")
	require.Len(t, alone.Members, 1)
	require.Equal(t, "ada", alone.Members[0].Actor)
	require.JSONEq(t, `{"n":1}`, string(alone.Members[0].State))

	b := e.connect("bob")
	b.say(`{"type":"join","channel":"room"}`)
	require.Len(t, b.expect("presence").Members, 2)
	joined := a.expect("presence").Joined
	require.Equal(t, "bob", joined.Actor)

	elsewhere := e.dial()
	elsewhere.say(`{"type":"connect","token":"good","tenant":"other"}`)
	elsewhere.expect("connected")
	elsewhere.say(`{"type":"join","channel":"room"}`)
	require.Len(t, elsewhere.expect("presence").Members, 1, "a channel belongs to a tenant")

	a.say(`{"type":"join","channel":"room","state":{"n":2}}`)
	require.Len(t, a.expect("presence").Members, 2)
	require.JSONEq(t, `{"n":2}`, string(b.expect("presence").Joined.State))

	b.say(`{"type":"leave","channel":"room"}`)
	require.Equal(t, joined.ID, b.expect("presence").Left.ID)
	require.Equal(t, joined.ID, a.expect("presence").Left.ID)
	b.say(`{"type":"join","channel":"room"}`)
	b.expect("presence")
	a.expect("presence")
	begun := stopwatchtest.Start(t)
	require.NoError(t, b.NetConn().Close())
	require.Equal(t, joined.ID, a.expect("presence").Left.ID)
	begun.Within(noticed)
}

// TestBroadcast: to all in the channel, the sender among them, in its order; not
// to those who have left.
func TestBroadcast(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	const members = 5
	var all []*client
	for i := range members {
		c := e.connect("good")
		c.say(`{"type":"join","channel":"room"}`)
		c.expect("presence")
		for _, before := range all {
			before.expect("presence")
		}
		all = append(all, c)
		if i == 0 {
			c.say(`{"type":"join","channel":"another"}`)
			c.expect("presence")
		}
	}
	for i := range 20 {
		all[1].say(fmt.Sprintf(`{"type":"broadcast","channel":"room","data":{"i":%d}}`, i))
	}
	all[0].say(`{"type":"broadcast","channel":"another","data":"only me"}`)
	for i, c := range all {
		for n := 0; n < 20; {
			f := c.expect("message")
			if f.Channel == "another" {
				require.Zero(t, i)
				continue
			}
			require.Equal(t, "ada", f.From.Actor)
			require.JSONEq(t, fmt.Sprintf(`{"i":%d}`, n), string(f.Data))
			n++
		}
	}
	all[4].say(`{"type":"leave","channel":"room"}`)
	all[4].expect("presence")
	all[3].expect("presence")
	all[3].say(`{"type":"broadcast","channel":"room","data":"bye"}`)
	require.JSONEq(t, `"bye"`, string(all[3].expect("message").Data))
	all[4].say(`{"type":"broadcast","channel":"room","data":1}`)
	require.Equal(t, "not_joined", all[4].expect("error").Code)
}

// TestDeafMember: a member that does not read costs a bounded queue; others are
// not held up, and it gets the list again when it reads.
func TestDeafMember(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	deaf, sender := e.connect("good"), e.connect("good")
	deaf.say(`{"type":"join","channel":"room"}`)
	deaf.expect("presence")
	sender.say(`{"type":"join","channel":"room"}`)
	sender.expect("presence")
	data := strings.Repeat("x", 15<<10)
	sent := 0
	for e.server.Dropped() == 0 { // the kernel's buffers take the first ones
		sender.say(`{"type":"broadcast","channel":"room","data":"` + data + `"}`)
		for f, err := sender.read(); f.Type != "message"; f, err = sender.read() {
			require.NoError(t, err)
			require.Equal(t, "rate_limited", f.Code)
			time.Sleep(time.Duration(f.RetryIn) * time.Millisecond)
			sender.say(`{"type":"broadcast","channel":"room","data":"` + data + `"}`)
		}
		sent++
	}
	members := 2
	for before := e.server.Dropped(); e.server.Dropped() == before; members++ { // until a change does not fit either
		comer := e.connect("good")
		comer.say(`{"type":"join","channel":"room","state":"` + strings.Repeat("x", 1000) + `"}`)
		require.Len(t, comer.expect("presence").Members, members+1)
	}
	heard := 0
	for {
		f, err := deaf.read()
		require.NoError(t, err)
		if f.Type == "message" {
			heard++
		}
		if f.Type == "presence" && len(f.Members) == members {
			break
		}
	}
	require.Less(t, heard, sent)
}
