package projections

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tansu.cloud/eventstore"
	"tansu.cloud/platform/bus"
)

func someEvents(tenant uuid.UUID, from, n int, data string) []eventstore.Event {
	events := make([]eventstore.Event, n)
	for i := range events {
		events[i] = eventstore.Event{
			TenantID: tenant, Position: int64(from + i), Stream: eventstore.Stream{Type: "t", ID: "s"}, Version: int64(from + i),
			ID: uuid.New(), Type: "t.happened", SchemaVersion: 1, Data: json.RawMessage(data), Metadata: json.RawMessage(`{"actor":"x"}`),
			RecordedAt: time.Date(2026, 3, 4, 5, 6, 7, 8000, time.UTC), Hash: eventstore.Hash{byte(i), 0xff},
		}
	}
	return events
}

func TestMessagesKeepEventsByteForByte(t *testing.T) {
	t.Parallel()
	tenant := uuid.New()
	events := someEvents(tenant, 7, 3, "{ \"a\" : \"<&>\u2028\", \"b\":1.0e0 ,\"a\":2 }")
	m, err := encodeRun(&run{tenant: tenant, last: 9, events: events})
	require.NoError(t, err)
	got, err := messageTenant(m)
	require.NoError(t, err)
	require.Equal(t, tenant, got)
	r, err := decodeRun(tenant, m)
	require.NoError(t, err)
	require.Equal(t, events, r.events)
	require.Equal(t, int64(9), r.last)
}

// slowPublisher holds messages until it is released.
type slowPublisher struct {
	release chan struct{}
	mu      sync.Mutex
	sent    []*message.Message
}

func (p *slowPublisher) Publish(_ string, messages ...*message.Message) error {
	<-p.release
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sent = append(p.sent, messages...)
	return nil
}

func (p *slowPublisher) Close() error { return nil }

func (p *slowPublisher) runs(t *testing.T) []*run {
	p.mu.Lock()
	defer p.mu.Unlock()
	runs := make([]*run, len(p.sent))
	for i, m := range p.sent {
		tenant, err := messageTenant(m)
		require.NoError(t, err)
		runs[i], err = decodeRun(tenant, m)
		require.NoError(t, err)
	}
	return runs
}

func startRelay(t *testing.T, p message.Publisher) *Relay {
	t.Helper()
	r, err := NewRelay(RelayConfig{Publisher: p})
	require.NoError(t, err)
	require.NoError(t, r.Start(context.Background()))
	t.Cleanup(func() { require.NoError(t, r.Stop(context.Background())) })
	return r
}

func TestRelayJoinsRunsUpToTheMessageLimit(t *testing.T) {
	t.Parallel()
	p := &slowPublisher{release: make(chan struct{})}
	r := startRelay(t, p)
	a, b := uuid.New(), uuid.New()
	for i := range 1200 {
		r.Committed(someEvents(a, i+1, 1, "{}"))
		r.Committed(someEvents(b, 2*i+1, 2, "{}"))
	}
	close(p.release)
	require.Eventually(t, func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		return len(r.queue) == 0
	}, time.Minute, time.Millisecond)
	require.NoError(t, r.Stop(context.Background()))
	reached := map[uuid.UUID]int64{}
	runs := p.runs(t)
	for _, run := range runs {
		require.LessOrEqual(t, len(run.events), maxRunEvents)
		require.Equal(t, reached[run.tenant]+1, run.events[0].Position, "in order, without a hole")
		reached[run.tenant] = run.last
	}
	require.Equal(t, map[uuid.UUID]int64{a: 1200, b: 2400}, reached)
	require.Less(t, len(runs), 20)
}

func TestRelayIsBoundedAndLeavesHints(t *testing.T) {
	t.Parallel()
	p := &slowPublisher{release: make(chan struct{})}
	r := startRelay(t, p)
	tenant := uuid.New()
	large := `"` + strings.Repeat("x", 100<<10) + `"`
	const events = 400 // of more than 32 MiB
	for i := range events {
		r.Committed(someEvents(tenant, i+1, 1, large))
	}
	r.mu.Lock()
	require.LessOrEqual(t, r.bytes, relayBytes)
	r.mu.Unlock()
	close(p.release)
	require.Eventually(t, func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		if len(p.sent) == 0 {
			return false
		}
		last := p.sent[len(p.sent)-1]
		return last.Metadata.Get(keyPosition) == strconv.Itoa(events) && string(last.Payload) == "[]"
	}, time.Minute, 10*time.Millisecond)
}

// failingPublisher fails as long as it is told to.
type failingPublisher struct {
	slowPublisher
	failing atomic.Bool
	failed  chan struct{}
	calls   [][]*message.Message
}

