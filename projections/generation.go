package projections

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tansu.cloud/eventstore"
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
	gentle atomic.Bool // rest as long as was worked: others use the machine
	queue  *queue

	quit     chan struct{} // closed by stop: finish what is under way
	quitOnce sync.Once
	ended    chan struct{} // closed when nothing runs any more
	work     sync.WaitGroup
	events   atomic.Int64 // looked at since start, for the rate
	started  time.Time
}

// newGeneration starts a worker for a generation; nothing feeds it yet. The end
// of ctx aborts what it does.
func newGeneration(ctx context.Context, s *setup, number int, l *lease) *generation {
	g := &generation{
		setup: s, number: number, lease: l, queue: newQueue(),
		begin: pgx.TxOptions{BeginQuery: "begin; set local synchronous_commit = off; set local search_path = " +
			pgx.Identifier{s.schema(number)}.Sanitize()},
		quit: make(chan struct{}), ended: make(chan struct{}), started: time.Now(),
	}
	g.page.Store(int64(s.config.CatchUpPage))
	context.AfterFunc(ctx, g.queue.close)
	g.work.Go(func() { g.run(ctx) })
	return g
}

// addWorkers lets a projection of every tenant's log advance several at once.
func (g *generation) addWorkers(ctx context.Context) {
	for n := 1; g.EveryTenant && n < g.config.Workers; n++ {
		g.work.Go(func() { g.run(ctx) })
	}
}

// goLive feeds the generation from its projection's inbox and the safety poll.
func (g *generation) goLive(ctx context.Context) {
	g.page.Store(int64(g.config.LivePage))
	g.work.Go(func() { g.poll(ctx) })
}

// stop finishes what the workers are doing and writes the checkpoints that are
// behind. When it returns nil, nothing that was looked at will be looked at again.
func (g *generation) stop(ctx context.Context) error {
	g.quitOnce.Do(func() { close(g.quit) })
	g.queue.close()
	g.work.Wait()
	defer close(g.ended)
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
		if err := g.step(ctx, t); err != nil {
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
	t.stored, t.seen, t.seenAt, t.loaded = position, position, time.Time{}, true
	g.queue.publish(t)
	return nil
}

// poll finds what messages did not tell, and saves checkpoints that lag because
// nothing relevant came.
func (g *generation) poll(ctx context.Context) {
	ticker := time.NewTicker(g.config.PollInterval)
	defer ticker.Stop()
	from, failed := uuid.Nil, false
	for {
		g.queue.saveAll()
		next, _, err := g.offerBehind(ctx, from)
		from = next
		if err != nil && ctx.Err() == nil {
			g.queue.doubt()
			if !failed {
				g.logger.WarnContext(ctx, "projection: the safety poll fails", "error", err)
			}
		}
		failed = err != nil
		select {
		case <-ticker.C:
		case <-g.quit:
			return
		case <-ctx.Done():
			return
		}
	}
}

// pollTenants is how many tenants one poll finds at most.
const pollTenants = 1000

// offerBehind queues the tenants whose checkpoint is behind their log, one page
// of them, and returns by how many events. next is where the following page
// begins, the nil UUID after the last one.
func (g *generation) offerBehind(ctx context.Context, from uuid.UUID) (next uuid.UUID, lag int64, err error) {
	behind, err := g.behind(ctx, from)
	for _, b := range behind {
		lag += b.Head - b.Position
		g.queue.behind(b.TenantID, b.Head, b.Position)
	}
	if len(behind) == pollTenants {
		next = behind[pollTenants-1].TenantID
	}
	return next, lag, err
}

func (g *generation) behind(ctx context.Context, from uuid.UUID) ([]db.TenantsBehindRow, error) {
	if g.EveryTenant {
		return g.queries.TenantsBehind(ctx, db.TenantsBehindParams{
			Projection: g.Name, Generation: int32(g.number), FromTenant: from, MaxRows: pollTenants})
	}
	rows, err := g.queries.TenantBehind(ctx, db.TenantBehindParams{
		TenantID: eventstore.SystemTenant, Projection: g.Name, Generation: int32(g.number)})
	behind := make([]db.TenantsBehindRow, len(rows))
	for i, r := range rows {
		behind[i] = db.TenantsBehindRow(r)
	}
	return behind, err
}

// catchUp advances all tenants until together they lag by no more than allowed.
func (g *generation) catchUp(ctx context.Context, allowed int64) error {
	for {
		var total int64
		for from, more := uuid.Nil, true; more; more = from != uuid.Nil {
			next, lag, err := g.offerBehind(ctx, from)
			if err != nil {
				return err
			}
			if err := g.settle(ctx); err != nil {
				return err
			}
			total, from = total+lag, next
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
