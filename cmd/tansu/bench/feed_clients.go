package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
	"golang.org/x/sync/errgroup"
)

// watchers are subscribers that do as little as possible: what they cost must
// not be mistaken for what the server costs.
type watchers struct {
	conns   []*websocket.Conn
	reading sync.WaitGroup
	news    chan struct{} // something was received, or a connection ended
	lost    atomic.Bool
	closing atomic.Bool
}

const (
	dialAtOnce  = 32
	feedTimeout = time.Minute
)

var (
	feedProtocols = []string{"tansu.v1"}
	writeBuffers  = &sync.Pool{}
)

// watch subscribes a number of clients to everything in a tenant's log, from now
// on or from the beginning, and calls each with every frame of events, valid
// during the call.
func watch(ctx context.Context, node Node, tenant string, n int, now bool, each func(client int, frame []byte)) (*watchers, error) {
	w := &watchers{conns: make([]*websocket.Conn, n), news: make(chan struct{}, 1)}
	from := `{"after":0}`
	if now {
		from = `{"now":true}`
	}
	opening, openCtx := errgroup.WithContext(ctx)
	opening.SetLimit(dialAtOnce)
	for i := range n {
		opening.Go(func() (err error) {
			w.conns[i], err = subscribe(openCtx, node, tenant, from, &websocket.Dialer{Subprotocols: feedProtocols})
			return err
		})
	}
	if err := opening.Wait(); err != nil {
		w.close()
		return nil, err
	}
	for i, conn := range w.conns {
		w.reading.Go(func() { w.read(conn, func(frame []byte) { each(i, frame) }) })
	}
	return w, nil
}

// subscribe opens one feed.
func subscribe(ctx context.Context, node Node, tenant, from string, d *websocket.Dialer) (_ *websocket.Conn, err error) {
	conn, _, err := d.DialContext(ctx, "ws"+strings.TrimPrefix(node.URL, "http")+"/v1/ws", nil)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = conn.Close()
		}
	}()
	if err := conn.SetReadDeadline(time.Now().Add(feedTimeout)); err != nil {
		return nil, err
	}
	for _, step := range []struct{ send, expect string }{
		{fmt.Sprintf(`{"type":"connect","token":%q,"tenant":%q}`, node.Token, tenant), `"type":"connected"`},
		{`{"type":"subscribe","id":"s","from":` + from + `}`, `"type":"subscribed"`},
	} {
		if err := conn.WriteMessage(websocket.TextMessage, []byte(step.send)); err != nil {
			return nil, err
		}
		_, answer, err := conn.ReadMessage()
		if err != nil {
			return nil, err
		}
		if !bytes.Contains(answer, []byte(step.expect)) {
			return nil, fmt.Errorf("the server refused a subscriber: %s", answer)
		}
	}
	return conn, conn.SetReadDeadline(time.Time{})
}

// read takes frames until the connection ends.
func (w *watchers) read(conn *websocket.Conn, each func(frame []byte)) {
	var frame bytes.Buffer
	for {
		_, r, err := conn.NextReader()
		if err == nil {
			frame.Reset()
			_, err = io.Copy(&frame, r)
		}
		if err == nil {
			each(frame.Bytes())
		} else if !w.closing.Load() {
			w.lost.Store(true)
		}
		select {
		case w.news <- struct{}{}:
		default:
		}
		if err != nil {
			return
		}
	}
}

// wait returns when so much was received.
func (w *watchers) wait(ctx context.Context, received *atomic.Int64, want int64) error {
	timeout := time.After(feedTimeout)
	for received.Load() < want {
		select {
		case <-w.news:
			if w.lost.Load() {
				return errors.New("a subscriber lost its connection")
			}
		case <-timeout:
			return fmt.Errorf("%d of %d deliveries arrived", received.Load(), want)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// close hangs up and waits for the readers. It may be called again.
func (w *watchers) close() {
	w.closing.Store(true)
	for _, conn := range w.conns {
		if conn != nil {
			_ = conn.Close()
		}
	}
	w.reading.Wait()
}

// stamps finds the times that stamp wrote.
func stamps(frame []byte) iter.Seq[time.Time] {
	return func(yield func(time.Time) bool) {
		for {
			i := bytes.Index(frame, []byte("@@"))
			if i < 0 || len(frame) < i+21 {
				return
			}
			t, ok := parseStamp(frame[i+2 : i+21])
			frame = frame[i+2:]
			if ok && !yield(t) {
				return
			}
		}
	}
}

// countEvents in a frame.
func countEvents(frame []byte) int64 { return int64(bytes.Count(frame, []byte(`"tansuposition":"`))) }
