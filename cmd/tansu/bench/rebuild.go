package bench

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"
)

const rebuildEvents, rebuildWriters = 50_000, 64

// Rebuild measures what 64 writers, who each wait until the read model shows
// what they wrote, notice of a rebuild beside it: their 99th percentile with one
// against the same without.
func (b *Bench) Rebuild(ctx context.Context) ([]Result, error) {
	if err := b.fill(ctx, uuid.New(), rebuildEvents); err != nil {
		return nil, err
	}
	s, err := b.newStage(ctx, "bench_rows", 0)
	if err != nil {
		return nil, err
	}
	defer s.stop(ctx)

	var tail, throughput pairs
	var rates []float64
	for round := range b.Rounds + 1 {
		quiet, err := b.write(ctx, s, b.Duration)
		if err != nil {
			return nil, err
		}
		events, err := b.countEvents(ctx)
		if err != nil {
			return nil, err
		}
		var took time.Duration
		var failed error
		var rebuilding sync.WaitGroup
		writing, stop := context.WithCancel(ctx)
		rebuilding.Go(func() {
			took, failed = s.rebuild(ctx)
			stop()
		})
		busy, err := b.write(writing, s, time.Hour)
		rebuilding.Wait()
		stop()
		if err != nil {
			return nil, err
		}
		if failed != nil {
			return nil, failed
		}
		if round > 0 {
			tail.add(busy.p99.Seconds()*1000, quiet.p99.Seconds()*1000)
			throughput.add(busy.perSecond, quiet.perSecond)
			rates = append(rates, float64(events)/took.Seconds())
		}
		b.progress("rebuild: %d events in %s under %d writers", events, took.Round(time.Millisecond), rebuildWriters)
	}
	result := tail.result("rebuild", fmt.Sprintf("p99 of %d writers during : without", rebuildWriters), "ms")
	result.Note = fmt.Sprintf("rebuild at %.0f events/s", median(rates))
	return []Result{result, throughput.result("rebuild", "rate of the writers during : without", "appends/s")}, nil
}

// write appends with all writers for a while, or until ctx ends.
func (b *Bench) write(ctx context.Context, s *stage, d time.Duration) (load, error) {
	tenant, run := uuid.New(), uuid.NewString()[:8]
	return drive(context.WithoutCancel(ctx), rebuildWriters, d, func(whole context.Context, caller, i int) error {
		if ctx.Err() != nil {
			return errStopped
		}
		stream := fmt.Sprintf("%s-%d-%d", run, caller, i/eventsPerStream)
		done, err := s.store.Append(whole, benchAppend(tenant, stream, int64(i%eventsPerStream)))
		if err != nil {
			return err
		}
		if err := s.runner.Wait(ctx, s.name, tenant, done.Position); err != nil && ctx.Err() == nil {
			return err
		}
		return nil
	})
}
