package bench

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/gorilla/websocket"
	"golang.org/x/sync/errgroup"
)

const (
	fanout       = 100   // subscribers
	burst        = 1_000 // events that are written at once
	burstWriters = 64
	backlog      = 5_000 // events to catch up with
)

// rates measures deliveries per second to 100 subscribers, of events that are
// being written and of a log that is there already, against the same number of
// bare websockets that are sent a prepared message of the same size over and
// over.
func (s *feedStage) rates(ctx context.Context) ([]Result, error) {
	var live, catchUp pairs
	for round := range s.Rounds + 1 {
		l, size, err := s.liveRate(ctx)
		if err != nil {
			return nil, err
		}
		c, err := s.catchUpRate(ctx)
		if err != nil {
			return nil, err
		}
		line, err := s.rawFanout(ctx, size)
		if err != nil {
			return nil, err
		}
		if round > 0 {
			live.add(l, line)
			catchUp.add(c, line)
		}
	}
	s.progress("feed: deliveries done")
	return []Result{
		live.result("feed", fmt.Sprintf("%d subscribers, bursts of %d appends", fanout, burst), "deliveries/s"),
		catchUp.result("feed", fmt.Sprintf("%d subscribers, catching up with %d events", fanout, backlog), "deliveries/s"),
	}, nil
}

// liveRate writes bursts, each after the one before has reached everyone. size
// is that of an event on the wire.
func (s *feedStage) liveRate(ctx context.Context) (rate float64, size int, err error) {
	var received, bytes atomic.Int64
	w, err := watch(ctx, s.node, s.tenant.String(), fanout, true, func(_ int, frame []byte) {
		received.Add(countEvents(frame))
		bytes.Add(int64(len(frame)))
	})
	if err != nil {
		return 0, 0, err
	}
	defer w.close()
	written, start := int64(0), time.Now()
	for time.Since(start) < s.Duration {
		if err := s.burst(ctx, s.tenant, burst); err != nil {
			return 0, 0, err
		}
		written += burst
		if err := w.wait(ctx, &received, written*fanout); err != nil {
			return 0, 0, err
		}
	}
	return float64(received.Load()) / time.Since(start).Seconds(), int(bytes.Load() / received.Load()), nil
}

func (s *feedStage) burst(ctx context.Context, tenant uuid.UUID, events int) error {
	writing, ctx := errgroup.WithContext(ctx)
	writing.SetLimit(burstWriters)
	for range events {
		writing.Go(func() error { return s.append(ctx, s.node.Log, tenant, 1) })
	}
	return writing.Wait()
}

// catchUpRate lets everyone read a log from the beginning.
func (s *feedStage) catchUpRate(ctx context.Context) (float64, error) {
	tenant, err := s.newTenant(ctx)
	if err != nil {
		return 0, err
	}
	if err := s.burst(ctx, tenant, backlog); err != nil {
		return 0, err
	}
	var received atomic.Int64
	start := time.Now()
	w, err := watch(ctx, s.node, tenant.String(), fanout, false, func(_ int, frame []byte) { received.Add(countEvents(frame)) })
	if err != nil {
		return 0, err
	}
	defer w.close()
	if err := w.wait(ctx, &received, backlog*fanout); err != nil {
		return 0, err
	}
	return float64(received.Load()) / time.Since(start).Seconds(), nil
}

// rawFanout sends a prepared message to bare websockets for the length of a
// round.
func (s *feedStage) rawFanout(ctx context.Context, size int) (float64, error) {
	message, err := websocket.NewPreparedMessage(websocket.TextMessage, bytes.Repeat([]byte("x"), size))
	if err != nil {
		return 0, err
	}
	var sending sync.WaitGroup
	upgrader := websocket.Upgrader{}
	begin := make(chan struct{})
	release := sync.OnceFunc(func() { close(begin) })
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, err := upgrader.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		sending.Go(func() {
			defer conn.Close()
			<-begin
			for conn.WritePreparedMessage(message) == nil {
			}
		})
	}))
	defer server.Close()
	defer sending.Wait()
	defer release()
	var received atomic.Int64
	w := &watchers{news: make(chan struct{}, 1)}
	defer w.close()
	for range fanout {
		conn, _, err := new(websocket.Dialer).DialContext(ctx, "ws"+strings.TrimPrefix(server.URL, "http"), nil)
		if err != nil {
			return 0, err
		}
		w.conns = append(w.conns, conn)
		w.reading.Go(func() { w.read(conn, func([]byte) { received.Add(1) }) })
	}
	start := time.Now()
	release()
	select {
	case <-time.After(s.Duration):
	case <-ctx.Done():
	}
	return float64(received.Load()) / time.Since(start).Seconds(), ctx.Err()
}
