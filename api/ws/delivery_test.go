package ws_test

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tansu.cloud/api/ws"
)

// TestSubscribe: each way to begin, and that topics, filter and unsubscribe hold.
func TestSubscribe(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.commit(acme, "1", 3, 0)
	e.commit(other, "1", 7, 0)
	c := e.connect("good")
	require.EqualValues(t, 1, c.subscribe("after", `{"after":1}`))
	require.Equal(t, []int64{2, 3}, c.until(3))
	c.say(`{"type":"unsubscribe","id":"after"}`)
	c.expect("unsubscribed")

	require.EqualValues(t, 3, c.subscribe("now", `{"now":true}`))
	c.say(`{"type":"subscribe","id":"\"two\"","from":{"after":0},"topics":[{"stream_id":"2"}],"filter":"type == \"order.changed\""}`)
	begins := c.expect("subscribed")
	require.Equal(t, `"two"`, begins.ID)
	require.Zero(t, begins.Position)
	e.commit(acme, "2", 2, 0)
	got := map[string][]int64{}
	for len(got["now"]) < 2 || len(got[`"two"`]) < 2 {
		f := c.expect("events")
		for _, event := range f.Events {
			require.Equal(t, "order.changed", event.Type)
			got[f.ID] = append(got[f.ID], event.Position)
		}
	}
	require.Equal(t, map[string][]int64{"now": {4, 5}, `"two"`: {4, 5}}, got)
}

// TestUnsubscribeThenSubscribe: an id can be used again at once, and nothing of
// the old subscription comes after unsubscribed.
func TestUnsubscribeThenSubscribe(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.commit(acme, "1", 900, 0)
	c := e.connect("good")
	c.say(`{"type":"subscribe","id":"a","from":{"after":0}}`)
	c.say(`{"type":"unsubscribe","id":"a"}`)
	c.say(`{"type":"subscribe","id":"a","from":{"after":899}}`)
	for {
		if f, err := c.read(); err != nil || f.Type == "unsubscribed" {
			require.NoError(t, err)
			break
		}
	}
	require.EqualValues(t, 899, c.expect("subscribed").Position)
	require.Equal(t, []int64{900}, c.until(900))
}

// TestSnapshotThenLive: rows in several frames, then subscribed with their
// position, then what came after it, while others write.
func TestSnapshotThenLive(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.commit(acme, "1", 1000, 0)
	var writing sync.WaitGroup
	for range 2 {
		writing.Go(func() {
			for range 200 {
				e.commit(acme, "2", 1, 0)
			}
		})
	}
	c := e.connect("good")
	c.say(`{"type":"subscribe","id":"a","from":{"snapshot":"orders"}}`)
	rows, frames := 0, 0
	f, err := c.read()
	for ; err == nil && f.Type == "snapshot"; f, err = c.read() {
		rows += len(f.Rows)
		frames++
	}
	require.NoError(t, err)
	require.Equal(t, "subscribed", f.Type)
	require.EqualValues(t, rows, f.Position)
	require.Greater(t, frames, 1)
	if f.Position < 1400 {
		require.Equal(t, sequence(f.Position+1, 1400), c.until(1400))
	}
	writing.Wait()
}

// TestPositionWithoutEvents: a reader that selects nothing is told how far the
// log went, now and then.
func TestPositionWithoutEvents(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	c := e.connect("good")
	c.say(`{"type":"subscribe","id":"a","from":{"now":true},"topics":[{"type":"never"}]}`)
	c.expect("subscribed")
	begun := time.Now()
	var told int64
	for round := range 2 {
		head := e.commit(acme, "1", 5, 0)
		for told < head {
			f := c.expect("events")
			require.Empty(t, f.Events)
			require.Greater(t, f.Position, told)
			told = f.Position
		}
		require.GreaterOrEqual(t, time.Since(begun), time.Duration(round)*time.Second, "at most once a second")
	}
}

// TestFairness: a subscription with much to deliver does not hold up the others
// of its connection.
func TestFairness(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	for range 10 {
		e.commit(acme, "1", 1000, 100)
	}
	c := e.connect("good")
	c.say(`{"type":"subscribe","id":"long","from":{"after":0}}`)
	c.say(`{"type":"subscribe","id":"short","from":{"after":9999}}`)
	batches := 0
	for {
		f, err := c.read()
		require.NoError(t, err)
		if f.Type == "events" && f.ID == "short" {
			break
		}
		switch f.Type {
		case "events":
			batches++
		case "subscribed": // to short at the latest; before that it had no claim
			batches = 0
		}
	}
	require.Less(t, batches, 10)
}

