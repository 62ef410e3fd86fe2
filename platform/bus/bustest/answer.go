package bustest

import (
	"context"
	"testing"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"tansu.cloud/platform/bus"
)

func nacked(t *testing.T, here, there bus.Bus) {
	const tries = 3
	for name, s := range map[string]message.Subscriber{"fan-out": there.Fanout(), "queue": there.Queue("q", 2)} {
		in := subscribe(t, s)
		published := make(chan error, 1)
		go func() { published <- here.Publish(topic, NewMessage(TenantIn(2), name)) }()
		for try := range tries {
			m := <-in
			require.Equal(t, name, m.UUID)
			require.Equal(t, "payload of "+name, string(m.Payload))
			if try < tries-1 {
				m.Nack()
			} else {
				m.Ack()
			}
		}
		require.NoError(t, <-published)
		require.NoError(t, s.Close())
	}
}

func unanswered(t *testing.T, here, there bus.Bus) {
	first := here.Queue("q", 6)
	held := subscribe(t, first)
	published := make(chan error, 1)
	go func() { published <- here.Publish(topic, NewMessage(TenantIn(6), "m")) }()
	m := <-held
	second := Collect(subscribe(t, there.Queue("q", 6)))
	require.NoError(t, first.Close())
	require.Equal(t, []string{"m"}, second.Await(t, 1).IDs())
	require.NoError(t, <-published)
	require.Error(t, m.Context().Err(), "its subscription is over")
}

func closedSubscriber(t *testing.T, here, there bus.Bus) {
	first, second := there.Fanout(), there.Fanout()
	gone := []<-chan *message.Message{subscribe(t, first), subscribe(t, first)}
	stays := Collect(subscribe(t, second))
	require.NoError(t, first.Close())
	for _, in := range gone {
		_, open := <-in
		require.False(t, open)
	}
	publish(t, here, TenantIn(0), "m", 2)
	require.Equal(t, ids("m", 2), stays.Await(t, 2).IDs())
	_, err := first.Subscribe(t.Context(), topic)
	require.ErrorIs(t, err, bus.ErrClosed)
	require.NoError(t, first.Close(), "a second time does nothing")
}

func cancelledSubscription(t *testing.T, here, there bus.Bus) {
	s := there.Fanout()
	ctx, cancel := context.WithCancel(t.Context())
	ends, err := s.Subscribe(ctx, topic)
	require.NoError(t, err)
	stays := Collect(subscribe(t, s))
	published := make(chan error, 1)
	go func() { published <- here.Publish(topic, NewMessage(TenantIn(0), "m")) }()
	<-ends // never answered
	cancel()
	require.NoError(t, <-published, "it does not hold publishers")
	_, open := <-ends
	require.False(t, open)
	require.Equal(t, []string{"m"}, stays.Await(t, 1).IDs())
}

func closedBus(t *testing.T, here, there bus.Bus) {
	subscriber := there.Fanout()
	ends := []<-chan *message.Message{subscribe(t, subscriber), subscribe(t, there.Queue("q", 0))}
	require.NoError(t, there.Close())
	for _, in := range ends {
		_, open := <-in
		require.False(t, open)
	}
	require.ErrorIs(t, there.Publish(topic, NewMessage(TenantIn(0), "m")), bus.ErrClosed)
	_, err := there.Queue("q", 0).Subscribe(t.Context(), topic)
	require.ErrorIs(t, err, bus.ErrClosed)
	require.NoError(t, subscriber.Close())
	require.NoError(t, here.Close())
	require.NoError(t, here.Close(), "a second time does nothing")
}
