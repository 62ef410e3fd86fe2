package projections

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/metric"
)

// Runner runs all projections of this process.
type Runner struct {
	config     Config
	projectors []*projector
	byName     map[string]*projector
	unready    atomic.Int64
	ready      chan struct{} // closed when all read models can be read

	gauges metric.Registration
	quit   chan struct{} // closed by Stop
	stop   sync.Once
	cancel context.CancelFunc
	work   sync.WaitGroup
}

// NewRunner returns a runner that does nothing until it is started.
func NewRunner(config Config) (*Runner, error) {
	config.setDefaults()
	if err := config.validate(); err != nil {
		return nil, err
	}
	m, err := newMetrics(config.MeterProvider.Meter(scope))
	if err != nil {
		return nil, fmt.Errorf("projections: %w", err)
	}
	runs, err := newSharedRuns()
	if err != nil {
		return nil, fmt.Errorf("projections: %w", err)
	}
	r := &Runner{config: config, byName: map[string]*projector{}, ready: make(chan struct{}), quit: make(chan struct{})}
	for _, projection := range config.Projections {
		p := newProjector(newSetup(&r.config, projection, m, runs), r.oneReady)
		r.projectors = append(r.projectors, p)
		r.byName[p.Name] = p
	}
	r.unready.Store(int64(len(r.projectors)))
	if len(r.projectors) == 0 {
		close(r.ready)
	}
	return r, nil
}

// Start begins to run the projections and returns. The end of ctx aborts them
// as a crash would: nothing is lost, but leases stay taken until they run out.
func (r *Runner) Start(ctx context.Context) error {
	if r.cancel != nil {
		return errors.New("projections: started twice")
	}
	var err error
	if r.gauges, err = r.observe(r.config.MeterProvider.Meter(scope)); err != nil {
		return fmt.Errorf("projections: %w", err)
	}
	ctx, r.cancel = context.WithCancel(ctx)
	for _, p := range r.projectors {
		r.work.Go(func() { p.run(ctx, r.quit) })
	}
	if !r.config.Follow {
		r.work.Go(func() { r.watch(ctx) })
	}
	return nil
}

// Hint says that a tenant's log reaches a position, as another process told this
// one. It does not block.
func (r *Runner) Hint(tenant uuid.UUID, position int64) {
	for _, p := range r.projectors {
		p.hint(tenant, position)
	}
}

// Stop finishes the transactions that are under way and releases the leases. If
// ctx ends first, the rest is aborted.
func (r *Runner) Stop(ctx context.Context) error {
	var err error
	r.stop.Do(func() {
		if r.cancel != nil {
			err = r.shutDown(ctx)
		}
	})
	return err
}

func (r *Runner) shutDown(ctx context.Context) error {
	defer r.cancel()
	err := r.gauges.Unregister()
	close(r.quit)
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.work.Wait()
	}()
	select {
	case <-done:
	case <-ctx.Done():
		r.cancel()
		<-done
		err = errors.Join(err, ctx.Err())
	}
	return err
}

// Ready is closed when every projection has a generation that serves.
func (r *Runner) Ready() <-chan struct{} { return r.ready }

func (r *Runner) oneReady() {
	if r.unready.Add(-1) == 0 {
		close(r.ready)
	}
}
