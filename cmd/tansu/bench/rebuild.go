package bench

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"
)

const rebuildEvents, rebuildWriters = 200_000, 64

// Rebuild measures what 64 writers notice of a rebuild beside the serving read
// model: their 99th percentile with one against the same without.
func (b *Bench) Rebuild(ctx context.Context) ([]Result, error) {
	if err := b.fill(ctx, uuid.New(), rebuildEvents); err != nil {
		return nil, err
	}
	s, err := b.newStage(ctx, 0)
	if err != nil {
		return nil, err
	}
	defer s.stop(ctx)

	var tail, throughput pairs
	var rates []float64
	for round := range b.Rounds + 1 {
		quiet, err := b.appendRound(ctx, s.store, 1, rebuildWriters)
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
		busy, err := b.writeUntil(writing, s)
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

// writeUntil appends with all writers until ctx ends.
func (b *Bench) writeUntil(ctx context.Context, s *stage) (load, error) {
	tenant, run := uuid.New(), uuid.NewString()[:8]
	l, err := drive(context.WithoutCancel(ctx), rebuildWriters, time.Hour, func(_ context.Context, caller, i int) error {
		if ctx.Err() != nil {
			return errStopped
		}
		stream := fmt.Sprintf("%s-%d-%d", run, caller, i/eventsPerStream)
		_, err := s.store.Append(context.WithoutCancel(ctx), benchAppend(tenant, stream, int64(i%eventsPerStream)))
		return err
	})
	return l, err
}
