package bench

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
)

const rebuildEvents, rebuildWriters = 200_000, 64

// Rebuild measures what 64 writers, who each wait until the read model shows
// what they wrote, notice of a rebuild beside it: their 99th percentile with one
// against the same without. The rebuild is cancelled at the end of a round.
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
		quiet, err := b.write(ctx, s)
		if err != nil {
			return nil, err
		}
		if err := s.startRebuild(ctx); err != nil {
			return nil, err
		}
		start := time.Now()
		busy, err := b.write(ctx, s)
		if err != nil {
			return nil, err
		}
		done, err := s.cancelRebuild(ctx)
		if err != nil {
			return nil, err
		}
		if round > 0 {
			tail.add(busy.p99.Seconds()*1000, quiet.p99.Seconds()*1000)
			throughput.add(busy.perSecond, quiet.perSecond)
			rates = append(rates, float64(done)/time.Since(start).Seconds())
		}
	}
	result := tail.result("rebuild", fmt.Sprintf("p99 of %d writers during : without", rebuildWriters), "ms")
	result.Note = fmt.Sprintf("meanwhile rebuilt at %.0f events/s", median(rates))
	return []Result{result, throughput.result("rebuild", "rate of the writers during : without", "appends/s")}, nil
}

// write appends with all writers for the length of a round.
func (b *Bench) write(ctx context.Context, s *stage) (load, error) {
	tenant, run := uuid.New(), uuid.NewString()[:8]
	return drive(ctx, rebuildWriters, b.Duration, func(ctx context.Context, caller, i int) error {
		stream := fmt.Sprintf("%s-%d-%d", run, caller, i/eventsPerStream)
		done, err := s.store.Append(ctx, benchAppend(tenant, stream, int64(i%eventsPerStream)))
		if err != nil {
			return err
		}
		return s.runner.Wait(ctx, s.name, tenant, done.Position)
	})
}
