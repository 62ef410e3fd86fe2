package bench

import (
	"context"
	"slices"
	"sync"
	"time"
)

// load is what callers achieved together in one round.
type load struct {
	perSecond float64
	p50, p99  time.Duration
}

// operation is done again and again by callers. It gets the caller's number and a
// count that starts at 0 in each caller.
type operation func(ctx context.Context, caller, i int) error

// drive runs a number of callers in closed loops for a while.
func drive(ctx context.Context, callers int, d time.Duration, op operation) (load, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var (
		work  sync.WaitGroup
		mu    sync.Mutex
		all   []time.Duration
		first error
	)
	start := time.Now()
	end := start.Add(d)
	for caller := range callers {
		work.Go(func() {
			took := make([]time.Duration, 0, 4096)
			var failed error
			for i, now := 0, time.Now(); now.Before(end) && ctx.Err() == nil; i++ {
				if failed = op(ctx, caller, i); failed != nil {
					cancel()
					break
				}
				done := time.Now()
				took = append(took, done.Sub(now))
				now = done
			}
			mu.Lock()
			defer mu.Unlock()
			all = append(all, took...)
			if first == nil {
				first = failed
			}
		})
	}
	work.Wait()
	elapsed := time.Since(start)
	if first != nil {
		return load{}, first
	}
	slices.Sort(all)
	return load{
		perSecond: float64(len(all)) / elapsed.Seconds(),
		p50:       percentile(all, 50), p99: percentile(all, 99),
	}, nil
}

func percentile(sorted []time.Duration, p int) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(len(sorted)-1, len(sorted)*p/100)]
}
