package feeds_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"tansu.cloud/eventstore"
	"tansu.cloud/platform/tenantscope"
	"tansu.cloud/projections/feeds"
)

func TestCursorsBeginWhereTheyAreTold(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	tenant := uuid.New()
	head := e.append(tenant, "a", some(300)...)
	whole, later, now := e.open(tenant, feeds.Spec{}), e.open(tenant, feeds.Spec{After: 120}), e.open(tenant, feeds.Spec{FromNow: true})
	require.Equal(t, []int64{0, 120, head}, []int64{whole.Start(), later.Start(), now.Start()})
	require.Equal(t, head, now.Position())
	head = e.append(tenant, "a", some(3)...)
	require.Equal(t, sequence(1, head), whole.until(head))
	require.Equal(t, sequence(121, head), later.until(head))
	require.Equal(t, sequence(301, head), now.until(head))

	_, err := e.tryOpen(tenant, feeds.Spec{After: head + 1})
	require.ErrorIs(t, err, feeds.ErrAhead)
	_, err = e.tryOpen(tenant, feeds.Spec{FromSnapshot: "nobody"})
	require.ErrorIs(t, err, feeds.ErrUnknownSnapshot)
	empty := e.open(uuid.New(), feeds.Spec{})
	require.Equal(t, feeds.Batch{}, empty.next(10))
}

func TestBatchesAreBounded(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	tenant := uuid.New()
	live := e.open(tenant, feeds.Spec{})
	head := e.append(tenant, "a", some(10)...)
	live.await()
	for _, r := range []*reader{live, e.open(tenant, feeds.Spec{})} {
		b := r.next(3)
		require.Len(t, b.Entries, 3)
		require.Equal(t, int64(3), b.Position)
		require.True(t, b.More)
		size := len(b.Entries[0].CloudEvent())
		b, err := r.Next(t.Context(), 100, 2*size+10)
		require.NoError(t, err)
		require.Len(t, b.Entries, 2)
		b, err = r.Next(t.Context(), 100, 1)
		require.NoError(t, err)
		require.Len(t, b.Entries, 1, "one event, however large")
		b = r.next(100)
		require.Len(t, b.Entries, 4)
		require.Equal(t, head, b.Position)
		require.False(t, b.More)
	}
}

func TestABatchWakesEachCursorOnce(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	tenant := uuid.New()
	var readers []*reader
	for range 20 {
		readers = append(readers, e.open(tenant, feeds.Spec{FromNow: true}))
	}
	head := e.append(tenant, "a", some(500)...)
	for _, r := range readers {
		r.await()
	}
	last := e.open(tenant, feeds.Spec{FromNow: true})
	for range 2 { // who has not looked is not woken again
		e.append(tenant, "a", some(1)...)
		last.await()
		last.next(10)
	}
	for _, r := range readers {
		require.Equal(t, sequence(1, head+2), r.until(head+2))
		require.Equal(t, int64(1), r.wakes.Load())
	}
	require.Zero(t, e.log.pages.Load(), "everything came from messages")
}

func TestAWakeWhileReadingIsNotLost(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	tenant := uuid.New()
	e.append(tenant, "a", some(10)...)
	live, behind := e.open(tenant, feeds.Spec{FromNow: true}), e.open(tenant, feeds.Spec{})
	head := e.append(tenant, "a", some(1)...)
	behind.await()
	live.await()
	live.until(head)
	appended := func() {
		head = e.append(tenant, "a", some(1)...)
		live.await() // the tail has it
	}
	e.log.after.Store(&appended)
	b := behind.next(100)
	require.Equal(t, head-1, b.Position)
	behind.await()
	require.Equal(t, []int64{head}, behind.until(head))
}

// A cursor that watches something else moves on without being woken.
func TestQuietCursorsSleep(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	tenant := uuid.New()
	all := e.open(tenant, feeds.Spec{})
	quiet := e.open(tenant, feeds.Spec{Topics: []feeds.Topic{{Type: "order.paid"}}})
	filtered := e.open(tenant, feeds.Spec{Filter: "data.n > 10"})
	head := int64(0)
	for range 1200 { // more than the tail holds
		head = e.append(tenant, "a", some(1)...)
		all.await()
		all.next(10)
	}
	e.append(tenant, "a", newEvent{eventstore.Stream{Type: "order", ID: "2"}, "order.paid", `{"n":11}`})
	quiet.await()
	filtered.await()
	for _, r := range []*reader{quiet, filtered} {
		require.GreaterOrEqual(t, r.Position(), head)
		require.Equal(t, int64(1), r.wakes.Load())
		b := r.next(10)
		require.Len(t, b.Entries, 1)
		require.False(t, b.Lagged)
		require.Equal(t, head+1, b.Position)
	}
	require.Zero(t, e.log.pages.Load())
}

