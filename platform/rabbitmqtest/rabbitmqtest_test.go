package rabbitmqtest_test

import (
	"net"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/require"

	"tansu.cloud/platform/rabbitmqtest"
)

func TestMain(m *testing.M) { rabbitmqtest.Main(m) }

func channel(t *testing.T, url string) *amqp.Channel {
	t.Helper()
	conn, err := amqp.Dial(url)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() }) // the broker may have closed it
	ch, err := conn.Channel()
	require.NoError(t, err)
	require.NoError(t, ch.Confirm(false))
	return ch
}

func send(t *testing.T, ch *amqp.Channel, queue string) {
	t.Helper()
	confirmation, err := ch.PublishWithDeferredConfirm("", queue, false, false, amqp.Publishing{DeliveryMode: amqp.Persistent})
	require.NoError(t, err)
	require.True(t, confirmation.Wait())
}

// declare makes a classic queue: a quorum queue of RabbitMQ 3.10 is empty again
// if the broker is killed within minutes after its creation.
func declare(t *testing.T, ch *amqp.Channel, queue string) int {
	t.Helper()
	q, err := ch.QueueDeclare(queue, true, false, false, false, nil)
	require.NoError(t, err)
	return q.Messages
}

func TestEachTestHasAVirtualHostOfItsOwn(t *testing.T) {
	t.Parallel()
	for range 3 {
		t.Run("", func(t *testing.T) {
			t.Parallel()
			ch := channel(t, rabbitmqtest.URL(t))
			declare(t, ch, "q")
			send(t, ch, "q")
			_, ok, err := ch.Get("q", true)
			require.NoError(t, err)
			require.True(t, ok)
			_, ok, err = ch.Get("q", true)
			require.NoError(t, err)
			require.False(t, ok, "the message of another test")
		})
	}
}

func TestABrokerOfTheTestsOwnCanBeKilledAndPurged(t *testing.T) {
	t.Parallel()
	b := rabbitmqtest.Private(t)
	for _, port := range b.Ports() {
		_, err := net.Dial("tcp4", "127.0.0.2:"+port)
		require.Error(t, err, "port %s is open on every address", port)
	}
	declare(t, channel(t, b.URL()), "q")
	// In its first moments a queue is lost by a kill with all that is in it: its
	// definition is on disk after an orderly stop only.
	require.NoError(t, b.Stop(t.Context()))
	require.NoError(t, b.Start(t.Context()))
	ch := channel(t, b.URL())
	send(t, ch, "q")
	b.Kill()
	_, err := amqp.Dial(b.URL())
	require.Error(t, err)
	require.NoError(t, b.Start(t.Context()))
	ch = channel(t, b.URL())
	// A queue answers before it has read its messages again.
	for deadline := time.Now().Add(time.Minute); declare(t, ch, "q") != 1; {
		require.True(t, time.Now().Before(deadline), "a durable message was lost")
	}
	require.NoError(t, b.Purge(t.Context()))
	require.Zero(t, declare(t, ch, "q"))
	require.NoError(t, b.Stop(t.Context()))
	_, err = amqp.Dial(b.URL())
	require.Error(t, err)
}
