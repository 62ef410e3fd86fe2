package projections

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tansu.cloud/eventstore"
	"tansu.cloud/platform/bus"
	"tansu.cloud/sql/db"
)

// generation is one filling of a projection's tables while this process moves
// it on. It holds the lease's token for that long.
type generation struct {
	*setup
	number int
	lease  *lease
	begin  pgx.TxOptions
	page   atomic.Int64
	gentle atomic.Bool   // rest as long as was worked: others use the machine
	slots  chan struct{} // of the workers of all shares, nil for no bound
	queue  *queue

	quit     chan struct{} // closed by halt: finish what is under way
	quitOnce sync.Once
	forget   func() bool // ends the watch over the context
	work     sync.WaitGroup
	events   atomic.Int64 // looked at since start, for the rate
	started  time.Time
}

// newGeneration returns a generation on which nobody works yet.
func newGeneration(ctx context.Context, s *setup, number int, l *lease, inbox int) *generation {
	g := &generation{
		setup: s, number: number, lease: l, queue: newQueue(inbox), begin: s.transaction(number),
		quit: make(chan struct{}), started: time.Now(),
	}
	g.page.Store(int64(s.config.CatchUpPage))
	g.forget = context.AfterFunc(ctx, g.queue.close)
	return g
}

// newLive has the serving generation moved on for one share: from its
// projection's inbox and the safety poll.
func newLive(ctx context.Context, s *setup, number int, l *lease) *generation {
	parts := 1
	if s.EveryTenant {
		parts = bus.Partitions
	}
	g := newGeneration(ctx, s, number, l, parts)
	g.page.Store(int64(s.config.LivePage))
	g.slots = s.slots
	g.addWorkers(ctx, s.workers())
	return g
}

// workers is how many tenants may be advanced at once.
func (s *setup) workers() int {
	if s.EveryTenant {
		return s.config.Workers
	}
	return 1
}

// transaction begins one in the schema of a generation. A process that hangs in
// it does not hold its successor up for longer than a lease lasts.
func (s *setup) transaction(generation int) pgx.TxOptions {
	begin := fmt.Sprintf("begin; set local search_path = %s; set local idle_in_transaction_session_timeout = %d",
		pgx.Identifier{s.schema(generation)}.Sanitize(), s.config.LeaseTTL.Milliseconds())
	if !s.Saga { // what it has enqueued may have had its effect
		begin += "; set local synchronous_commit = off"
	}
	return pgx.TxOptions{BeginQuery: begin}
}

// addWorkers lets a generation advance more tenants at once. The end of ctx
// aborts what they do.
func (g *generation) addWorkers(ctx context.Context, n int) {
	for range n {
		g.work.Go(func() { g.run(ctx) })
	}
}

// halt tells the workers to go when they have finished what they are doing.
func (g *generation) halt() {
	g.quitOnce.Do(func() { close(g.quit) })
	g.queue.close()
}

// stop finishes what the workers are doing and writes the checkpoints that are
// behind. When it returns nil, nothing that was looked at will be looked at again.
func (g *generation) stop(ctx context.Context) error {
	g.halt()
	g.forget()
	g.work.Wait()
	for _, t := range g.queue.unsaved() {
		if err := g.save(ctx, t); err != nil {
			return err
		}
	}
	return nil
}

func (g *generation) run(ctx context.Context) {
	for {
		t := g.queue.next()
		if t == nil {
			return
		}
		began := time.Now()
		if err := g.inSlot(ctx, t); err != nil {
			t.loaded = false // whatever the transaction did, the database knows
			t.failures++
			g.report(ctx, t, err)
			if infrastructure(err) {
				g.queue.doubt()
			}
			g.queue.rest(t, err, backoff(t.failures, g.config.MaxBackoff))
			continue
		}
		t.failures = 0
		g.queue.done(t)
		if g.gentle.Load() {
			pause(ctx, g.quit, time.Since(began))
		}
	}
}

// inSlot does a step when fewer than the permitted number are under way.
func (g *generation) inSlot(ctx context.Context, t *tenant) error {
	if g.slots == nil {
		return g.step(ctx, t)
	}
	select {
	case g.slots <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-g.slots }()
	return g.step(ctx, t)
}

// report logs a failure when it is new and then rarely, and counts holes.
func (g *generation) report(ctx context.Context, t *tenant, err error) {
	if errors.Is(err, errStale) || errors.Is(err, errStopping) || ctx.Err() != nil || t.failures&(t.failures-1) != 0 {
		return
	}
	if corrupt := (*eventstore.CorruptLog)(nil); errors.As(err, &corrupt) && t.failures == 1 {
		g.metrics.gaps.Add(ctx, 1, g.metrics.attributes)
	}
	g.logger.ErrorContext(ctx, "projection does not advance", "generation", g.number, "tenant_id", t.id,
		"position", t.seen, "failures", t.failures, "error", err)
}

// step does what is due for one tenant: its tasks, then one run of events.
func (g *generation) step(ctx context.Context, t *tenant) error {
	if !t.loaded {
		if err := g.load(ctx, t); err != nil {
			return err
		}
	}
	w := g.queue.take(t)
	for key, do := range w.tasks {
		if err := do(ctx, g, t); err != nil {
			g.queue.add(t.id, key, do)
			return err
		}
	}
	if w.run != nil || w.target > t.seen {
		if err := g.advance(ctx, t, w); err != nil {
			return err
		}
	}
	if w.save && t.seen > t.stored {
		if err := g.save(ctx, t); err != nil {
			return err
		}
	}
	g.queue.publish(t)
	return nil
}

// load reads a tenant's checkpoint and parked streams.
func (g *generation) load(ctx context.Context, t *tenant) error {
	position, err := g.queries.Checkpoint(ctx, db.CheckpointParams{TenantID: t.id, Projection: g.Name, Generation: int32(g.number)})
	if errors.Is(err, pgx.ErrNoRows) {
		position, err = 0, nil
	}
	if err != nil {
		return err
	}
	rows, err := g.queries.TenantParkedStreams(ctx, db.TenantParkedStreamsParams{TenantID: t.id, Projection: g.Name, Generation: int32(g.number)})
	if err != nil {
		return err
	}
	t.parked = make(map[eventstore.Stream]parked, len(rows))
	for _, r := range rows {
		t.parked[eventstore.Stream{Type: r.StreamType, ID: r.StreamID}] = parked{id: r.DeadLetterID}
	}
	t.stored, t.seen, t.seenAt, t.ownTypes, t.loaded = position, position, time.Time{}, false, true
	g.queue.publish(t)
	return nil
}

// catchUp advances all tenants until together they lag by no more than allowed.
func (g *generation) catchUp(ctx context.Context, allowed int64) error {
	for {
		var total int64
		for from, more := uuid.Nil, true; more; more = from != uuid.Nil {
			behind, next, err := g.behind(ctx, g.number, from)
			if err != nil {
				return err
			}
			for _, b := range behind {
				total += b.Head - b.Position
				g.queue.behind(b.TenantID, b.Head, b.Position)
			}
			if err := g.settle(ctx); err != nil {
				return err
			}
			from = next
		}
		if total <= allowed {
			return nil
		}
	}
}

// settle waits until what was queued is done and its checkpoints are written.
func (g *generation) settle(ctx context.Context) error {
	if err := g.queue.settle(ctx); err != nil {
		return err
	}
	g.queue.saveAll()
	return g.queue.settle(ctx)
}
