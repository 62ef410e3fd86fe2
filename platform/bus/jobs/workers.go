package jobs

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.opentelemetry.io/otel/metric"

	"tansu.cloud/sql/db"
)

// Workers do the jobs of one process.
type Workers struct {
	config  Config
	queries *db.Queries
	crews   map[string]*crew
	metrics *metrics
	gauges  metric.Registration

	woken    chan struct{}   // has a value when jobs may have come
	finished chan finishing  // to finishAll
	held     map[*claim]bool // whose leases are kept
	holding  sync.Mutex

	// A process that stops ends these in order: first no more claims, then the
	// handlers, then the writing of what became of them.
	claiming, handling, settling context.Context
	stopClaiming, abort          context.CancelFunc
	stopHandling                 context.CancelCauseFunc
	settled                      chan struct{} // closed when nothing is left to be written

	carrying, work, services sync.WaitGroup
	stop                     sync.Once
}

// New returns workers that do nothing until they are started.
func New(config Config) (*Workers, error) {
	config.setDefaults()
	kinds := map[string]Kind{}
	for name, k := range config.Kinds {
		k.setDefaults()
		kinds[name] = k
	}
	config.Kinds = kinds
	if err := config.validate(); err != nil {
		return nil, err
	}
	m, err := newMetrics(config.MeterProvider.Meter(scope))
	if err != nil {
		return nil, fmt.Errorf("jobs: %w", err)
	}
	w := &Workers{
		config: config, queries: db.New(config.Pool), crews: map[string]*crew{}, metrics: m,
		woken: make(chan struct{}, 1), finished: make(chan finishing, maxClaim), held: map[*claim]bool{},
		settled: make(chan struct{}),
	}
	for name, k := range kinds {
		w.crews[name] = newCrew(name, k)
	}
	return w, nil
}

// Start begins to work and returns. The end of ctx aborts it as a crash would:
// jobs that run are done again when their leases have run out.
func (w *Workers) Start(ctx context.Context) error {
	if w.abort != nil {
		return errors.New("jobs: started twice")
	}
	var err error
	if w.gauges, err = w.observe(w.config.MeterProvider.Meter(scope)); err != nil {
		return fmt.Errorf("jobs: %w", err)
	}
	w.settling, w.abort = context.WithCancel(ctx)
	w.handling, w.stopHandling = context.WithCancelCause(w.settling)
	w.claiming, w.stopClaiming = context.WithCancel(w.settling)
	w.services.Go(w.finishAll)
	w.services.Go(w.keepLeases)
	w.carrying.Go(w.sweep)
	w.carrying.Go(w.clean)
	w.carrying.Go(func() {
		if err := w.config.Carrier.Carry(w.claiming, w); err != nil {
			w.config.Logger.ErrorContext(ctx, "jobs: the carrier gave up", "error", err)
		}
	})
	return nil
}

// stopTimeout is how long handlers may take to end after their contexts have.
const stopTimeout = 5 * time.Second

// Stop takes no more jobs and lets the running ones end. Those that are not done
// after the grace, or when ctx ends, are interrupted and go back at once.
func (w *Workers) Stop(ctx context.Context) error {
	var err error
	w.stop.Do(func() {
		if w.abort != nil {
			err = w.shutDown(ctx)
		}
	})
	return err
}

func (w *Workers) shutDown(ctx context.Context) error {
	defer w.abort()
	err := w.gauges.Unregister()
	w.stopClaiming()
	idle := make(chan struct{})
	go func() {
		w.carrying.Wait() // which may still hand a job to a worker
		w.work.Wait()
		close(w.settled)
		w.services.Wait()
		close(idle)
	}()
	grace := time.NewTimer(w.config.Grace)
	defer grace.Stop()
	select {
	case <-idle:
		return err
	case <-grace.C:
	case <-ctx.Done():
	}
	w.stopHandling(errStopping)
	grace.Reset(stopTimeout)
	select {
	case <-idle:
		return err
	case <-grace.C:
		return errors.Join(err, errors.New("jobs: some handlers do not end with their contexts; their jobs run again when the leases have run out"))
	}
}

// Wake makes the workers look for jobs now. Call it after a transaction that
// enqueued some has been committed. It does not block.
func (w *Workers) Wake() {
	select {
	case w.woken <- struct{}{}:
	default:
	}
}