func TestASlowCursorLagsAndLosesNothing(t *testing.T) {
	t.Parallel()
	reader := sdkmetric.NewManualReader()
	e := newEnv(t, func(c *feeds.Config) {
		c.TailEvents = 16
		c.MeterProvider = sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	})
	tenant := uuid.New()
	fast, slow := e.open(tenant, feeds.Spec{}), e.open(tenant, feeds.Spec{})
	coalescing := e.open(tenant, feeds.Spec{Coalesce: true})
	var head int64
	for range 10 {
		head = e.append(tenant, "a", some(4)...)
		fast.until(head)
	}
	_, err := slow.NextLive(5, 1<<20)
	require.ErrorIs(t, err, feeds.ErrBehind, "and nothing was taken or said")
	b := slow.next(5)
	require.True(t, b.Lagged)
	require.Len(t, b.Entries, 5)
	require.True(t, b.More)
	b = slow.next(1)
	require.False(t, b.Lagged, "it is said once")
	require.Equal(t, sequence(7, head), slow.until(head))

	b = coalescing.next(5)
	require.True(t, b.Lagged)
	require.Len(t, b.Entries, 1, "one stream")
	require.Equal(t, 39, b.Coalesced)
	require.Equal(t, head, b.Position)
	require.Equal(t, head, b.Entries[0].Event.Position)
	head = e.append(tenant, "a", some(4)...)
	require.Equal(t, sequence(head-3, head), coalescing.until(head), "it has caught up")
	fast.until(head)
	head = e.append(tenant, "a", some(9)...)
	fast.until(head)
	require.Equal(t, []int64{head}, coalescing.until(head), "it was more than half a tail behind")

	metrics := e.metrics(reader)
	require.Equal(t, int64(2), metrics["tansu.feed.lagged"])
	require.Equal(t, int64(39+8), metrics["tansu.feed.coalesced"])
	require.Equal(t, int64(53+40+6), metrics["tansu.feed.delivered"])
	require.Equal(t, int64(3), metrics["tansu.feed.cursors"])
	require.Equal(t, int64(1), metrics["tansu.feed.tails"])
	require.Positive(t, metrics["tansu.feed.tail.bytes"])
	require.Positive(t, metrics["tansu.feed.log_pages"])
}

func (e *env) metrics(reader *sdkmetric.ManualReader) map[string]int64 {
	e.t.Helper()
	var data metricdata.ResourceMetrics
	require.NoError(e.t, reader.Collect(context.Background(), &data))
	values := map[string]int64{}
	for _, scope := range data.ScopeMetrics {
		for _, m := range scope.Metrics {
			switch d := m.Data.(type) {
			case metricdata.Gauge[int64]:
				values[m.Name] = d.DataPoints[0].Value
			case metricdata.Sum[int64]:
				values[m.Name] = d.DataPoints[0].Value
			}
		}
	}
	return values
}

// An append larger than the tail, and messages lost over more than the tail,
// leave even the fastest reader behind; that is not its fault.
func TestReadersThatCouldNotFollowDoNotLag(t *testing.T) {
	t.Parallel()
	e := newEnv(t, func(c *feeds.Config) { c.TailEvents = 16 })
	tenant := uuid.New()
	r := e.open(tenant, feeds.Spec{})
	head := e.append(tenant, "a", some(100)...)
	r.await()
	b := r.next(1000)
	require.False(t, b.Lagged)
	r.until(head)

	e.wire.keep(true)
	for range 10 {
		head = e.append(tenant, "a", some(20)...)
	}
	require.NoError(t, e.hub.Poll(t.Context()))
	r.await()
	b = r.next(1000)
	require.False(t, b.Lagged)
	require.Equal(t, sequence(b.Position+1, head), r.until(head))
}

