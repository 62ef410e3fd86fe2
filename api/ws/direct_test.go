package ws_test

import (
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"tansu.cloud/api/ws"
)

func TestHeadersOfFrames(t *testing.T) {
	t.Parallel()
	for size, header := range map[int][]byte{
		0: {0x81, 0}, 125: {0x81, 125}, 126: {0x81, 126, 0, 126}, 0xffff: {0x81, 126, 0xff, 0xff},
		0x10000: {0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0},
	} {
		message := make([]byte, ws.HeaderRoom+size)
		frame := ws.Seal(message)
		require.Equal(t, header, frame[:len(header)])
		require.Len(t, frame, len(header)+size)
	}
}

// TestLinesThatAreFull: what a line did not take at once follows, whole and in
// order, and pongs do not come between its parts.
func TestLinesThatAreFull(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.server.Shorten(ws.Periods{Write: 10 * timeout, SlowWrite: 10 * timeout})
	c, live := e.connect("good"), e.connect("good")
	c.deafen()
	c.subscribe("a", `{"now":true}`)
	live.subscribe("a", `{"now":true}`)
	pongs := 0
	c.SetPongHandler(func(data string) error {
		require.Equal(t, "there?", data)
		pongs++
		return nil
	})
	const events, pings = 200, 5 // more than the kernel takes, in frames that are seldom paid for
	for i := range int64(events) {
		if i%(events/pings) == 0 {
			require.NoError(t, c.WriteControl(websocket.PingMessage, []byte("there?"), time.Now().Add(timeout)))
		}
		e.commit(acme, "1", 1, 3<<10)
		live.until(i + 1) // each is delivered on its own
	}
	c.listen()
	require.Equal(t, sequence(1, events), c.until(events))
	c.subscribe("b", `{"now":true}`) // its answer comes after those to the pings
	require.Equal(t, pings, pongs)
}
