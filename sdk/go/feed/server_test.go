package feed_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"tansu.cloud/sdk/go/feed"
)

const patience = time.Minute

// peer is the server's end of a connection, played by a test.
type peer struct {
	t  *testing.T
	ws *websocket.Conn
}

// serve answers the first connection with the first script and so on; a script
// that returns cuts its connection, and nil is a server that is not ready. At the end of the test every script must
// have run.
func serve(t *testing.T, scripts ...func(*peer)) string {
	t.Helper()
	var next atomic.Int32
	finished := make(chan struct{}, 100)
	upgrader := websocket.Upgrader{Subprotocols: []string{"tansu.v1"}}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		i := int(next.Add(1)) - 1
		if i >= len(scripts) || scripts[i] == nil {
			w.WriteHeader(http.StatusServiceUnavailable)
			finished <- struct{}{}
			return
		}
		ws, err := upgrader.Upgrade(w, r, nil)
		if err != nil {
			t.Errorf("upgrade: %v", err)
			return
		}
		defer func() { finished <- struct{}{} }()
		defer ws.Close()
		scripts[i](&peer{t, ws})
	}))
	t.Cleanup(func() {
		for i := range scripts {
			select {
			case <-finished:
			case <-time.After(patience):
				t.Errorf("%d of %d connections ended", i, len(scripts))
			}
		}
		srv.Close()
	})
	return srv.URL
}

func (p *peer) send(frame string, args ...any) {
	_ = p.ws.SetWriteDeadline(time.Now().Add(patience))
	if err := p.ws.WriteMessage(websocket.TextMessage, fmt.Appendf(nil, frame, args...)); err != nil {
		p.t.Errorf("send %s: %v", frame, err)
	}
}

// expect reads a frame and compares it with want, which is JSON.
func (p *peer) expect(want string, args ...any) {
	_ = p.ws.SetReadDeadline(time.Now().Add(patience))
	_, got, err := p.ws.ReadMessage()
	if err != nil {
		p.t.Errorf("expect %s: %v", want, err)
		return
	}
	var w, g any
	_ = json.Unmarshal(fmt.Appendf(nil, want, args...), &w)
	_ = json.Unmarshal(got, &g)
	if w, g := fmt.Sprint(w), fmt.Sprint(g); w != g {
		p.t.Errorf("expected %s, got %s", w, g)
	}
}

// expectClose reads until the connection ends and returns the close code.
func (p *peer) expectClose() int {
	_ = p.ws.SetReadDeadline(time.Now().Add(patience))
	for {
		if _, _, err := p.ws.ReadMessage(); err != nil {
			if closed, ok := err.(*websocket.CloseError); ok {
				return closed.Code
			}
			return 0
		}
	}
}

func (p *peer) closeWith(code int, text string) {
	_ = p.ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, text), time.Now().Add(patience))
	p.expectClose() // so that what was sent is read before the connection goes
}

// accept plays the beginning of a connection.
func (p *peer) accept(token string) {
	p.expect(`{"type":"connect","token":%q,"tenant":"acme"}`, token)
	p.send(`{"type":"connected","connection":"c1","tenant":"acme","actor":"operator"}`)
}

// subscribe plays the beginning of a feed of everything.
func (p *peer) subscribe(after int64) {
	p.accept("t")
	p.expect(`{"type":"subscribe","id":"feed","from":{"after":%d}}`, after)
	p.send(`{"type":"subscribed","id":"feed","position":%d}`, after)
}

func cloudEvent(position int64) string {
	return fmt.Sprintf(`{"specversion":"1.0","id":"e%d","source":"/tenants/a1","type":"order.placed","subject":"order/o%d",`+
		`"time":"2026-01-31T12:00:00.123456Z","datacontenttype":"application/json","tansuposition":"%d","tansutenant":"a1",`+
		`"tansustreamtype":"order","tansustreamid":"o%d","tansuversion":"3","tansuschemaversion":2,"tansuactor":"ann","tansucorrelation":"c1",`+
		`"tansucausation":"c2","traceparent":"00-1-2-01","data":{"total":%d}}`, position, position, position, position, position*10)
}

// events sends a frame that ends at the last position.
func (p *peer) events(positions ...int64) {
	all := make([]string, len(positions))
	for i, n := range positions {
		all[i] = cloudEvent(n)
	}
	p.send(`{"type":"events","id":"feed","position":%d,"events":[%s]}`, positions[len(positions)-1], strings.Join(all, ","))
}

func client(url string) *feed.Client {
	return &feed.Client{URL: url, Token: feed.StaticToken("t"), Tenant: "acme"}
}

// collect runs a loop until n events came or it ended.
func collect(t *testing.T, c *feed.Client, s feed.Subscription, n int) (positions []int64, err error) {
	t.Helper()
	if n == 0 {
		n = 1 << 30
	}
	for e, err := range c.Subscribe(t.Context(), s) {
		if err != nil {
			return positions, err
		}
		require.NotEmpty(t, e.ID)
		if positions = append(positions, e.Position); len(positions) == n {
			return positions, nil
		}
	}
	require.Fail(t, "the loop ended without an error")
	return nil, nil
}