func (p *failingPublisher) Publish(topic string, messages ...*message.Message) error {
	if p.failing.Load() {
		select {
		case p.failed <- struct{}{}:
		default:
		}
		return errors.New("away")
	}
	if err := p.slowPublisher.Publish(topic, messages...); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls = append(p.calls, messages)
	return nil
}

func TestRelayPublishesWhatQueuedUpInOneCall(t *testing.T) {
	t.Parallel()
	p := &failingPublisher{slowPublisher: slowPublisher{release: make(chan struct{})}}
	r := startRelay(t, p)
	first := uuid.New()
	r.Committed(someEvents(first, 1, 1, "{}"))
	require.Eventually(t, func() bool { // the first call is under way
		r.mu.Lock()
		defer r.mu.Unlock()
		return len(r.queue) == 0
	}, time.Minute, time.Millisecond)
	const tenants = relayBatch + 20
	for range tenants {
		r.Committed(someEvents(uuid.New(), 1, 1, "{}"))
	}
	close(p.release)
	require.Eventually(t, func() bool { return len(p.runs(t)) == tenants+1 }, time.Minute, time.Millisecond)
	require.NoError(t, r.Stop(context.Background()))
	require.Len(t, p.calls, 3)
	require.Len(t, p.calls[1], relayBatch)
}

func TestRelayGoesOnAfterThePublisherFailed(t *testing.T) {
	t.Parallel()
	p := &failingPublisher{slowPublisher: slowPublisher{release: make(chan struct{})}, failed: make(chan struct{})}
	close(p.release)
	p.failing.Store(true)
	r := startRelay(t, p)
	a, b := uuid.New(), uuid.New()
	r.Committed(someEvents(a, 1, 3, "{}"))
	<-p.failed
	r.Committed(someEvents(b, 1, 2, "{}"))
	<-p.failed
	p.failing.Store(false)
	r.Committed(someEvents(a, 4, 1, "{}"))
	require.Eventually(t, func() bool {
		reached := map[uuid.UUID]int64{}
		hints := 0
		for _, run := range p.runs(t) {
			reached[run.tenant] = max(reached[run.tenant], run.last)
			if len(run.events) == 0 {
				hints++
			}
		}
		return reached[a] == 4 && reached[b] == 2 && hints > 0
	}, time.Minute, time.Millisecond)
}

func TestRelayOnlyNamesWhatNoMessageHolds(t *testing.T) {
	t.Parallel()
	p := &slowPublisher{release: make(chan struct{})}
	close(p.release)
	r := startRelay(t, p)
	tenant := uuid.New()
	r.Committed(someEvents(tenant, 1, 1, `"`+strings.Repeat("x", bus.MaxPayload)+`"`))
	r.Committed(someEvents(tenant, 2, 1, `"`+strings.Repeat("x", eventstore.MaxEventData-2)+`"`))
	require.Eventually(t, func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		return len(p.sent) == 2
	}, time.Minute, time.Millisecond)
	runs := p.runs(t)
	require.Empty(t, runs[0].events)
	require.Equal(t, int64(1), runs[0].last)
	require.Len(t, runs[1].events, 1, "the largest event passes")
}

func TestTracesOfARunAreLinkedAndBounded(t *testing.T) {
	t.Parallel()
	events := someEvents(uuid.New(), 1, 40, "{}")
	for i := range events {
		flags := "01"
		if i == 0 {
			flags = "00" // not sampled
		}
		events[i].Metadata = json.RawMessage(fmt.Sprintf(`{"reason":"\"traceparent\":\"x\"","traceparent":"00-%032x-%016x-%s"}`, i/2+1, i+1, flags))
	}
	links := tracesOf(events)
	require.Equal(t, fmt.Sprintf("%032x", 1), links.parent.TraceID().String())
	require.Equal(t, fmt.Sprintf("%016x", 2), links.parent.SpanID().String(), "the first sampled one")
	require.Len(t, links.links, maxLinks)
}

func TestErrorsOfTheDatabaseAreNotErrorsOfEvents(t *testing.T) {
	t.Parallel()
	for code, infra := range map[string]bool{
		"08006": true, "53100": true, "57P01": true, "57P03": true, "40001": true, "40P01": true, "55P03": true, "58030": true, "25006": true,
		"23505": false, "22P02": false, "42P01": false, "57014": false, "P0001": false,
	} {
		require.Equal(t, infra, infrastructureState(code), code)
	}
	require.True(t, infrastructure(fmt.Errorf("read: %w", eventstore.ErrUnavailable)))
	require.True(t, infrastructure(context.DeadlineExceeded))
	require.False(t, infrastructure(fmt.Errorf("nil map")))
}
