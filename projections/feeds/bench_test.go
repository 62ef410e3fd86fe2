package feeds_test

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tansu.cloud/eventstore"
	"tansu.cloud/platform/tenantscope"
	"tansu.cloud/projections/feeds"
)

// BenchmarkFanOut appends runs of events and waits until every cursor has taken
// them as CloudEvents: relay, message, tail, wake and batch, without sockets.
func BenchmarkFanOut(b *testing.B) {
	for _, c := range []struct {
		cursors, run int
		spec         feeds.Spec
		name         string
	}{
		{100, 1, feeds.Spec{FromNow: true}, "all"},
		{1000, 1, feeds.Spec{FromNow: true}, "all"},
		{1000, 100, feeds.Spec{FromNow: true}, "all"},
		{1000, 1, feeds.Spec{FromNow: true, Topics: []feeds.Topic{{Type: "order.changed"}}, Filter: `data.n >= 0 && actor == "a"`}, "filter"},
	} {
		b.Run(fmt.Sprintf("%d cursors, runs of %d, %s", c.cursors, c.run, c.name), func(b *testing.B) {
			e := newEnv(b)
			tenant := uuid.New()
			ready := make(chan *feeds.Cursor, c.cursors)
			var missing atomic.Int64
			done := make(chan struct{}, 1)
			var cursors []*feeds.Cursor
			for i := range c.cursors {
				cursors = append(cursors, nil)
				var err error
				cursors[i], err = e.hub.Open(tenantscope.Within(context.Background(), tenant), tenant, c.spec, func() { ready <- cursors[i] })
				require.NoError(b, err)
			}
			var readers sync.WaitGroup
			for range 2 {
				readers.Go(func() {
					for cursor := range ready {
						for more := true; more; {
							batch, err := cursor.Next(context.Background(), 1000, 1<<20)
							if err != nil {
								b.Error(err)
							}
							if n := int64(len(batch.Entries)); n > 0 && missing.Add(-n) == 0 {
								done <- struct{}{}
							}
							more = batch.More
						}
					}
				})
			}
			events := some(c.run)
			b.ReportAllocs()
			b.ResetTimer()
			for range b.N {
				missing.Store(int64(c.cursors * c.run))
				e.append(tenant, "a", events...)
				<-done
			}
			b.StopTimer()
			deliveries := float64(b.N * c.cursors * c.run)
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/deliveries, "ns/delivery")
			b.ReportMetric(deliveries/b.Elapsed().Seconds(), "deliveries/s")
			for _, cursor := range cursors {
				cursor.Close()
			}
			close(ready)
			readers.Wait()
		})
	}
}

// BenchmarkSelectOther has 10,000 cursors, each on a stream of its own, and
// events of another one: what most sockets of a busy tenant cost.
func BenchmarkSelectOther(b *testing.B) {
	e := newEnv(b)
	tenant := uuid.New()
	var stopping atomic.Bool
	var cursors []*feeds.Cursor
	for i := range 10_000 {
		c, err := e.hub.Open(tenantscope.Within(context.Background(), tenant), tenant, feeds.Spec{FromNow: true, Topics: []feeds.Topic{{StreamType: "order", StreamID: fmt.Sprint(i, "x")}}},
			func() {
				if !stopping.Load() {
					b.Error("woken")
				}
			})
		require.NoError(b, err)
		cursors = append(cursors, c)
	}
	events := some(1)
	b.ResetTimer()
	for range b.N {
		head := e.append(tenant, "a", events...)
		for cursors[0].Position() < head || cursors[len(cursors)-1].Position() < head {
			runtime.Gosched()
		}
	}
	b.StopTimer()
	stopping.Store(true)
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*10_000), "ns/cursor")
}

func BenchmarkCloudEvent(b *testing.B) {
	raw := event()
	raw.Stream = eventstore.Stream{Type: "order", ID: "01926a3c-7d1e-7c4b-9a51-3f0c1b2d4e5f"}
	b.ReportAllocs()
	for b.Loop() {
		feeds.NewEntry(raw).CloudEvent()
	}
}

func BenchmarkCatchUp(b *testing.B) {
	e := newEnv(b)
	tenant := uuid.New()
	for range 50 {
		e.append(tenant, "a", some(1000)...)
	}
	b.ResetTimer()
	for range b.N {
		c, err := e.hub.Open(tenantscope.Within(context.Background(), tenant), tenant, feeds.Spec{}, func() {})
		require.NoError(b, err)
		for c.Position() < 50_000 {
			_, err := c.Next(context.Background(), 500, 1<<20)
			require.NoError(b, err)
		}
		c.Close()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*50_000), "ns/event")
}
