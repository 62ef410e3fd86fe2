package feeds_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tansu.cloud/eventstore"
	"tansu.cloud/eventstore/memory"
	"tansu.cloud/platform/postgrestest"
	"tansu.cloud/platform/tenantscope"
	"tansu.cloud/projections"
	"tansu.cloud/projections/feeds"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

const timeout = 30 * time.Second // of waits; reached only when a test fails

// env is a log in memory whose relay publishes to a wire that the test holds.
type env struct {
	t     testing.TB
	store *memory.Store
	log   *faultyLog
	wire  *wire
	hub   *feeds.Hub
}

// newEnv starts a hub that polls only when the test says so, on a wire that
// delivers everything.
func newEnv(t testing.TB, change ...func(*feeds.Config)) *env {
	t.Helper()
	e := &env{t: t, wire: newWire()}
	relay, err := projections.NewRelay(projections.RelayConfig{Publisher: e.wire})
	require.NoError(t, err)
	require.NoError(t, relay.Start(context.Background()))
	e.store = memory.New(memory.Options{OnCommit: relay.Committed})
	e.log = &faultyLog{Store: e.store}
	config := feeds.Config{Subscriber: e.wire, Log: e.log, HeadsOf: headsOf(e.log), PollInterval: time.Hour}
	for _, c := range change {
		c(&config)
	}
	e.hub, err = feeds.NewHub(config)
	require.NoError(t, err)
	require.NoError(t, e.hub.Start(context.Background()))
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), timeout)
		defer cancel()
		require.NoError(t, e.hub.Stop(ctx))
		require.NoError(t, relay.Stop(ctx))
	})
	return e
}

func headsOf(log eventstore.Reader) func(context.Context, []uuid.UUID) ([]eventstore.Head, error) {
	return func(ctx context.Context, tenants []uuid.UUID) (heads []eventstore.Head, err error) {
		for _, id := range tenants {
			head, err := log.Head(ctx, id)
			if err != nil {
				return heads, err
			}
			if head.Position > 0 {
				heads = append(heads, head)
			}
		}
		return heads, nil
	}
}

// newEvent is an event of a stream with some data.
type newEvent struct {
	stream eventstore.Stream
	typ    string
	data   string
}

// append commits events to one stream after another and returns the head.
func (e *env) append(tenant uuid.UUID, actor string, events ...newEvent) int64 {
	e.t.Helper()
	a := eventstore.Append{TenantID: tenant, Metadata: eventstore.Metadata{Actor: actor, CorrelationID: "c"}}
	at := map[eventstore.Stream]int{}
	for _, n := range events {
		i, found := at[n.stream]
		if !found {
			i = len(a.Writes)
			at[n.stream] = i
			a.Writes = append(a.Writes, eventstore.StreamWrite{Stream: n.stream, Expected: eventstore.AnyVersion})
		}
		a.Writes[i].Events = append(a.Writes[i].Events, eventstore.NewEvent{ID: uuid.New(), Type: n.typ, SchemaVersion: 1, Data: json.RawMessage(n.data)})
	}
	res, err := e.store.Append(context.Background(), a)
	require.NoError(e.t, err)
	return res.Position
}

// some makes n events of one stream.
func some(n int) []newEvent {
	events := make([]newEvent, n)
	for i := range events {
		events[i] = newEvent{eventstore.Stream{Type: "order", ID: "1"}, "order.changed", fmt.Sprintf(`{"n":%d}`, i)}
	}
	return events
}

// reader is a cursor with a place for its wakes.
type reader struct {
	*feeds.Cursor
	t     testing.TB
	woken chan struct{}
	wakes atomic.Int64
}

func (e *env) open(tenant uuid.UUID, s feeds.Spec) *reader {
	e.t.Helper()
	r, err := e.tryOpen(tenant, s)
	require.NoError(e.t, err)
	e.t.Cleanup(r.Close)
	return r
}

func (e *env) tryOpen(tenant uuid.UUID, s feeds.Spec) (r *reader, err error) {
	r = &reader{t: e.t, woken: make(chan struct{}, 1)}
	r.Cursor, err = e.hub.Open(tenantscope.Within(context.Background(), tenant), tenant, s, func() {
		r.wakes.Add(1)
		select {
		case r.woken <- struct{}{}:
		default:
		}
	})
	return r, err
}

