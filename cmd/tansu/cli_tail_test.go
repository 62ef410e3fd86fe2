package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"tansu.cloud/sdk/go/feed"
)

// feedFake serves feeds of a log that a test writes, and remembers what was
// subscribed to.
type feedFake struct {
	*httptest.Server
	t *testing.T

	mu         sync.Mutex
	grown      chan struct{} // closed when the log grows
	log        []string      // CloudEvents
	subscribed []string      // frames
	conns      []*websocket.Conn
}

func newFeedFake(t *testing.T) *feedFake {
	f := &feedFake{t: t, grown: make(chan struct{})}
	f.Server = httptest.NewServer(http.HandlerFunc(f.serve))
	t.Cleanup(func() {
		f.cut()
		f.Close()
	})
	return f
}

func (f *feedFake) serve(w http.ResponseWriter, r *http.Request) {
	ws, err := (&websocket.Upgrader{Subprotocols: []string{"tansu.v1"}}).Upgrade(w, r, nil)
	if err != nil {
		return
	}
	defer ws.Close()
	send := func(frame string, args ...any) bool {
		return ws.WriteMessage(websocket.TextMessage, fmt.Appendf(nil, frame, args...)) == nil
	}
	var connect struct{ Token, Tenant string }
	if ws.ReadJSON(&connect) != nil {
		return
	}
	if connect.Token != testToken || connect.Tenant != "acme" {
		send(`{"type":"error","code":"unauthorized","detail":"Send the operator token."}`)
		return
	}
	send(`{"type":"connected"}`)
	_, raw, err := ws.ReadMessage()
	var subscribe struct {
		Filter string
		From   struct {
			Now   bool
			After int
		}
	}
	if err != nil || json.Unmarshal(raw, &subscribe) != nil {
		return
	}
	if subscribe.Filter == "nonsense" {
		send(`{"type":"error","id":"feed","code":"filter_invalid","detail":"Compare it with something.","errors":[{"pointer":"/filter","code":"syntax","message":"at 8"}]}`)
		return
	}
	f.mu.Lock()
	next := subscribe.From.After
	if subscribe.From.Now {
		next = len(f.log)
	}
	f.conns, f.subscribed = append(f.conns, ws), append(f.subscribed, string(raw))
	f.mu.Unlock()
	for ok := send(`{"type":"subscribed","id":"feed","position":%d}`, next); ok; {
		f.mu.Lock()
		events, grown := f.log[next:], f.grown
		f.mu.Unlock()
		if len(events) == 0 {
			<-grown
			continue
		}
		next += len(events)
		ok = send(`{"type":"events","id":"feed","position":%d,"events":[%s]}`, next, strings.Join(events, ","))
	}
}

func (f *feedFake) append(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for range n {
		p := len(f.log) + 1
		f.log = append(f.log, fmt.Sprintf(`{"specversion":"1.0","id":"e%d","source":"/tenants/acme","type":"order.placed","subject":"order/t%d",`+
			`"time":"2026-01-31T12:00:00Z","datacontenttype":"application/json","tansuposition":"%d","tansustreamtype":"order","tansustreamid":"t%d",`+
			`"tansuversion":"%d","tansuactor":"ann","data":{"n":%d}}`, p, p%2, p, p%2, (p+1)/2, p))
	}
	close(f.grown)
	f.grown = make(chan struct{})
}

// cut ends all connections.
func (f *feedFake) cut() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, ws := range f.conns {
		_ = ws.Close()
	}
	f.conns = nil
	close(f.grown)
	f.grown = make(chan struct{})
}

func (f *feedFake) subscriptions() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.subscribed
}

// tailing is tansu events tail at work.
type tailing struct {
	stdout, stderr lockedBuffer
	done           chan int
	stop           context.CancelFunc
}

func startTail(t *testing.T, f *feedFake, args ...string) *tailing {
	ctx, cancel := context.WithCancel(t.Context())
	run := &tailing{done: make(chan int, 1), stop: cancel}
	go func() {
		run.done <- tansuIO(ctx, f.URL, &run.stdout, &run.stderr, "", append([]string{"events", "tail", "--tenant", "acme"}, args...)...)
	}()
	t.Cleanup(cancel)
	return run
}

func (r *tailing) waitLines(t *testing.T, n int) {
	t.Helper()
	require.Eventually(t, func() bool { return strings.Count(r.stdout.String(), "\n") >= n }, time.Minute, time.Millisecond, "%s", &r.stderr)
}

