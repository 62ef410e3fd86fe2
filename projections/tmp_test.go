package projections_test

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"tansu.cloud/domain/projection"
)

func TestTmpRate(t *testing.T) {
	e := newEnv(t)
	id := uuid.New()
	var wg sync.WaitGroup
	for w := range 64 {
		wg.Go(func() {
			for i := range 200 {
				_, err := e.tryAppend(t.Context(), id, fmt.Sprintf("s%d-%d", w, i), added{1}, added{2}, added{3})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	s := time.Now()
	r := e.start()
	e.waitAll(r)
	t.Log("76800 events first build", time.Since(s))
	round := 0
	measure := func(until func() bool) {
		round++
		var mu sync.Mutex
		var lat []time.Duration
		for w := range 64 {
			wg.Go(func() {
				for i := 0; !until(); i++ {
					s := time.Now()
					p, err := e.tryAppend(t.Context(), id, fmt.Sprintf("x%d-%d-%d", round, w, i), added{1})
					if err != nil {
						t.Error(err)
					}
					e.wait(r, id, p)
					d := time.Since(s)
					mu.Lock()
					lat = append(lat, d)
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		slices.Sort(lat)
		t.Log(len(lat), "p50", lat[len(lat)/2], "p99", lat[len(lat)*99/100], "max", lat[len(lat)-1])
	}
	for g := 2; g < 4; g++ {
		end := time.Now().Add(4 * time.Second)
		measure(func() bool { return time.Now().After(end) })
		e.do(projection.StartRebuild{})
		s = time.Now()
		var over atomic.Bool
		go func() {
			for e.status(r).Generation < g {
				time.Sleep(50 * time.Millisecond)
			}
			t.Log("rebuilt", time.Since(s))
			over.Store(true)
		}()
		measure(over.Load)
	}
}