func TestGapsHintsAndThePollAreFilledFromTheLog(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	tenant := uuid.New()
	r := e.open(tenant, feeds.Spec{FromNow: true})
	lose := func(n int) int64 {
		e.wire.keep(true)
		head := e.append(tenant, "a", some(n)...)
		e.wire.settle(head)
		e.wire.takeHeld()
		e.wire.keep(false)
		return head
	}
	lost := lose(3)
	head := e.append(tenant, "a", some(2)...)
	require.Equal(t, sequence(1, head), r.until(head), "a gap between messages")
	require.Equal(t, int64(5), head)
	require.Equal(t, int64(3), lost)

	head = lose(2)
	e.hub.Hint(uuid.New(), 1_000) // nobody watches it
	e.hub.Hint(tenant, head)
	require.Equal(t, sequence(6, 7), r.until(head), "a hint")

	head = lose(2)
	require.NoError(t, e.hub.Poll(t.Context()))
	require.Equal(t, sequence(8, 9), r.until(head), "the poll")

	e.log.fail.Store(true)
	head = lose(2)
	e.hub.Hint(tenant, head)
	e.log.fail.Store(false)
	require.NoError(t, e.hub.Poll(t.Context()))
	require.Equal(t, sequence(10, 11), r.until(head), "what could not be read is read later")

	e.hub.Hint(tenant, head+1_000_000) // nonsense
	head = e.append(tenant, "a", some(2)...)
	require.Equal(t, sequence(12, 13), r.until(head))
}

func TestRepeatedReorderedAndForeignMessages(t *testing.T) {
	t.Parallel()
	reader := sdkmetric.NewManualReader()
	e := newEnv(t, func(c *feeds.Config) { c.MeterProvider = sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)) })
	tenant, unwatched := uuid.New(), uuid.New()
	r := e.open(tenant, feeds.Spec{})
	e.wire.keep(true)
	var head int64
	for range 3 {
		head = e.append(tenant, "a", some(5)...)
		e.wire.settle(head)
	}
	m := e.wire.takeHeld()
	require.Len(t, m, 3)
	for _, i := range []int{2, 0, 0, 1, 2, 1} {
		e.wire.deliver(m[i])
	}
	require.Equal(t, sequence(1, head), r.until(head))

	broken := m[2].Copy()
	broken.Payload = []byte(`[{"position":7}]`)
	broken.Metadata.Set("position", "99")
	foreign := broken.Copy()
	foreign.Metadata.Set("tenant_id", unwatched.String())
	e.wire.deliver(foreign)
	e.wire.deliver(broken)
	nobody := broken.Copy()
	nobody.Metadata.Set("tenant_id", "nobody")
	e.wire.deliver(nobody)
	e.wire.keep(false)
	head = e.append(tenant, "a", some(1)...)
	require.Equal(t, []int64{head}, r.until(head))
	require.Equal(t, int64(2), e.metrics(reader)["tansu.feed.refused"], "that of the tenant whom nobody watches was not looked into")
}

func TestACorruptLogStopsTheTenantsCursors(t *testing.T) {
	t.Parallel()
	reader := sdkmetric.NewManualReader()
	e := newEnv(t, func(c *feeds.Config) { c.MeterProvider = sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)) })
	tenant, other := uuid.New(), uuid.New()
	live, fine := e.open(tenant, feeds.Spec{}), e.open(other, feeds.Spec{})
	require.Zero(t, e.metrics(reader)["tansu.feed.gaps"])
	e.wire.keep(true)
	head := e.append(tenant, "a", some(5)...)
	e.log.hole.Store(3)
	e.hub.Hint(tenant, head)
	live.await()
	var corrupt *eventstore.CorruptLog
	_, err := live.Next(t.Context(), 10, 1000)
	require.ErrorAs(t, err, &corrupt)
	require.Equal(t, int64(3), corrupt.Position)
	_, err = e.tryOpen(tenant, feeds.Spec{})
	require.ErrorAs(t, err, &corrupt, "until the tail is gone")
	require.Equal(t, int64(1), e.metrics(reader)["tansu.feed.gaps"])

	e.wire.keep(false)
	e.log.hole.Store(0)
	head = e.append(other, "a", some(2)...)
	require.Equal(t, sequence(1, 2), fine.until(head))
	live.Close()
	e.hub.Retire(0)
	require.Equal(t, sequence(1, 5), e.open(tenant, feeds.Spec{}).until(5))
	e.log.hole.Store(2)
	behind := e.open(tenant, feeds.Spec{})
	_, err = behind.Next(t.Context(), 10, 1000)
	require.ErrorAs(t, err, &corrupt, "a page of the cursor's own")
}