func positions(t *testing.T, lines string) (all []int64) {
	t.Helper()
	for line := range strings.Lines(lines) {
		var e feed.Event
		require.NoError(t, json.Unmarshal([]byte(line), &e))
		all = append(all, e.Position)
	}
	return all
}

func upTo(n int64) (all []int64) {
	for i := int64(1); i <= n; i++ {
		all = append(all, i)
	}
	return all
}

func TestTailShowsEachEventOnceWhileTheLogGrowsAndConnectionsBreak(t *testing.T) {
	t.Parallel()
	f := newFeedFake(t)
	f.append(450)
	tail := startTail(t, f, "--from", "1", "-o", "jsonl")
	tail.waitLines(t, 450)
	for range 3 {
		f.cut()
		f.append(37)
		tail.waitLines(t, len(f.log))
	}
	tail.stop()
	require.Equal(t, exitInterrupted, <-tail.done)
	require.Equal(t, upTo(561), positions(t, tail.stdout.String()))
	require.Contains(t, tail.stderr.String(), "connection lost")
	require.Contains(t, tail.stderr.String(), "connected again")
	require.NotContains(t, tail.stderr.String(), "Error")
	require.Equal(t, f.log[17]+"\n", strings.SplitAfter(tail.stdout.String(), "\n")[17], "as the server sent it")
}

func TestTailStartsAtTheHeadAndSelects(t *testing.T) {
	t.Parallel()
	f := newFeedFake(t)
	f.append(5)
	tail := startTail(t, f, "--type", "order.placed,order.paid", "--stream-type", "order", "--stream-id", "t0", "--actor", "ann", "--filter", "data.n > 1")
	require.Eventually(t, func() bool { return len(f.subscriptions()) > 0 }, time.Minute, time.Millisecond)
	f.append(2)
	tail.waitLines(t, 3)
	tail.stop()
	require.Equal(t, exitInterrupted, <-tail.done)
	require.Regexp(t, `(?m)\APOSITION +RECORDED +TYPE +STREAM +VERSION +ACTOR\n6 +2026-01-31T12:00:00.000Z +order.placed +order/t0 +3 +ann\n7 .*\n\z`, tail.stdout.String())
	require.JSONEq(t, `{"type":"subscribe","id":"feed","from":{"now":true},"filter":"data.n > 1","topics":[
		{"type":"order.placed","stream_type":"order","stream_id":"t0","actor":"ann"},
		{"type":"order.paid","stream_type":"order","stream_id":"t0","actor":"ann"}]}`, f.subscriptions()[0])

	startTail(t, f, "--actor", "ann")
	require.Eventually(t, func() bool { return len(f.subscriptions()) > 1 }, time.Minute, time.Millisecond)
	require.JSONEq(t, `{"type":"subscribe","id":"feed","from":{"now":true},"topics":[{"actor":"ann"}]}`, f.subscriptions()[1])
}

func TestTailReportsAGap(t *testing.T) {
	t.Parallel()
	f := newFeedFake(t)
	f.append(5)
	f.log = append(f.log[:2], f.log[3:]...)
	tail := startTail(t, f, "--from", "1", "-o", "jsonl")
	require.Equal(t, exitError, <-tail.done)
	require.Equal(t, upTo(2), positions(t, tail.stdout.String()), "what comes before the gap is shown")
	require.Contains(t, tail.stderr.String(), "expected position 3, got 4")
}

func TestTailEndsWhenItIsRefused(t *testing.T) {
	t.Parallel()
	f := newFeedFake(t)
	refused := startTail(t, f, "--token", "wrong")
	require.Equal(t, exitAuth, <-refused.done)
	require.Contains(t, refused.stderr.String(), "unauthorized (status 401)")

	nonsense := startTail(t, f, "--filter", "nonsense")
	require.Equal(t, exitError, <-nonsense.done)
	require.Contains(t, nonsense.stderr.String(), "Compare it with something.\n   /filter: at 8\n")

	require.Equal(t, exitUsage, <-startTail(t, f, "--from", "-1").done)

	stranger := newFake(t)
	r := tansu(t, stranger.URL, "events", "tail")
	require.Equal(t, exitAuth, r.code, "it answers as Tansu does, and wants a token in the header")
}
