package bus_test

import (
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"tansu.cloud/platform/bus"
	"tansu.cloud/platform/bus/bustest"
)

func TestInProcess(t *testing.T) {
	t.Parallel()
	bustest.Run(t, func(t *testing.T) (here, there bus.Bus) {
		b := bus.NewInProcess(slog.New(slog.DiscardHandler))
		t.Cleanup(func() { require.NoError(t, b.Close()) })
		return b, b
	})
}

// TestPartitionsAreForEver: queues and leases rely on them.
func TestPartitionsAreForEver(t *testing.T) {
	t.Parallel()
	require.Equal(t, 8, bus.Partitions)
	for tenant, partition := range map[string]int{
		"00000000-0000-0000-0000-000000000000": 1,
		"018f4e9a-5c2b-7d3e-8f10-2a3b4c5d6e7f": 7,
		"f47ac10b-58cc-4372-a567-0e02b2c3d479": 0,
	} {
		require.Equal(t, partition, bus.PartitionOf(tenant), tenant)
	}
}
