package feed_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"tansu.cloud/sdk/go/feed"
)

func TestALostConnectionIsResumedAfterTheLastPosition(t *testing.T) {
	t.Parallel()
	url := serve(t,
		func(p *peer) {
			p.subscribe(0)
			p.events(1, 2)
			p.events(3)
		},
		func(p *peer) { p.accept("t") }, // cut before it is subscribed
		func(p *peer) {
			p.subscribe(3)
			p.events(4)
			p.events(5)
			require.Equal(t, websocket.CloseNormalClosure, p.expectClose())
		},
	)
	var subscribed []int64
	lost := 0
	s := feed.Subscription{
		OnSubscribed:   func(position int64) { subscribed = append(subscribed, position) },
		OnDisconnected: func(err error) { require.Error(t, err); lost++ },
	}
	positions, err := collect(t, client(url), s, 5)
	require.NoError(t, err)
	require.Equal(t, []int64{1, 2, 3, 4, 5}, positions)
	require.Equal(t, []int64{0, 3}, subscribed)
	require.Equal(t, 2, lost)
}

func TestAnEventHasAllItsAttributes(t *testing.T) {
	t.Parallel()
	url := serve(t, func(p *peer) {
		p.subscribe(6)
		p.events(7)
		p.expectClose()
	})
	for e, err := range client(url).Subscribe(t.Context(), feed.Subscription{From: feed.After(6)}) {
		require.NoError(t, err)
		require.JSONEq(t, cloudEvent(7), string(e.Raw))
		e.Raw = nil
		require.Equal(t, feed.Event{
			SpecVersion: "1.0", ID: "e7", Source: "/tenants/a1", Type: "order.placed", Subject: "order/o7",
			Time: time.Date(2026, 1, 31, 12, 0, 0, 123456000, time.UTC), DataContentType: "application/json",
			Data: json.RawMessage(`{"total":70}`), Position: 7, Tenant: "a1", StreamType: "order", StreamID: "o7", Version: 3,
			SchemaVersion: 2, Actor: "ann", CorrelationID: "c1", CausationID: "c2", Traceparent: "00-1-2-01",
		}, e)
		break
	}
}

// The position moves over events that are not selected, and a resume begins
// there.
func TestASelectionIsSentAndItsPositionMovesWithoutEvents(t *testing.T) {
	t.Parallel()
	subscribe := func(p *peer, after int64) {
		p.accept("t")
		p.expect(`{"type":"subscribe","id":"feed","topics":[{"stream_type":"order","actor":"ann"},{"type":"order.placed"}],`+
			`"filter":"data.total > 10","coalesce":true,"from":{"after":%d}}`, after)
		p.send(`{"type":"subscribed","id":"feed","position":%d}`, after)
	}
	url := serve(t,
		func(p *peer) {
			subscribe(p, 2)
			p.send(`{"type":"lagged","id":"feed","position":2}`)
			p.send(`{"type":"novelty","id":"feed","what":["a later release"]}`)
			p.events(4, 9)
			p.send(`{"type":"events","id":"feed","position":40,"events":[]}`)
		},
		func(p *peer) {
			subscribe(p, 40)
			p.events(41)
			p.expectClose()
		},
	)
	positions, err := collect(t, client(url), feed.Subscription{
		Topics: []feed.Topic{{StreamType: "order", Actor: "ann"}, {Type: "order.placed"}},
		Filter: "data.total > 10", Coalesce: true, From: feed.After(2),
	}, 3)
	require.NoError(t, err)
	require.Equal(t, []int64{4, 9, 41}, positions)
}

