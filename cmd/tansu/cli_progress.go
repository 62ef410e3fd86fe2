package main

import (
	"context"
	"sync/atomic"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
)

// progress shows on standard error how far long work is, if a person watches.
// The zero progress shows nothing.
type progress struct {
	bars  *mpb.Progress
	bar   *mpb.Bar
	total int64
	hint  atomic.Pointer[string]
}

func (s *session) startProgress(ctx context.Context, name string) *progress {
	p := &progress{}
	if s.quiet || !isTerminal(s.stderr) {
		return p
	}
	p.hint.Store(new(string))
	p.bars = mpb.NewWithContext(ctx, mpb.WithOutput(s.stderr), mpb.WithWidth(72))
	p.bar = p.bars.AddBar(0,
		mpb.PrependDecorators(decor.Name(name+" "), decor.CountersNoUnit("%d / %d")),
		mpb.AppendDecorators(decor.Percentage(), decor.Any(func(decor.Statistics) string { return "  " + *p.hint.Load() })),
	)
	return p
}

// show moves the bar; the hint is about rate and time left.
func (p *progress) show(done, total int64, hint string) {
	if p.bar == nil {
		return
	}
	p.hint.Store(&hint)
	p.total = max(total, done)
	p.bar.SetTotal(p.total, false)
	p.bar.SetCurrent(done)
}

// finish fills the bar and leaves it on the screen.
func (p *progress) finish() {
	if p.bar != nil {
		done := ""
		p.hint.Store(&done)
		p.bar.SetTotal(p.total, true)
		p.bars.Wait()
	}
}

// stop takes an unfinished bar away.
func (p *progress) stop() {
	if p.bar != nil && !p.bar.Completed() {
		p.bar.Abort(true)
		p.bars.Wait()
	}
}
