package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"tansu.cloud/eventstore"
)

// Options configure a Store. The zero value is usable.
type Options struct {
	// Lanes is how many appends run at once; tenants are spread over them by
	// hash. Default: the number of cores.
	Lanes int
	// QueueLimit is how many appends may wait in one lane before further ones
	// are refused with ErrUnavailable. Default 8,192.
	QueueLimit int
	// OnCommit is called after each commit with one tenant's contiguous new
	// events, in order per tenant. It must not block.
	OnCommit func([]eventstore.Event)
	// RetryFor bounds how long a lane keeps trying to reach the database for
	// requests that it has taken. Default 15 s.
	RetryFor time.Duration
	// Now is the clock of recorded_at. Default time.Now.
	Now    func() time.Time
	Logger *slog.Logger
}

func (o *Options) setDefaults() {
	if o.Lanes <= 0 {
		o.Lanes = runtime.GOMAXPROCS(0)
	}
	if o.QueueLimit <= 0 {
		o.QueueLimit = 8192
	}
	if o.OnCommit == nil {
		o.OnCommit = func([]eventstore.Event) {}
	}
	if o.RetryFor <= 0 {
		o.RetryFor = 15 * time.Second
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
}

// Store is the log in PostgreSQL. It implements eventstore.Store and
// eventstore.Snapshots. Reads work without Start; appends need it.
type Store struct {
	*Reader
	pool    *pgxpool.Pool
	opts    Options
	lanes   []*lane
	aloft   atomic.Int32 // transactions on their way, of all lanes
	metrics *metrics
	tracer  trace.Tracer

	mu      sync.RWMutex // guards running against sends into stopped lanes
	running bool
	work    sync.WaitGroup
	cancel  context.CancelFunc
}

var (
	_ eventstore.Store     = (*Store)(nil)
	_ eventstore.Snapshots = (*Store)(nil)
)

// New returns a store on the pool's database, whose schema must be migrated.
// Each lane holds one connection of the pool while it works.
func New(pool *pgxpool.Pool, opts Options) *Store {
	opts.setDefaults()
	return &Store{Reader: NewReader(pool), pool: pool, opts: opts, metrics: newMetrics(), tracer: newTracer()}
}

// Start begins to accept appends.
func (s *Store) Start(ctx context.Context) error {
	var citus bool
	if err := s.pool.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'citus')`).Scan(&citus); err != nil {
		return fmt.Errorf("event store: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running {
		return errors.New("event store: started twice")
	}
	laneCtx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	s.cancel = cancel
	s.lanes = make([]*lane, s.opts.Lanes)
	for i := range s.lanes {
		l := newLane(s, citus)
		s.lanes[i] = l
		s.work.Go(func() { l.run(laneCtx) })
	}
	s.running = true
	return nil
}

// Stop refuses further appends, finishes those that wait and returns when all
// lanes have ended. If ctx ends first, what still waits is abandoned.
func (s *Store) Stop(ctx context.Context) error {
	s.mu.Lock()
	if !s.running {
		s.mu.Unlock()
		return nil
	}
	s.running = false
	for _, l := range s.lanes {
		close(l.queue)
	}
	s.mu.Unlock()

	done := make(chan struct{})
	go func() { s.work.Wait(); close(done) }()
	defer s.cancel()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		s.cancel()
		<-done
		return ctx.Err()
	}
}

// Append implements eventstore.Appender.
func (s *Store) Append(ctx context.Context, a eventstore.Append) (eventstore.Appended, error) {
	if err := a.Check(); err != nil {
		return eventstore.Appended{}, err
	}
	if err := ctx.Err(); err != nil {
		return eventstore.Appended{}, err
	}
	span := trace.SpanFromContext(ctx)
	if span.IsRecording() { // an append on its own makes no trace
		ctx, span = s.tracer.Start(ctx, "append", trace.WithSpanKind(trace.SpanKindClient),
			trace.WithAttributes(attribute.String("tansu.tenant.id", a.TenantID.String())))
		defer span.End()
	}
	metadata, err := json.Marshal(a.Metadata)
	if err != nil {
		return eventstore.Appended{}, err
	}
	r := &request{Append: a, metadata: metadata, queued: time.Now(), done: make(chan result, 1)}
	if err := s.enqueue(r); err != nil {
		span.SetStatus(codes.Error, err.Error())
		return eventstore.Appended{}, err
	}
	select {
	case res := <-r.done:
		if res.err != nil {
			span.SetStatus(codes.Error, res.err.Error())
		} else if span.IsRecording() {
			span.SetAttributes(attribute.Int64("tansu.position", res.Position))
		}
		return res.Appended, res.err
	case <-ctx.Done():
		if r.state.CompareAndSwap(waiting, abandoned) {
			return eventstore.Appended{}, ctx.Err()
		}
		return eventstore.Appended{}, fmt.Errorf("%w (%w)", eventstore.ErrOutcomeUnknown, ctx.Err())
	}
}

func (s *Store) enqueue(r *request) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if !s.running {
		return fmt.Errorf("%w: it is stopped", eventstore.ErrUnavailable)
	}
	select {
	case s.laneOf(r.TenantID).queue <- r:
		return nil
	default:
		return fmt.Errorf("%w: too many appends wait", eventstore.ErrUnavailable)
	}
}

func (s *Store) laneOf(tenant uuid.UUID) *lane {
	h := fnv.New32a()
	h.Write(tenant[:])
	return s.lanes[h.Sum32()%uint32(len(s.lanes))]
}

// DeleteIdempotencyBefore removes the records of all tenants that are older
// than a time and returns how many there were.
func (s *Store) DeleteIdempotencyBefore(ctx context.Context, t time.Time) (int64, error) {
	return s.queries.DeleteIdempotencyBefore(ctx, t)
}
