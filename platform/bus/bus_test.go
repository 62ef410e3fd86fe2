package bus_test

import (
	"context"
	"log/slog"
	"strconv"
	"testing"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"tansu.cloud/platform/bus"
)

func publishNumbers(t *testing.T, p message.Publisher, n int) {
	t.Helper()
	for i := range n {
		require.NoError(t, p.Publish("events", message.NewMessage(strconv.Itoa(i), nil)))
	}
}

func TestEverySubscriberSeesEveryMessageInOrder(t *testing.T) {
	t.Parallel()
	b := bus.NewInProcess(slog.New(slog.DiscardHandler))
	const messages = 500
	done := make(chan []string, 2)
	for range 2 {
		in, err := b.Subscriber().Subscribe(t.Context(), "events")
		require.NoError(t, err)
		go func() {
			var seen []string
			for m := range in {
				seen = append(seen, m.UUID)
				m.Ack()
			}
			done <- seen
		}()
	}
	publishNumbers(t, b, messages)
	require.NoError(t, b.Close())
	for range 2 {
		seen := <-done
		require.Len(t, seen, messages)
		for i, id := range seen {
			require.Equal(t, strconv.Itoa(i), id)
		}
	}
}

func TestClosingOneSubscriberLeavesTheOthers(t *testing.T) {
	t.Parallel()
	b := bus.NewInProcess(slog.New(slog.DiscardHandler))
	first, second := b.Subscriber(), b.Subscriber()
	gone, err := first.Subscribe(t.Context(), "events")
	require.NoError(t, err)
	in, err := second.Subscribe(t.Context(), "events")
	require.NoError(t, err)
	require.NoError(t, first.Close())
	_, open := <-gone
	require.False(t, open, "a closed subscriber's channel ends")

	go func() {
		m := <-in
		m.Ack()
	}()
	publishNumbers(t, b, 1)
	require.NoError(t, second.Close())
	publishNumbers(t, b, 1) // nobody listens: returns at once
	require.NoError(t, b.Close())
	require.Error(t, b.Publish("events", message.NewMessage("x", nil)))
}

func TestCancelledSubscriptionDoesNotHoldPublishers(t *testing.T) {
	t.Parallel()
	b := bus.NewInProcess(slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(t.Context())
	in, err := b.Subscriber().Subscribe(ctx, "events")
	require.NoError(t, err)
	published := make(chan struct{})
	go func() {
		defer close(published)
		publishNumbers(t, b, 3)
	}()
	<-in // never acknowledged
	cancel()
	<-published
	require.NoError(t, b.Close())
}
