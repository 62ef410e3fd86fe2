package rabbitmq_test

import (
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"tansu.cloud/platform/bus/bustest"
	"tansu.cloud/platform/bus/rabbitmq"
	"tansu.cloud/platform/rabbitmqtest"
	"tansu.cloud/platform/stopwatchtest"
)

// pair is two processes on a broker of the test's own; one publishes, the other
// listens to a fan-out and to a queue.
type pair struct {
	broker         *rabbitmqtest.Broker
	here, there    *rabbitmq.Bus
	fanout, queued *bustest.Collector
	tenant         string
	sent           int
}

func openPair(t *testing.T) *pair {
	t.Helper()
	p := &pair{broker: rabbitmqtest.Private(t), tenant: bustest.TenantIn(1)}
	p.here, p.there = open(t, p.broker.URL(), ""), open(t, p.broker.URL(), "")
	p.fanout, p.queued = p.listen(t, p.there.Fanout()), p.listen(t, p.there.Queue("q", 1))
	return p
}

func (p *pair) listen(t *testing.T, s message.Subscriber) *bustest.Collector {
	t.Helper()
	in, err := s.Subscribe(t.Context(), topic)
	require.NoError(t, err)
	return bustest.Collect(in)
}

// publish sends a message with a new id.
func (p *pair) publish() (id string, err error) {
	p.sent++
	id = fmt.Sprint(p.sent)
	return id, p.here.Publish(topic, bustest.NewMessage(p.tenant, id))
}

// flows publishes until both listeners hear again, and then requires that they
// hear everything, once and in order.
func (p *pair) flows(t *testing.T) {
	t.Helper()
	first := p.sent + 1
	hears := func(c *bustest.Collector) bool { // any of them: a message may take longer than its confirmation
		return slices.ContainsFunc(c.IDs(), func(id string) bool { n, _ := strconv.Atoi(id); return n >= first })
	}
	require.Eventually(t, func() bool {
		_, err := p.publish()
		return err == nil && hears(p.fanout) && hears(p.queued)
	}, time.Minute, time.Millisecond)
	var all []string
	for range 50 {
		id, err := p.publish()
		require.NoError(t, err)
		all = append(all, id)
	}
	for _, c := range []*bustest.Collector{p.fanout, p.queued} {
		c.AwaitUntil(t, func(ids []string) bool { return slices.Contains(ids, all[len(all)-1]) })
		ids := c.IDs()
		require.Equal(t, all, ids[len(ids)-len(all):])
	}
}

// fails requires that publishing fails, soon, and that the bus says so.
func (p *pair) fails(t *testing.T) {
	t.Helper()
	began := stopwatchtest.Start(t)
	_, err := p.publish()
	require.Error(t, err)
	began.Within(2 * time.Second)
	require.Eventually(t, func() bool { return p.here.Healthy() != nil && p.there.Healthy() != nil }, time.Minute, time.Millisecond)
	_, err = p.publish()
	require.ErrorContains(t, err, "away")
}

// TestTroubleIsOnlyAPause takes one broker through everything that can happen to
// it. It is stopped before it is killed: RabbitMQ 3.10 forgets what is in a quorum
// queue if it is killed soon after the queue's creation.
func TestTroubleIsOnlyAPause(t *testing.T) {
	t.Parallel()
	p := openPair(t)
	p.flows(t)
	p.leave(t, "kept")

	t.Log("stopped and started")
	kept, err := p.publish()
	require.NoError(t, err)
	require.NoError(t, p.broker.Stop(t.Context()))
	p.fails(t)
	late := p.listen(t, p.there.Fanout()) // subscribed while the broker is away
	require.NoError(t, p.broker.Start(t.Context()))
	p.flows(t)
	late.Await(t, 1)

	t.Log("killed")
	p.broker.Kill()
	p.fails(t)
	require.NoError(t, p.broker.Start(t.Context()))
	p.flows(t)
	require.Equal(t, kept, p.listen(t, p.there.Queue("kept", 1)).Await(t, 1).IDs()[0], "a durable queue outlives the broker's death")

	t.Log("short of memory")
	require.NoError(t, p.broker.Alarm(t.Context(), true))
	for err = nil; err == nil; { // RabbitMQ says it at the next message
		_, err = p.publish()
	}
	_, err = p.publish()
	require.ErrorContains(t, err, "blocked")
	require.ErrorContains(t, p.here.Healthy(), "blocked")
	require.Eventually(t, func() bool { return p.there.Healthy() == nil }, time.Minute, time.Millisecond, "it did not publish")
	require.NoError(t, p.broker.Alarm(t.Context(), false))
	p.flows(t)

	t.Log("purged")
	p.leave(t, "purged")
	gone, err := p.publish()
	require.NoError(t, err)
	require.NoError(t, p.broker.Purge(t.Context()))
	left := p.listen(t, p.there.Queue("purged", 1))
	p.flows(t)
	require.NotContains(t, left.Await(t, 1).IDs(), gone)
}

// TestADeadQueueIsMadeAnew: when it is killed right after it has declared a queue,
// RabbitMQ 3.10 nearly always keeps the queue's name and nothing else.
func TestADeadQueueIsMadeAnew(t *testing.T) {
	t.Parallel()
	var log syncBuffer
	p := &pair{broker: rabbitmqtest.Private(t), tenant: bustest.TenantIn(1)}
	b, err := rabbitmq.New(rabbitmq.Config{
		URL: p.broker.URL(), Name: t.Name(), Patience: 5 * time.Second, Logger: slog.New(slog.NewTextHandler(&log, nil)),
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.Close()) })
	require.Eventually(t, func() bool { return b.Healthy() == nil }, time.Minute, time.Millisecond)
	p.here, p.there, p.fanout = b, b, p.listen(t, b.Fanout())
	for try := 0; !strings.Contains(log.String(), rabbitmq.ErrDead.Error()); try++ {
		require.Less(t, try, 5, "no queue died")
		p.queued = p.listen(t, b.Queue(fmt.Sprint(try), 1))
		p.broker.Kill()
		require.NoError(t, p.broker.Start(t.Context()))
		p.flows(t)
	}
}

// leave makes a queue that nobody reads yet.
func (p *pair) leave(t *testing.T, queue string) {
	t.Helper()
	s := p.there.Queue(queue, 1)
	_, err := s.Subscribe(t.Context(), topic)
	require.NoError(t, err)
	require.NoError(t, s.Close())
}

// TestAQueueThatNobodyReadsDropsItsOldest shows that RabbitMQ keeps the bound.
func TestAQueueThatNobodyReadsDropsItsOldest(t *testing.T) {
	t.Parallel()
	const bound, beyond = 10_000, 100
	url, prefix := rabbitmqtest.URL(t), rabbitmqtest.Prefix()
	b := open(t, url, prefix)
	waiting := b.Queue("q", 1)
	_, err := waiting.Subscribe(t.Context(), topic)
	require.NoError(t, err)
	require.NoError(t, waiting.Close())
	tenant := bustest.TenantIn(1)
	var all []string
	for i := 0; i < bound+beyond; i += beyond {
		var batch []*message.Message
		for j := range beyond {
			all = append(all, fmt.Sprint(i+j))
			batch = append(batch, bustest.NewMessage(tenant, all[i+j]))
		}
		require.NoError(t, b.Publish(topic, batch...))
	}
	in, err := b.Queue("q", 1).Subscribe(t.Context(), topic)
	require.NoError(t, err)
	require.Equal(t, all[beyond:], bustest.Collect(in).Await(t, bound).IDs())
}
