package bustest_test

import (
	"log/slog"
	"slices"
	"strconv"
	"testing"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"tansu.cloud/platform/bus"
	"tansu.cloud/platform/bus/bustest"
)

func TestChaosDropsDuplicatesAndReorders(t *testing.T) {
	t.Parallel()
	const n = 1000
	b := bus.NewInProcess(slog.New(slog.DiscardHandler))
	chaos := bustest.Chaos(b.Fanout(), 1)
	in, err := chaos.Subscribe(t.Context(), "events")
	require.NoError(t, err)
	collected := bustest.Collect(in)
	for i := range n {
		require.NoError(t, b.Publish("events", message.NewMessage(strconv.Itoa(i), nil)))
	}
	for !slices.Contains(collected.IDs(), "last") { // it may be dropped too
		require.NoError(t, b.Publish("events", message.NewMessage("last", nil)))
	}
	seen := make([]int, n)
	var order []int
	for _, id := range collected.IDs() {
		if number, err := strconv.Atoi(id); err == nil {
			seen[number]++
			order = append(order, number)
		}
	}
	require.False(t, slices.IsSorted(order), "nothing was reordered")
	for times, least := range map[int]int{0: n / 20, 1: n / 2, 2: n / 10} {
		require.Greater(t, countOf(seen, times), least, "messages that came %d times", times)
	}
	require.NoError(t, chaos.Close())
	require.NoError(t, b.Close())
}

func countOf(counts []int, times int) (messages int) {
	for _, c := range counts {
		if c == times {
			messages++
		}
	}
	return messages
}

func TestChaosLetsGoWhenNothingComes(t *testing.T) {
	t.Parallel()
	b := bus.NewInProcess(slog.New(slog.DiscardHandler))
	chaos := bustest.Chaos(b.Fanout(), 7)
	in, err := chaos.Subscribe(t.Context(), "events")
	require.NoError(t, err)
	collected := bustest.Collect(in)
	require.NoError(t, b.Publish("events", message.NewMessage("a", nil), message.NewMessage("b", nil), message.NewMessage("c", nil)))
	collected.Await(t, 1)
	require.NoError(t, b.Close())
}