func TestBatchesAreWhatTheServerSentAtOnce(t *testing.T) {
	t.Parallel()
	url := serve(t, func(p *peer) {
		p.accept("t")
		p.expect(`{"type":"subscribe","id":"feed","filter":"true","from":{"after":0}}`)
		p.send(`{"type":"subscribed","id":"feed","position":0}`)
		p.events(1, 3)
		p.send(`{"type":"events","id":"feed","position":40,"events":[]}`)
		p.events(41, 40)
		p.expectClose()
	})
	var got []string
	for batch, err := range client(url).Batches(t.Context(), feed.Subscription{Filter: "true"}) {
		if err != nil {
			require.Equal(t, &feed.OrderError{Last: 41, Got: 40}, err)
			break
		}
		got = append(got, fmt.Sprintf("%d up to %d", len(batch.Events), batch.Position))
	}
	require.Equal(t, []string{"2 up to 3", "0 up to 40", "1 up to 41"}, got)
}

func TestNowIsKeptOnceItWasSubscribed(t *testing.T) {
	t.Parallel()
	now := func(p *peer) {
		p.accept("t")
		p.expect(`{"type":"subscribe","id":"feed","from":{"now":true}}`)
	}
	url := serve(t, now,
		func(p *peer) {
			now(p)
			p.send(`{"type":"subscribed","id":"feed","position":12}`)
		},
		func(p *peer) {
			p.subscribe(12)
			p.events(13)
			p.expectClose()
		},
	)
	positions, err := collect(t, client(url), feed.Subscription{From: feed.Now()}, 1)
	require.NoError(t, err)
	require.Equal(t, []int64{13}, positions)
}

func TestASnapshotComesOnceAndWhole(t *testing.T) {
	t.Parallel()
	snapshot := func(p *peer) {
		p.accept("t")
		p.expect(`{"type":"subscribe","id":"feed","from":{"snapshot":"orders"}}`)
		p.send(`{"type":"snapshot","id":"feed","rows":[{"id":1},{"id":2}]}`)
	}
	url := serve(t, snapshot, // cut before it is whole
		func(p *peer) {
			snapshot(p)
			p.send(`{"type":"snapshot","id":"feed","rows":[{"id":3}]}`)
			p.send(`{"type":"subscribed","id":"feed","position":90}`)
			p.events(91)
		},
		func(p *peer) {
			p.subscribe(91)
			p.events(92)
			p.expectClose()
		},
	)
	var got []string
	fill := func(rows []json.RawMessage, position int64) error {
		got = append(got, fmt.Sprintf("%s at %d", rows, position))
		return nil
	}
	positions, err := collect(t, client(url), feed.Subscription{From: feed.Snapshot("orders", fill)}, 2)
	require.NoError(t, err)
	require.Equal(t, []int64{91, 92}, positions)
	require.Equal(t, []string{`[{"id":1} {"id":2} {"id":3}] at 90`}, got)
}

func TestASnapshotThatCannotBeKeptEndsTheSubscription(t *testing.T) {
	t.Parallel()
	url := serve(t, func(p *peer) {
		p.accept("t")
		p.expect(`{"type":"subscribe","id":"feed","from":{"snapshot":"orders"}}`)
		p.send(`{"type":"subscribed","id":"feed","position":0}`)
		p.expectClose()
	})
	full := errors.New("the disk is full")
	_, err := collect(t, client(url), feed.Subscription{From: feed.Snapshot("orders", func([]json.RawMessage, int64) error { return full })}, 0)
	require.ErrorIs(t, err, full)
}

