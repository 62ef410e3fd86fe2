package feeds_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"tansu.cloud/eventstore"
	"tansu.cloud/projections/feeds"
)

// choice is a selection beside a model of it.
type choice struct {
	topics []feeds.Topic
	filter string
	model  func(e *eventstore.Event, actor string, n int64) bool
}

var choices = []choice{
	{model: func(*eventstore.Event, string, int64) bool { return true }},
	{topics: []feeds.Topic{{}}, filter: "data.n >= 3", model: func(_ *eventstore.Event, _ string, n int64) bool { return n >= 3 }},
	{topics: []feeds.Topic{{Type: "order.paid"}, {Type: "user.renamed"}}, model: func(e *eventstore.Event, _ string, _ int64) bool {
		return e.Type == "order.paid" || e.Type == "user.renamed"
	}},
	{topics: []feeds.Topic{{StreamType: "user"}}, filter: `data.n < 5 || actor == "b"`, model: func(e *eventstore.Event, actor string, n int64) bool {
		return e.Stream.Type == "user" && (n < 5 || actor == "b")
	}},
	{topics: []feeds.Topic{{StreamType: "order", StreamID: "1"}, {Actor: "b"}}, model: func(e *eventstore.Event, actor string, _ int64) bool {
		return e.Stream == eventstore.Stream{Type: "order", ID: "1"} || actor == "b"
	}},
	{topics: []feeds.Topic{{StreamID: "2", Type: "order.paid"}, {StreamID: "3"}}, model: func(e *eventstore.Event, _ string, _ int64) bool {
		return e.Stream.ID == "3" || e.Stream.ID == "2" && e.Type == "order.paid"
	}},
	{topics: []feeds.Topic{{Type: "nothing"}}, model: func(*eventstore.Event, string, int64) bool { return false }},
}

// observer checks a cursor against the log while it reads.
type observer struct {
	*reader
	choice   choice
	coalesce bool
	position int64
}

// read takes one batch and compares it with the log.
func (o *observer) read(t require.TestingT, e *env, tenant uuid.UUID, maxEvents, maxBytes int) (more bool) {
	b, err := o.Next(context.Background(), maxEvents, maxBytes)
	if errors.Is(err, errFaulty) {
		return false
	}
	require.NoError(t, err)
	require.GreaterOrEqual(t, b.Position, o.position)
	expected := e.selected(t, tenant, o.position, b.Position, o.choice)
	o.position = b.Position
	require.LessOrEqual(t, len(b.Entries), max(maxEvents, 1))
	delivered := make([]int64, 0, len(b.Entries))
	newest := map[eventstore.Stream]int64{}
	for _, entry := range b.Entries {
		delivered = append(delivered, entry.Event.Position)
		newest[entry.Event.Stream] = entry.Event.Position
	}
	if b.Coalesced == 0 {
		require.Equal(t, positions(expected), delivered)
		return b.More
	}
	require.True(t, o.coalesce, "only who allows it")
	require.True(t, slices.IsSorted(delivered))
	require.Len(t, expected, len(delivered)+b.Coalesced)
	for _, event := range expected {
		if !slices.Contains(delivered, event.Position) {
			require.Greater(t, newest[event.Stream], event.Position, "what is left out has a newer event in the batch")
		}
	}
	return b.More
}

func positions(events []eventstore.Event) []int64 {
	found := make([]int64, len(events))
	for i, e := range events {
		found[i] = e.Position
	}
	return found
}

// selected returns the events of a range of the log that a choice selects.
func (e *env) selected(t require.TestingT, tenant uuid.UUID, after, to int64, c choice) []eventstore.Event {
	found := []eventstore.Event{}
	for after < to {
		page, err := e.store.ReadLog(context.Background(), tenant, eventstore.LogQuery{After: after, Limit: int(to - after)})
		require.NoError(t, err)
		require.NotEmpty(t, page.Events, "the cursor is beyond the end")
		for i := range page.Events {
			event := &page.Events[i]
			after = event.Position
			meta, err := event.Meta()
			require.NoError(t, err)
			var n int64
			_, err = fmt.Sscanf(string(event.Data), `{"n":%d}`, &n)
			require.NoError(t, err)
			if c.model(event, meta.Actor, n) {
				found = append(found, *event)
			}
		}
	}
	return found
}

func randomEvents(intn func(int) int) []newEvent {
	events := make([]newEvent, 1+intn(12))
	for i := range events {
		stream := eventstore.Stream{Type: []string{"order", "user"}[intn(2)], ID: fmt.Sprint(1 + intn(4))}
		events[i] = newEvent{stream, []string{"order.paid", "user.renamed", "order.changed"}[intn(3)], fmt.Sprintf(`{"n":%d}`, intn(10))}
	}
	return events
}