// TestResume: whatever breaks the connections, each reader gets every event
// once and in order, by its position. Writers go on as the first reader does.
func TestResume(t *testing.T) {
	t.Parallel()
	const readers, writers, each = 20, 4, 300
	e := newEnv(t)
	var writing, reading sync.WaitGroup
	goOn := make(chan struct{}, 1)
	for w := range writers {
		writing.Go(func() {
			for i := range each {
				if i%5 == 0 {
					<-goOn
				}
				e.commit(acme, fmt.Sprint(w), 1, 200)
			}
		})
	}
	breaks := make([]int, readers)
	for r := range readers {
		reading.Go(func() {
			if r == 0 {
				defer close(goOn)
			}
			var seen int64
			for seen < writers*each {
				c := e.connect("good")
				c.say(fmt.Sprintf(`{"type":"subscribe","id":"a","from":{"after":%d}}`, seen))
				for frames := rand.IntN(40); frames >= 0 && seen < writers*each; frames-- {
					f, err := c.read()
					if err != nil {
						break
					}
					for _, event := range f.Events {
						if event.Position != seen+1 {
							t.Errorf("reader %d: %d after %d", r, event.Position, seen)
							return
						}
						seen = event.Position
					}
					if r > 0 {
						continue
					}
					select {
					case goOn <- struct{}{}:
					default:
					}
				}
				breaks[r]++
				_ = c.NetConn().Close() // without a word
			}
		})
	}
	writing.Wait()
	reading.Wait()
	require.Greater(t, slices.Max(breaks), 3, "%v", breaks)
}

// TestStalledReaders: 100 of them cost no memory to speak of, hold nobody up, and
// are hung up on.
func TestStalledReaders(t *testing.T) {
	const stalled, events, padding = 100, 2000, 4 << 10
	e := newEnv(t)
	e.server.Shorten(ws.Periods{Write: 10 * time.Second})
	fast := e.connect("good")
	fast.subscribe("a", `{"now":true}`)
	for range stalled {
		c := e.connect("good")
		c.subscribe("a", `{"now":true}`) // and reads no more
	}
	before := heap()
	done := make(chan []int64)
	go func() { done <- fast.until(events) }()
	var most uint64
	for i := range events / 10 {
		e.commit(acme, "1", 10, padding)
		if i%25 == 24 {
			most = max(most, heap())
		}
	}
	require.Equal(t, sequence(1, events), <-done)
	stored := uint64(events * (padding + 1024) * 2) // the log of the test is in memory too
	t.Logf("heap grew from %d to %d MB; the log is about %d of it", before>>20, most>>20, stored>>20)
	require.Less(t, most, before+stored+150<<20)
	require.Eventually(t, func() bool { return e.server.Holders() == 1 }, timeout, 10*time.Millisecond, "those that stall are hung up on")
	require.Less(t, heap(), before+stored+30<<20, "and what they held is free")
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// TestBytesQuota: delivery past the quota is late, and complete.
func TestBytesQuota(t *testing.T) {
	t.Parallel()
	e := newEnv(t, func(d *ws.Deps) { d.Quotas.Bytes = ws.Quota{Tenant: 1 << 20, Principal: 1 << 20} })
	for range 30 {
		e.commit(acme, "1", 100, 1000) // 4 MB and more
	}
	c := e.connect("good")
	begun := time.Now()
	c.subscribe("a", `{"after":0}`)
	require.Equal(t, sequence(1, 3000), c.until(3000))
	require.Greater(t, time.Since(begun), time.Second)
}

// TestSlowTaker: a reader that takes its frames, but slowly again and again, is
// closed with its positions.
func TestSlowTaker(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.server.Shorten(ws.Periods{Write: 20 * time.Second, SlowWrite: 50 * time.Millisecond})
	for range 16 {
		e.commit(acme, "1", 250, 4<<10)
	}
	c := e.connect("good")
	c.deafen()
	begins := c.subscribe("a", `{"after":0}`)
	require.Zero(t, begins)
	var seen int64
	for {
		time.Sleep(150 * time.Millisecond) // that is how slow it is
		f, err := c.read()
		require.NoError(t, err)
		if f.Type == "closing" {
			require.Equal(t, "too_slow", f.Code)
			require.Equal(t, map[string]int64{"a": seen}, f.Positions)
			require.Positive(t, f.RetryIn)
			break
		}
		if f.Type == "events" {
			seen = f.Position
		}
	}
	c.ends(4409)
}

// TestLagged: a reader that falls behind what is kept in memory is told so, once
// each time, and gets everything.
func TestLagged(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.server.Shorten(ws.Periods{Write: 10 * timeout, SlowWrite: 10 * timeout, Silence: 10 * timeout}) // c is silent for as long as the machine needs
	c, fast := e.connect("good"), e.connect("good")
	c.subscribe("a", `{"now":true}`)
	fast.subscribe("a", `{"now":true}`)
	for range 150 {
		fast.until(e.commit(acme, "1", 20, 4<<10))
	}
	var seen, told int64
	lagged := 0
	for seen < 3000 {
		f, err := c.read()
		require.NoError(t, err)
		if f.Type == "lagged" {
			lagged++
			require.Equal(t, told, f.Position)
			continue
		}
		told = f.Position
		for _, event := range f.Events {
			require.Equal(t, seen+1, event.Position)
			seen = event.Position
		}
	}
	require.Positive(t, lagged)
	require.EqualValues(t, lagged, e.server.Lagged())
}
