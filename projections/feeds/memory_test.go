package feeds_test

import (
	"bytes"
	"context"
	"fmt"
	"runtime"
	"runtime/pprof"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tansu.cloud/eventstore"
	"tansu.cloud/projections/feeds"
)

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// The tests of this file look at the whole process and run alone.

func TestStalledReadersCostNothing(t *testing.T) {
	e := newEnv(t)
	tenant := uuid.New()
	fast := e.open(tenant, feeds.Spec{})
	var stalled []*reader
	for range 100 {
		stalled = append(stalled, e.open(tenant, feeds.Spec{}))
	}
	large := newEvent{eventstore.Stream{Type: "order", ID: "1"}, "order.changed", `{"x":"` + strings.Repeat("x", 4<<10) + `"}`}
	before := heap()
	for range 200 {
		fast.until(e.append(tenant, "a", slices.Repeat([]newEvent{large}, 10)...))
		require.LessOrEqual(t, e.hub.TailBytes(), int64(1<<20))
	}
	stored := int64(2000 * (4<<10 + 1000)) // what the log in memory holds
	require.Less(t, heap()-before-stored, int64(4<<20))
	for _, r := range stalled[:3] {
		require.Equal(t, sequence(1, 2000), r.until(2000))
	}
	runtime.KeepAlive(stalled)
}

// The cost of an entry is about its memory.
func TestTheCostOfATailIsItsMemory(t *testing.T) {
	for _, size := range []int{50, 2000} {
		e := newEnv(t, func(c *feeds.Config) { c.TailEvents, c.TailBytes = 10_000, 1<<30 })
		tenant := uuid.New()
		r := e.open(tenant, feeds.Spec{Filter: `actor == "a"`})
		stored, tail := heap(), int64(0)
		for i := range 20 {
			events := some(100)
			for j := range events {
				events[j].data = fmt.Sprintf(`{"n":%d,"x":"%s"}`, i, strings.Repeat("x", size))
			}
			head := e.append(tenant, "a", events...)
			r.until(head)
		}
		tail = heap() - stored
		stored = 2000 * int64(size+700) // what the log in memory holds
		cost := e.hub.TailBytes()
		require.InEpsilon(t, cost, tail-stored, 0.5, "data of %d bytes", size)
		require.NoError(t, e.hub.Stop(context.Background()))
	}
}

func TestStoppedHubsLeaveNoGoroutine(t *testing.T) {
	for range 3 {
		e := newEnv(t)
		tenant := uuid.New()
		r := e.open(tenant, feeds.Spec{})
		r.until(e.append(tenant, "a", some(10)...))
		e.wire.keep(true)
		e.hub.Hint(tenant, e.append(tenant, "a", some(1000)...))
		require.NoError(t, e.hub.Stop(t.Context()))
		var stacks bytes.Buffer
		require.NoError(t, pprof.Lookup("goroutine").WriteTo(&stacks, 2))
		require.NotContains(t, stacks.String(), "feeds.(*Hub)")
		require.NotContains(t, stacks.String(), "feeds.(*tail)")
	}
}
