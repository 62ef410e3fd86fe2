package bustest

import (
	"strings"
	"sync"
	"testing"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tansu.cloud/platform/bus"
)

func fanoutToAll(t *testing.T, here, there bus.Bus) {
	const n = 200
	shared := here.Fanout()
	subscriptions := []<-chan *message.Message{
		subscribe(t, shared), subscribe(t, shared), subscribe(t, here.Fanout()), subscribe(t, there.Fanout()),
	}
	var all []*Collector
	for _, s := range subscriptions {
		all = append(all, Collect(s))
	}
	publish(t, here, uuid.NewString(), "m", n)
	late := Collect(subscribe(t, there.Fanout()))
	publish(t, there, uuid.NewString(), "n", 1)
	for _, c := range all {
		require.Equal(t, append(ids("m", n), "n-000"), c.Await(t, n+1).IDs())
	}
	require.Equal(t, ids("n", 1), late.Await(t, 1).IDs(), "only what came after its Subscribe")
}

func queueToOne(t *testing.T, here, there bus.Bus) {
	const n = 200
	shared := Collect(subscribe(t, here.Queue("a", 3)), subscribe(t, there.Queue("a", 3)))
	alone := Collect(subscribe(t, there.Queue("b", 3)))
	publish(t, here, TenantIn(3), "m", n)
	require.Equal(t, ids("m", n), alone.Await(t, n).IDs(), "another name is another queue")
	require.ElementsMatch(t, ids("m", n), shared.Await(t, n).IDs())
}

func queueOfPartition(t *testing.T, here, there bus.Bus) {
	var queues []*Collector
	for partition := range bus.Partitions {
		queues = append(queues, Collect(subscribe(t, there.Queue("all", partition))))
	}
	tenants := map[string]string{}
	counts := make([]int, bus.Partitions)
	for _, id := range ids("m", 100) {
		tenants[id] = uuid.NewString()
		counts[bus.PartitionOf(tenants[id])]++
		require.NoError(t, here.Publish(topic, NewMessage(tenants[id], id)))
	}
	for partition, q := range queues {
		got := q.Await(t, counts[partition]).Messages()
		require.Len(t, got, counts[partition])
		for _, m := range got {
			require.Equal(t, partition, bus.PartitionOf(tenants[m.UUID]))
		}
	}
}

func orderOfPublishers(t *testing.T, here, there bus.Bus) {
	const n, perCall = 120, 4
	publishers := map[string]bus.Bus{"a": here, "b": here, "c": there, "d": there}
	tenant := TenantIn(5)
	listeners := []*Collector{Collect(subscribe(t, here.Fanout())), Collect(subscribe(t, there.Queue("q", 5)))}
	var publishing sync.WaitGroup
	for prefix, p := range publishers {
		publishing.Go(func() {
			all := ids(prefix, n)
			for len(all) > 0 {
				var messages []*message.Message
				for _, id := range all[:perCall] {
					messages = append(messages, NewMessage(tenant, id))
				}
				all = all[perCall:]
				if err := p.Publish(topic, messages...); err != nil {
					t.Error(err)
				}
			}
		})
	}
	publishing.Wait()
	for _, l := range listeners {
		got := l.Await(t, n*len(publishers)).IDs()
		for prefix := range publishers {
			var own []string
			for _, id := range got {
				if strings.HasPrefix(id, prefix) {
					own = append(own, id)
				}
			}
			require.Equal(t, ids(prefix, n), own)
		}
	}
}

func content(t *testing.T, here, there bus.Bus) {
	in := Collect(subscribe(t, there.Fanout()))
	sent := message.NewMessage(uuid.NewString(), make([]byte, 1<<20))
	for i := range sent.Payload {
		sent.Payload[i] = byte(i * 7)
	}
	sent.Metadata = message.Metadata{bus.TenantKey: uuid.NewString(), "text": "λ, \"quoted\"\n", "empty": ""}
	small := NewMessage(uuid.NewString(), "small")
	small.Payload = nil
	require.NoError(t, here.Publish(topic, sent, small))
	got := in.Await(t, 2).Messages()
	require.Equal(t, sent.UUID, got[0].UUID)
	require.Equal(t, sent.Metadata, got[0].Metadata)
	require.True(t, string(sent.Payload) == string(got[0].Payload), "the payload changed") // Equal would print it
	require.Empty(t, got[1].Payload)
}

func tooLarge(t *testing.T, here, there bus.Bus) {
	in := Collect(subscribe(t, there.Fanout()))
	m := NewMessage(uuid.NewString(), "large")
	m.Payload = make([]byte, bus.MaxPayload+1)
	require.ErrorIs(t, here.Publish(topic, NewMessage(uuid.NewString(), "before"), m), bus.ErrTooLarge)
	m = NewMessage(uuid.NewString(), "largest")
	m.Payload = make([]byte, bus.MaxPayload)
	require.NoError(t, here.Publish(topic, m))
	require.Equal(t, []string{"largest"}, in.Await(t, 1).IDs())
}

func noSubscriber(t *testing.T, here, there bus.Bus) {
	publish(t, here, uuid.NewString(), "m", 3)
	gone := there.Fanout()
	subscribe(t, gone)
	require.NoError(t, gone.Close())
	publish(t, here, uuid.NewString(), "m", 3)
}
