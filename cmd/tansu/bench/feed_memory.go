package bench

import (
	"context"
	"fmt"
	"net"
	"runtime/debug"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

const (
	stalled         = 100  // readers that never read
	healthy         = 20   // readers beside them
	stalledWrites   = 2000 // while they stall
	stalledSize     = 4 << 10
	stalledPace     = 200     // writes per second
	stalledReceives = 4 << 10 // bytes that the system takes in for a stalled reader
)

// stalledReaders compares a node with 100 readers that do not read with the same
// node without: what its memory grows by during 2,000 writes of 4 KB, and the
// latency of the readers that do read.
func (s *feedStage) stalledReaders(ctx context.Context) ([]Result, error) {
	if _, ok := residentMemory("self"); !ok {
		s.progress("feed: memory is measured on Linux only")
		return nil, nil
	}
	var grown, p99 pairs
	var left []float64
	for round := range s.Rounds + 1 {
		without, err := s.stalledRound(ctx, 0)
		if err != nil {
			return nil, err
		}
		with, err := s.stalledRound(ctx, stalled)
		if err != nil {
			return nil, err
		}
		if round > 0 {
			grown.add(with.grown, without.grown)
			p99.add(with.p99.Seconds()*1000, without.p99.Seconds()*1000)
			left = append(left, with.left)
		}
	}
	name := fmt.Sprintf("%d writes of 4 KB, %d stalled readers : none", stalledWrites, stalled)
	memory := grown.result("feed", name+", memory at its highest", "MB")
	memory.Note = fmt.Sprintf("%.0f MB a little later; queues would hold %d MB", median(left), stalled*stalledWrites*stalledSize>>20)
	s.progress("feed: %s done", name)
	return []Result{memory, p99.result("feed", fmt.Sprintf("%s, p99 of %d others", name, healthy), "ms")}, nil
}

// stalledLoad is a round's latency of the healthy and the memory of the process
// in MB above that before it.
type stalledLoad struct {
	load
	grown, left float64
}

func (s *feedStage) stalledRound(ctx context.Context, stalled int) (stalledLoad, error) {
	debug.FreeOSMemory()
	before, _ := residentMemory("self")
	dialer := websocket.Dialer{Subprotocols: feedProtocols, NetDialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return conn, conn.(*net.TCPConn).SetReadBuffer(stalledReceives)
	}}
	for range stalled {
		conn, err := subscribe(ctx, s.node, s.tenant.String(), `{"now":true}`, &dialer)
		if err != nil {
			return stalledLoad{}, err
		}
		defer conn.Close()
	}
	highest := watchMemory()
	l, err := s.latency(ctx, latencyCase{"", s.node, s.tenant.String(), healthy, stalledPace, func(ctx context.Context) error {
		return s.append(ctx, s.node.Log, s.tenant, stalledSize-len(payload))
	}}, stalledWrites)
	grown := highest() - before
	if err != nil {
		return stalledLoad{}, err
	}
	debug.FreeOSMemory()
	after, _ := residentMemory("self")
	return stalledLoad{load: l, grown: megabytes(grown), left: megabytes(after - before)}, nil
}

// watchMemory follows the memory of this process; the result ends that and
// returns the highest value.
func watchMemory() (highest func() int64) {
	var most int64
	var watching sync.WaitGroup
	done := make(chan struct{})
	watching.Go(func() {
		pulse := time.NewTicker(20 * time.Millisecond)
		defer pulse.Stop()
		for {
			now, _ := residentMemory("self")
			most = max(most, now)
			select {
			case <-pulse.C:
			case <-done:
				return
			}
		}
	})
	return func() int64 {
		close(done)
		watching.Wait()
		return most
	}
}

func megabytes(bytes int64) float64 { return float64(bytes) / (1 << 20) }
