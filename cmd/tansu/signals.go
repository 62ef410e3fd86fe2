package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// watchSignals ends the returned context at the first signal to stop and closes
// forced at the second. The third meets the system's default and kills.
func watchSignals(parent context.Context) (ctx context.Context, forced <-chan struct{}, release func()) {
	ctx, cancel := context.WithCancel(parent)
	signals := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) { // as under nohup
		signals = append(signals, syscall.SIGHUP)
	}
	received, second := make(chan os.Signal, 2), make(chan struct{})
	signal.Notify(received, signals...)
	go func() {
		select {
		case <-received:
			cancel()
		case <-ctx.Done():
		}
		select {
		case <-received:
			signal.Stop(received)
			close(second)
		case <-parent.Done():
		}
	}()
	return ctx, second, func() {
		signal.Stop(received)
		cancel()
	}
}

// stopContext lasts for an orderly stop: it does not end with ctx, but with the
// second signal.
func (a *app) stopContext(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	go func() {
		select {
		case <-a.forced:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}
