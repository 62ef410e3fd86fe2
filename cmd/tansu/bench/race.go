package bench

import (
	"context"
)

// race runs rounds of ours and of the line in turns, and compares how much they
// did, how long one operation took, and what it cost in processor time. A first
// round, which warms both, does not count.
func (b *Bench) race(ctx context.Context, bench, name, unit string, ours, line func(context.Context) (load, error)) (rate, p50 Result, err error) {
	var rates, latencies pairs
	var all, allLine spending
	for round := range b.Rounds + 1 {
		done, spent, err := b.costing(ctx, ours)
		if err != nil {
			return rate, p50, err
		}
		lineDone, lineSpent, err := b.costing(ctx, line)
		if err != nil {
			return rate, p50, err
		}
		if round == 0 {
			continue
		}
		rates.add(done.perSecond, lineDone.perSecond)
		latencies.add(done.p50.Seconds()*1000, lineDone.p50.Seconds()*1000)
		all.add(spent, done.perSecond*b.Duration.Seconds())
		allLine.add(lineSpent, lineDone.perSecond*b.Duration.Seconds())
	}
	rate = rates.result(bench, name, unit)
	rate.Note = all.perOperation() + "; line " + allLine.perOperation()
	return rate, latencies.result(bench, name+", p50", "ms"), nil
}

func (b *Bench) costing(ctx context.Context, run func(context.Context) (load, error)) (load, cpu, error) {
	before, err := measureCPU(ctx, b.pool)
	if err != nil {
		return load{}, cpu{}, err
	}
	done, err := run(ctx)
	if err != nil {
		return load{}, cpu{}, err
	}
	after, err := measureCPU(ctx, b.pool)
	return done, after.since(before), err
}