func TestWhatBreaksTheOrderIsNotDelivered(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		selection feed.Subscription
		script    func(*peer)
		want      feed.OrderError
		delivered []int64
	}{
		"repeated":  {feed.Subscription{Filter: "true"}, func(p *peer) { p.events(1, 2); p.events(2, 3) }, feed.OrderError{Last: 2, Got: 2}, []int64{1, 2}},
		"backwards": {feed.Subscription{Filter: "true"}, func(p *peer) { p.events(5, 4) }, feed.OrderError{Last: 5, Got: 4}, []int64{5}},
		"below what was passed over": {feed.Subscription{Filter: "true"}, func(p *peer) {
			p.send(`{"type":"events","id":"feed","position":9,"events":[]}`)
			p.events(8)
		}, feed.OrderError{Last: 9, Got: 8}, nil},
		"a frame that ends before its events": {feed.Subscription{Filter: "true"}, func(p *peer) {
			p.send(`{"type":"events","id":"feed","position":2,"events":[%s]}`, cloudEvent(3))
		}, feed.OrderError{Last: 3, Got: 2}, []int64{3}},
		"a hole": {feed.Subscription{}, func(p *peer) { p.events(1, 2); p.events(4) }, feed.OrderError{Last: 2, Got: 4}, []int64{1, 2}},
		"a hole at the end of a frame": {feed.Subscription{}, func(p *peer) {
			p.send(`{"type":"events","id":"feed","position":4,"events":[%s]}`, cloudEvent(1))
		}, feed.OrderError{Last: 1, Got: 4}, []int64{1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := serve(t, func(p *peer) {
				p.accept("t")
				_, _, _ = p.ws.ReadMessage()
				p.send(`{"type":"subscribed","id":"feed","position":0}`)
				test.script(p)
				p.expectClose()
			})
			positions, err := collect(t, client(url), test.selection, 0)
			require.Equal(t, &test.want, err)
			require.Equal(t, test.delivered, positions)
		})
	}
}

func TestAResumeElsewhereIsRefused(t *testing.T) {
	t.Parallel()
	url := serve(t,
		func(p *peer) {
			p.subscribe(0)
			p.events(1, 2, 3)
		},
		func(p *peer) {
			p.accept("t")
			p.expect(`{"type":"subscribe","id":"feed","from":{"after":3}}`)
			p.send(`{"type":"subscribed","id":"feed","position":2}`)
			p.expectClose()
		},
	)
	_, err := collect(t, client(url), feed.Subscription{}, 0)
	require.Equal(t, &feed.OrderError{Last: 3, Got: 2}, err)
}

func TestTheLoopEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	url := serve(t, func(p *peer) {
		p.subscribe(0)
		p.events(1, 2)
		p.expectClose()
	})
	var positions []int64
	for e, err := range client(url).Subscribe(ctx, feed.Subscription{}) {
		if err != nil {
			require.ErrorIs(t, err, context.Canceled)
			require.Equal(t, []int64{1}, positions)
			return
		}
		positions = append(positions, e.Position)
		cancel()
	}
	require.Fail(t, "no error")
}

// A loop that does not come round leaves the rest in the socket: the server
// cannot send more than that holds, so nothing piles up here.
func TestASlowLoopHoldsTheServerBack(t *testing.T) {
	t.Parallel()
	const frames, size = 256, 1 << 20
	held := make(chan struct{})
	url := serve(t, func(p *peer) {
		p.subscribe(0)
		for i := range frames {
			frame := fmt.Sprintf(`{"type":"events","id":"feed","position":%d,"events":[%s]}`, i+1,
				strings.Replace(cloudEvent(int64(i+1)), `{"total"`, `{"filler":"`+strings.Repeat("x", size)+`","total"`, 1))
			_ = p.ws.SetWriteDeadline(time.Now().Add(5 * time.Second))
			if p.ws.WriteMessage(websocket.TextMessage, []byte(frame)) != nil {
				close(held)
				return
			}
		}
		t.Errorf("%d MiB were sent to a loop that stands still", frames*size>>20)
	})
	for e, err := range client(url).Subscribe(t.Context(), feed.Subscription{}) {
		require.NoError(t, err)
		require.Equal(t, int64(1), e.Position)
		select {
		case <-held:
		case <-time.After(patience):
			require.Fail(t, "the server was not held back")
		}
		break
	}
}

func TestPingsAreAnswered(t *testing.T) {
	t.Parallel()
	url := serve(t, func(p *peer) {
		p.subscribe(0)
		pong := make(chan string, 1)
		p.ws.SetPongHandler(func(data string) error {
			pong <- data
			p.events(1)
			return nil
		})
		_ = p.ws.WriteControl(websocket.PingMessage, []byte("are you there"), time.Now().Add(patience))
		p.expectClose()
		if got := <-pong; got != "are you there" {
			t.Errorf("pong %q", got)
		}
	})
	_, err := collect(t, client(url), feed.Subscription{}, 1)
	require.NoError(t, err)
}
