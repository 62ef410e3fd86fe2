package ws_test

import (
	"io"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// BenchmarkFanOut delivers batches of one event, then of 100, to 100 sockets.
func BenchmarkFanOut(b *testing.B) {
	for name, batch := range map[string]int{"one": 1, "hundred": 100} {
		b.Run(name, func(b *testing.B) {
			const sockets = 100
			e := newEnv(b)
			var got sync.WaitGroup
			for range sockets {
				c := e.connect("good")
				c.subscribe("a", `{"now":true}`)
				go func() {
					for n := 0; ; {
						_, r, err := c.NextReader()
						if err != nil {
							return
						}
						f, err := io.ReadAll(r)
						if err != nil {
							return
						}
						for n += countEvents(f); n >= batch; n -= batch {
							got.Done()
						}
					}
				}()
			}
			b.ReportAllocs()
			for b.Loop() {
				got.Add(sockets)
				e.commit(acme, "1", batch, 100)
				got.Wait()
			}
			b.ReportMetric(float64(b.N*sockets*batch)/b.Elapsed().Seconds(), "deliveries/s")
			require.Zero(b, e.server.Dropped())
		})
	}
}

// countEvents counts without decoding, which would cost more than delivering.
func countEvents(frame []byte) (n int) {
	const mark = `"specversion"`
	for i := 0; i+len(mark) <= len(frame); i++ {
		if frame[i] == '"' && string(frame[i:i+len(mark)]) == mark {
			n++
		}
	}
	return n
}