func (r *reader) next(maxEvents int) feeds.Batch {
	r.t.Helper()
	b, err := r.Next(context.Background(), maxEvents, 1<<20)
	require.NoError(r.t, err)
	return b
}

// await waits for a wake.
func (r *reader) await() {
	r.t.Helper()
	select {
	case <-r.woken:
	case <-time.After(timeout):
		require.FailNow(r.t, "the cursor was not woken", "at position %d", r.Position())
	}
}

// until reads to a position and returns the positions of what was delivered.
func (r *reader) until(position int64) (delivered []int64) {
	r.t.Helper()
	for {
		b := r.next(100)
		for _, e := range b.Entries {
			delivered = append(delivered, e.Event.Position)
		}
		if b.Position >= position {
			return delivered
		}
		if !b.More {
			r.await()
		}
	}
}

// sequence lists the positions from … to.
func sequence(from, to int64) (all []int64) {
	for p := from; p <= to; p++ {
		all = append(all, p)
	}
	return all
}

// wire is a publisher and a subscriber with the test between them.
type wire struct {
	out    chan *message.Message
	closed chan struct{}

	mu        sync.Mutex
	changed   *sync.Cond
	hold      bool // keep messages for the test
	held      []*message.Message
	published int64 // position up to which the relay has published
	refuse    error // of Subscribe

	lose func() bool // whether a message is lost; nil: none
}

func newWire() *wire {
	w := &wire{out: make(chan *message.Message), closed: make(chan struct{})}
	w.changed = sync.NewCond(&w.mu)
	return w
}

func (w *wire) Publish(_ string, messages ...*message.Message) error {
	for _, m := range messages {
		w.mu.Lock()
		hold := w.hold
		if hold {
			w.held = append(w.held, m)
		}
		w.mu.Unlock()
		if !hold && (w.lose == nil || !w.lose()) {
			w.deliver(m)
		}
		_, position, err := projections.MessageHead(m)
		if err != nil {
			return err
		}
		w.mu.Lock()
		w.published = max(w.published, position)
		w.changed.Broadcast()
		w.mu.Unlock()
	}
	return nil
}

// settle waits until the relay has published up to a position.
func (w *wire) settle(position int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.published < position {
		w.changed.Wait()
	}
}

// keep makes the wire hold messages, or deliver them again.
func (w *wire) keep(hold bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.hold = hold
}

// takeHeld returns the held messages.
func (w *wire) takeHeld() []*message.Message {
	w.mu.Lock()
	defer w.mu.Unlock()
	held := w.held
	w.held = nil
	return held
}

// deliver returns when the hub has taken the message.
func (w *wire) deliver(m *message.Message) {
	m = m.Copy()
	select {
	case w.out <- m:
		<-m.Acked()
	case <-w.closed:
	}
}

func (w *wire) Subscribe(ctx context.Context, _ string) (<-chan *message.Message, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.refuse != nil {
		return nil, w.refuse
	}
	out := make(chan *message.Message)
	go func() {
		defer close(out)
		for {
			select {
			case m := <-w.out:
				out <- m
			case <-ctx.Done():
				return
			case <-w.closed:
				return
			}
		}
	}()
	return out, nil
}

func (w *wire) Close() error {
	close(w.closed)
	return nil
}

// faultyLog fails on request.
type faultyLog struct {
	*memory.Store
	fail  atomic.Bool
	hole  atomic.Int64 // position that is missing
	pages atomic.Int64
	after atomic.Pointer[func()] // called when a page was read
}

var errFaulty = errors.New("the log cannot be read now")

func (l *faultyLog) ReadLog(ctx context.Context, tenant uuid.UUID, q eventstore.LogQuery) (eventstore.LogPage, error) {
	if l.fail.Load() {
		return eventstore.LogPage{}, errFaulty
	}
	l.pages.Add(1)
	page, err := l.Store.ReadLog(ctx, tenant, q)
	for i, e := range page.Events {
		if e.Position == l.hole.Load() {
			page.Events = append(page.Events[:i], page.Events[i+1:]...)
			break
		}
	}
	if after := l.after.Swap(nil); after != nil {
		(*after)()
	}
	return page, err
}
