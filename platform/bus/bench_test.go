package bus_test

import (
	"context"
	"fmt"
	"log/slog"
	"testing"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"tansu.cloud/platform/bus"
	"tansu.cloud/platform/bus/bustest"
)

// BenchmarkPublish is what the relay waits for: that every projection and a feed
// have taken a message.
func BenchmarkPublish(b *testing.B) {
	for _, projections := range []int{1, 4} {
		b.Run(fmt.Sprintf("%d projections", projections), func(b *testing.B) {
			carrier := bus.NewInProcess(slog.New(slog.DiscardHandler))
			b.Cleanup(func() { require.NoError(b, carrier.Close()) })
			subscribers := []message.Subscriber{carrier.Fanout()}
			for i := range projections {
				for partition := range bus.Partitions {
					subscribers = append(subscribers, carrier.Queue(fmt.Sprint(i), partition))
				}
			}
			for _, s := range subscribers {
				in, err := s.Subscribe(context.Background(), "events")
				require.NoError(b, err)
				go func() {
					for m := range in {
						m.Ack()
					}
				}()
			}
			m := bustest.NewMessage(bustest.TenantIn(3), "m")
			for b.Loop() {
				require.NoError(b, carrier.Publish("events", m))
			}
		})
	}
}