func TestErrorsOfTheLogPass(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	tenant := uuid.New()
	head := e.append(tenant, "a", some(10)...)
	r := e.open(tenant, feeds.Spec{})
	e.log.fail.Store(true)
	_, err := r.Next(t.Context(), 10, 1000)
	require.ErrorIs(t, err, errFaulty)
	e.log.fail.Store(false)
	require.Equal(t, sequence(1, head), r.until(head))
	expired, cancel := context.WithCancel(tenantscope.Within(t.Context(), tenant))
	cancel()
	_, err = e.hub.Open(expired, tenant, feeds.Spec{}, func() {})
	require.ErrorIs(t, err, context.Canceled)
}

// TestAFeedIsOfTheContextsTenant: tails are in memory, where the database's wall
// does not reach.
func TestAFeedIsOfTheContextsTenant(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	tenant := uuid.New()
	e.append(tenant, "a", some(1)...)
	for _, ctx := range []context.Context{t.Context(), tenantscope.Within(t.Context(), uuid.New())} {
		_, err := e.hub.Open(ctx, tenant, feeds.Spec{}, func() {})
		require.ErrorContains(t, err, "on behalf of another, or of none")
	}
}

func TestTailsGoAfterTheirLastCursor(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	tenant := uuid.New()
	a, b := e.open(tenant, feeds.Spec{}), e.open(tenant, feeds.Spec{})
	head := e.append(tenant, "a", some(10)...)
	a.until(head)
	a.Close()
	a.Close()
	e.hub.Retire(0)
	require.Equal(t, 1, e.hub.Tails(), "b is there")
	b.Close()
	e.hub.Retire(time.Hour)
	require.Equal(t, 1, e.hub.Tails(), "it could come back")
	require.Positive(t, e.hub.TailBytes())
	e.hub.Retire(0)
	require.Zero(t, e.hub.Tails())
	require.Zero(t, e.hub.TailBytes())
	_, err := b.Next(t.Context(), 1, 1)
	require.ErrorIs(t, err, feeds.ErrClosed)
	require.Equal(t, sequence(1, head), e.open(tenant, feeds.Spec{}).until(head))
}

func TestStopEndsCursors(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	r := e.open(uuid.New(), feeds.Spec{})
	require.NoError(t, e.hub.Stop(t.Context()))
	r.await()
	_, err := r.Next(t.Context(), 1, 1)
	require.ErrorIs(t, err, feeds.ErrStopped)
	_, err = e.tryOpen(uuid.New(), feeds.Spec{})
	require.ErrorIs(t, err, feeds.ErrStopped)
	r.Close()
	require.NoError(t, e.hub.Stop(t.Context()))
	require.Error(t, e.hub.Start(t.Context()))
}

func TestABusThatCannotBeReachedIsTriedAgain(t *testing.T) {
	t.Parallel()
	e := newEnv(t, func(c *feeds.Config) {
		c.PollInterval = 10 * time.Millisecond
		c.Subscriber.(*wire).refuse = errors.New("no route to the broker")
	})
	tenant := uuid.New()
	r := e.open(tenant, feeds.Spec{})
	e.wire.keep(true)
	head := e.append(tenant, "a", some(3)...)
	require.Equal(t, sequence(1, 3), r.until(head), "the poll follows meanwhile")
	e.wire.mu.Lock()
	e.wire.refuse = nil
	e.wire.mu.Unlock()
	e.wire.keep(false)
	head = e.append(tenant, "a", some(3)...)
	e.wire.settle(head) // the hub has taken it
	require.Equal(t, sequence(4, 6), r.until(head))
}

func TestConfigReportsAllProblemsAtOnce(t *testing.T) {
	t.Parallel()
	_, err := feeds.NewHub(feeds.Config{PollInterval: -1, TailEvents: 1, TailBytes: -1})
	for _, problem := range []string{"Subscriber", "Log", "HeadsOf", "PollInterval", "TailEvents", "TailBytes"} {
		require.ErrorContains(t, err, problem)
	}
}
