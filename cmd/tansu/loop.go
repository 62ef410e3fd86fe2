package main

import "context"

// loop makes a service of a function that works until its context ends.
type loop struct {
	run    func(context.Context) error
	cancel context.CancelFunc
	done   chan error
}

func newLoop(run func(context.Context) error) *loop {
	return &loop{run: run, done: make(chan error, 1)}
}

// Start implements service.
func (l *loop) Start(ctx context.Context) error {
	ctx, l.cancel = context.WithCancel(ctx)
	go func() { l.done <- l.run(ctx) }()
	return nil
}

// Stop implements service.
func (l *loop) Stop(ctx context.Context) error {
	l.cancel()
	select {
	case err := <-l.done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}