// TestAnyInterleaving does everything in any order: appends, messages that are
// lost, repeated and reordered, hints, reads of any size, logs that fail. Each
// cursor gets exactly what it selects, once and in order.
func TestAnyInterleaving(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		e := newEnv(t, func(c *feeds.Config) {
			c.TailEvents = rapid.SampledFrom([]int{2, 8, 40}).Draw(rt, "tail events")
			c.TailBytes = rapid.SampledFrom([]int{1, 20_000, 1 << 20}).Draw(rt, "tail bytes")
		})
		e.wire.keep(true)
		tenant := uuid.New()
		var head int64
		var messages []*message.Message
		var observers []*observer
		rt.Repeat(map[string]func(*rapid.T){
			"append": func(rt *rapid.T) {
				events := randomEvents(func(n int) int { return rapid.IntRange(0, n-1).Draw(rt, "n") })
				head = e.append(tenant, rapid.SampledFrom([]string{"a", "b"}).Draw(rt, "actor"), events...)
				e.wire.settle(head)
				messages = append(messages, e.wire.takeHeld()...)
			},
			"deliver": func(rt *rapid.T) {
				if len(messages) > 0 { // the oldest stays the most likely
					e.wire.deliver(messages[rapid.IntRange(0, min(len(messages)-1, 2)).Draw(rt, "which")])
				}
			},
			"deliver and forget": func(*rapid.T) {
				if len(messages) > 0 {
					e.wire.deliver(messages[0])
					messages = messages[1:]
				}
			},
			"lose": func(*rapid.T) {
				if len(messages) > 0 {
					messages = messages[1:]
				}
			},
			"hint": func(rt *rapid.T) {
				e.hub.Hint(tenant, head+rapid.SampledFrom([]int64{0, 0, -3, 3, 1000}).Draw(rt, "beyond"))
			},
			"poll": func(*rapid.T) { require.NoError(rt, e.hub.Poll(context.Background())) },
			"fail": func(rt *rapid.T) { e.log.fail.Store(rapid.Bool().Draw(rt, "fails")) },
			"open": func(rt *rapid.T) {
				o := &observer{choice: rapid.SampledFrom(choices).Draw(rt, "choice"), coalesce: rapid.Bool().Draw(rt, "coalesce")}
				s := feeds.Spec{Topics: o.choice.topics, Filter: o.choice.filter, Coalesce: o.coalesce}
				if s.FromNow = rapid.Bool().Draw(rt, "now"); !s.FromNow {
					s.After = rapid.Int64Range(0, head).Draw(rt, "after")
				}
				o.reader = e.open(tenant, s)
				if o.position = o.Start(); s.FromNow {
					require.Equal(rt, head, o.position)
				}
				observers = append(observers, o)
			},
			"read": func(rt *rapid.T) {
				if len(observers) > 0 {
					o := rapid.SampledFrom(observers).Draw(rt, "reader")
					o.read(rt, e, tenant, rapid.IntRange(0, 30).Draw(rt, "events"), rapid.SampledFrom([]int{1, 2_000, 1 << 20}).Draw(rt, "bytes"))
				}
			},
			"close": func(rt *rapid.T) {
				if len(observers) > 3 {
					i := rapid.IntRange(0, len(observers)-1).Draw(rt, "reader")
					observers[i].Close()
					observers = slices.Delete(observers, i, i+1)
					e.hub.Retire(0)
				}
			},
		})
		e.log.fail.Store(false)
		for _, o := range observers {
			o.finish(rt, e, tenant, head)
			o.Close()
		}
		require.NoError(rt, e.hub.Stop(context.Background()))
	})
}

// finish reads to the head. Polls bring the tail there, but they do not wake a
// cursor of a tail that has arrived.
func (o *observer) finish(t require.TestingT, e *env, tenant uuid.UUID, head int64) {
	deadline := time.After(timeout)
	for o.position < head {
		if o.read(t, e, tenant, 20, 1<<20) || o.position == head {
			continue
		}
		require.NoError(t, e.hub.Poll(context.Background()))
		for waiting := true; waiting && o.Position() < head; { // in its sleep it may move on
			select {
			case <-o.woken:
				waiting = false
			case <-time.After(10 * time.Millisecond):
				require.NoError(t, e.hub.Poll(context.Background()))
			case <-deadline:
				require.FailNow(t, "a wake was lost", "at %d of %d", o.Position(), head)
			}
		}
	}
}

// TestManyReadersOfALossyBus has writers, a bus that loses and repeats, and
// readers that disconnect and resume, all at once.
func TestManyReadersOfALossyBus(t *testing.T) {
	t.Parallel()
	e := newEnv(t, func(c *feeds.Config) { c.TailEvents, c.PollInterval = 64, 20*time.Millisecond })
	e.wire.keep(true)
	tenant := uuid.New()
	const appends = 400
	stop := make(chan struct{})
	var carrier sync.WaitGroup
	carrier.Go(func() {
		for {
			for _, m := range e.wire.takeHeld() {
				for range []int{1, 1, 1, 0, 2}[rand.IntN(5)] {
					e.wire.deliver(m)
				}
			}
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
			}
		}
	})
	var writers, readers sync.WaitGroup
	for w := range 4 {
		writers.Go(func() {
			for range appends / 4 {
				e.append(tenant, []string{"a", "b"}[w%2], randomEvents(rand.IntN)...)
			}
		})
	}
	var final int64
	written := make(chan struct{})
	for i := range 8 {
		readers.Go(func() {
			c := choices[i%(len(choices)-1)]
			from := feeds.Spec{Topics: c.topics, Filter: c.filter}
			for done := false; !done; {
				o := &observer{choice: c}
				var err error
				if o.reader, err = e.tryOpen(tenant, from); err != nil {
					t.Error(err)
					return
				}
				o.position = o.Start()
				for n := 1 + rand.IntN(60); n > 0 && !t.Failed(); n-- {
					if o.read(t, e, tenant, 1+rand.IntN(50), 1<<20) {
						continue
					}
					select {
					case <-o.woken:
					case <-written:
						n = 0
					}
				}
				select {
				case <-written:
					o.finish(t, e, tenant, final)
					done = true
				default:
					done = t.Failed()
				}
				from.After = o.position
				o.Close()
			}
		})
	}
	writers.Wait()
	head, err := e.store.Head(t.Context(), tenant)
	require.NoError(t, err)
	final = head.Position
	close(written)
	readers.Wait()
	close(stop)
	carrier.Wait()
}
