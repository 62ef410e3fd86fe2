package rabbitmq_test

import (
	"bytes"
	"log/slog"
	"sync"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/require"

	"tansu.cloud/platform/bus"
	"tansu.cloud/platform/bus/bustest"
	"tansu.cloud/platform/bus/rabbitmq"
	"tansu.cloud/platform/rabbitmqtest"
	"tansu.cloud/platform/stopwatchtest"
)

func TestMain(m *testing.M) { rabbitmqtest.Main(m) }

const topic = "events"

func open(t *testing.T, url, prefix string) *rabbitmq.Bus {
	t.Helper()
	b, err := rabbitmq.New(rabbitmq.Config{URL: url, Prefix: prefix, Name: t.Name()})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.Close()) })
	require.Eventually(t, func() bool { return b.Healthy() == nil }, time.Minute, time.Millisecond)
	return b
}

func TestConformance(t *testing.T) {
	t.Parallel()
	bustest.Run(t, func(t *testing.T) (here, there bus.Bus) {
		url, prefix := rabbitmqtest.URL(t), rabbitmqtest.Prefix()
		return open(t, url, prefix), open(t, url, prefix)
	})
}

func TestAnAddressThatCannotWorkIsRefusedWithoutSayingIt(t *testing.T) {
	t.Parallel()
	for _, url := range []string{"", "http://user:hunter2@host", "amqp://user:hunter2@ho st/", "amqp://user:hunter2@host:port/"} {
		_, err := rabbitmq.New(rabbitmq.Config{URL: url})
		require.ErrorContains(t, err, "amqp://user:password@host:5672/vhost")
		require.NotContains(t, err.Error(), "hunter2")
	}
}

// syncBuffer is a log that several goroutines write.
type syncBuffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.String()
}

// TestABrokerThatNeverCame: publishing fails, subscribing does not wait, closing
// ends what waits; the log says it once and keeps the password.
func TestABrokerThatNeverCame(t *testing.T) {
	t.Parallel()
	var log syncBuffer
	b, err := rabbitmq.New(rabbitmq.Config{
		URL: "amqps://user:hunter2@127.0.0.1:1/", Logger: slog.New(slog.NewTextHandler(&log, nil)),
	})
	require.NoError(t, err)
	in, err := b.Queue("q", 0).Subscribe(t.Context(), topic)
	require.NoError(t, err)
	began := stopwatchtest.Start(t)
	require.ErrorContains(t, b.Publish(topic, bustest.NewMessage("tenant", "m")), "away")
	began.Within(time.Second)
	require.Error(t, b.Healthy())
	require.Eventually(t, func() bool { return bytes.Count([]byte(log.String()), []byte("away")) == 2 }, time.Minute, time.Millisecond)
	require.NoError(t, b.Close())
	_, isOpen := <-in
	require.False(t, isOpen)
	require.NotContains(t, log.String(), "hunter2")
	require.Equal(t, 2, bytes.Count([]byte(log.String()), []byte("away")), "once for each connection: %s", log.String())
}

// TestQueuesAreBoundedAndOutliveTheirSubscribers looks at what stands in RabbitMQ.
func TestQueuesAreBoundedAndOutliveTheirSubscribers(t *testing.T) {
	t.Parallel()
	url, prefix := rabbitmqtest.URL(t), rabbitmqtest.Prefix()
	b := open(t, url, prefix)
	queue := b.Queue("q", 4)
	_, err := queue.Subscribe(t.Context(), topic)
	require.NoError(t, err)
	require.NoError(t, queue.Close())
	for _, id := range []string{"a", "b", "c"} {
		require.NoError(t, b.Publish(topic, bustest.NewMessage(bustest.TenantIn(4), id), bustest.NewMessage(bustest.TenantIn(5), "other")))
	}
	conn, err := amqp.Dial(url)
	require.NoError(t, err)
	defer conn.Close()
	ch, err := conn.Channel()
	require.NoError(t, err)
	declared, err := ch.QueueDeclare(prefix+".events.q.p4", true, false, false, false, amqp.Table{
		"x-queue-type": "quorum", "x-max-length": 10_000, "x-max-length-bytes": 64 << 20, "x-overflow": "drop-head",
		"x-expires": int64(7 * 24 * 60 * 60 * 1000),
	}) // fails if any of it is otherwise
	require.NoError(t, err)
	require.Equal(t, 3, declared.Messages)
	require.Zero(t, declared.Consumers)
	in, err := b.Queue("q", 4).Subscribe(t.Context(), topic)
	require.NoError(t, err)
	require.Equal(t, []string{"a", "b", "c"}, bustest.Collect(in).Await(t, 3).IDs())
}

// TestForeignMessagesDoNotStopASubscription: anybody with the password can
// publish to the exchange.
func TestForeignMessagesDoNotStopASubscription(t *testing.T) {
	t.Parallel()
	url, prefix := rabbitmqtest.URL(t), rabbitmqtest.Prefix()
	b := open(t, url, prefix)
	subscription, err := b.Fanout().Subscribe(t.Context(), topic)
	require.NoError(t, err)
	in := bustest.Collect(subscription)
	conn, err := amqp.Dial(url)
	require.NoError(t, err)
	defer conn.Close()
	ch, err := conn.Channel()
	require.NoError(t, err)
	for _, headers := range []amqp.Table{nil, {"number": 7}, {"_watermill_message_uuid": 7}, {"_watermill_message_uuid": "known", "x": int64(1)}} {
		require.NoError(t, ch.PublishWithContext(t.Context(), prefix, "events.0", false, false, amqp.Publishing{Headers: headers}))
	}
	require.Equal(t, []string{"", "", "", "known"}, in.Await(t, 4).IDs())
}
