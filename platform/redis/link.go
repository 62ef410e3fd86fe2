package redis

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/redis/rueidis"
	"go.opentelemetry.io/otel/metric"
)

// Link is a process's connection to Redis and its sign of life there.
type Link struct {
	config   Config
	option   rueidis.ClientOption
	node     string
	fallback metric.Int64Counter
	gauge    metric.Registration

	state   atomic.Pointer[State]
	mu      sync.Mutex // held while the state changes
	client  rueidis.Client
	changes []chan struct{}

	trouble chan struct{} // has a value when a call has failed
	stop    context.CancelFunc
	beating sync.WaitGroup
}

// State is how a link stands.
type State struct {
	// Session counts how often this node has come (back) to life in Redis. In a new
	// session nothing that this node wrote before can be relied on.
	Session int64
	Up      bool
	Since   time.Time
	Err     error // why it is not up
}

// ErrAway: Redis cannot be used now; do without.
var ErrAway = errors.New("redis is away")

// Open reads the configuration and connects nothing yet.
func Open(config Config) (*Link, error) {
	config.setDefaults()
	if err := config.validate(); err != nil {
		return nil, err
	}
	option, err := config.option()
	if err != nil {
		return nil, err
	}
	l := &Link{config: config, option: option, node: uuid.NewString(), trouble: make(chan struct{}, 1)}
	l.state.Store(&State{Err: errors.New("not started")})
	if err := l.observe(config.MeterProvider.Meter(scope)); err != nil {
		return nil, fmt.Errorf("redis: %w", err)
	}
	return l, nil
}

// Start tries to connect and goes on trying until Stop, or the end of ctx; that
// Redis is away is no error.
func (l *Link) Start(ctx context.Context) error {
	if l.stop != nil {
		return errors.New("redis: started twice")
	}
	ctx, l.stop = context.WithCancel(ctx)
	err := l.beat(ctx)
	l.beating.Go(func() { l.keepBeating(ctx, err) })
	return nil
}

// Stop ends this node's life in Redis. What stands on the link is stopped before.
func (l *Link) Stop(ctx context.Context) error {
	if l.stop == nil {
		return nil
	}
	l.stop()
	l.beating.Wait()
	err := l.gauge.Unregister()
	if _, runErr := l.Run(ctx, die, []string{l.NodeKey(l.node)}); runErr != nil && !errors.Is(runErr, ErrAway) {
		err = errors.Join(err, runErr)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.state.Store(&State{Session: l.state.Load().Session, Err: errors.New("stopped"), Since: time.Now()})
	if l.client != nil {
		l.client.Close()
	}
	return err
}

// Node is this process's name in Redis, new with each start.
func (l *Link) Node() string { return l.node }

// Beat is the configured time between signs of life.
func (l *Link) Beat() time.Duration { return l.config.Beat }

// Timeout is the configured bound of a call.
func (l *Link) Timeout() time.Duration { return l.config.Timeout }

// Key joins parts to a key or topic of this installation. What belongs to a
// tenant begins with the tenant.
func (l *Link) Key(parts ...string) string {
	return l.config.Prefix + ":" + strings.Join(parts, ":")
}

// NodeKey exists while a node is alive.
func (l *Link) NodeKey(node string) string { return l.Key("node", node) }

// State tells how the link stands now.
func (l *Link) State() State { return *l.state.Load() }

// Up tells whether Redis can be used now.
func (l *Link) Up() bool { return l.state.Load().Up }

// Healthy says why Redis is not used, if it is not.
func (l *Link) Healthy() error {
	s := l.state.Load()
	if s.Up {
		return nil
	}
	return fmt.Errorf("%w: %w; channels, limits and cached answers are local to this process", ErrAway, s.Err)
}

// Changes returns a channel that has a value when the state has changed since the
// last one was taken. Each who needs to know calls it once.
func (l *Link) Changes() <-chan struct{} {
	changes := make(chan struct{}, 1)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.changes = append(l.changes, changes)
	return changes
}

// Fallback counts what an engine did without Redis.
func (l *Link) Fallback(ctx context.Context, engine metric.MeasurementOption) {
	l.fallback.Add(ctx, 1, engine)
}
