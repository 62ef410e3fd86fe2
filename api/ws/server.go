package ws

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"

	"tansu.cloud/api/problem"
	"tansu.cloud/platform/limits"
	"tansu.cloud/platform/presence"
	"tansu.cloud/projections/feeds"
)

// Permissions that the frames of a client need.
const (
	PermissionEvents   = "events.read"   // subscribe
	PermissionChannels = "channels.join" // join, leave and broadcast
)

// Principal is who a token stands for.
type Principal struct {
	Actor     string
	ExpiresAt time.Time // zero: never
	Tenant    uuid.UUID // the only one that the token is for, if it is Bound
	Bound     bool
	Permitted func(tenant uuid.UUID, permission string) bool
}

// Deps is what the sockets need; all but the settings is required.
type Deps struct {
	Hub *feeds.Hub
	// Authenticate tells whom a token stands for, for a client that names a tenant by
	// id or slug, or none. A *problem.Problem below 500 says that it holds no more;
	// any other error, that this cannot be told now.
	Authenticate func(ctx context.Context, token, tenant string) (Principal, error)
	// Tenant finds a tenant whose log is open by id or slug; "system" is the
	// system tenant. Errors are as of Authenticate.
	Tenant func(ctx context.Context, idOrSlug string) (uuid.UUID, error)
	// Quota tells how many connections a tenant may have by its own quota, if it
	// has one. What all tenants may have at most is in Quotas.
	Quota func(ctx context.Context, tenant uuid.UUID) (most int, bounded bool, err error)
	// Origins tells from which pages tenants may be used.
	Origins  Origins
	Channels presence.Channels
	Limits   limits.Limits
	Logger   *slog.Logger

	Quotas        Quotas
	MeterProvider metric.MeterProvider
}

// Origins tells from which pages tenants may be used. See package bounds.
type Origins interface {
	KnowsOrigin(ctx context.Context, origin string) (bool, error)
	AllowsOrigin(ctx context.Context, tenant uuid.UUID, bound bool, origin string) (bool, error)
}

func (d *Deps) validate() error {
	var missing []error
	for name, there := range map[string]bool{
		"Hub": d.Hub != nil, "Authenticate": d.Authenticate != nil, "Tenant": d.Tenant != nil, "Quota": d.Quota != nil, "Origins": d.Origins != nil,
		"Channels": d.Channels != nil, "Limits": d.Limits != nil, "Logger": d.Logger != nil,
	} {
		if !there {
			missing = append(missing, errors.New("ws: Deps."+name+" is missing"))
		}
	}
	return errors.Join(missing...)
}

// Server holds the open sockets and feeds of a process.
type Server struct {
	Deps
	counters  counters
	metrics   *metrics
	unobserve metric.Registration
	rooms     rooms
	sessions  sessions
	snapshot  chan struct{} // a place for each snapshot that is being sent
	times     times

	mu       sync.Mutex
	holders  map[holder]struct{}
	draining bool
	unwatch  func() // stops the watchers
	ended    sync.WaitGroup
	watchers sync.WaitGroup
}

var _ http.Handler = (*Server)(nil)

// times are the periods of the protocol; tests shorten them.
type times struct {
	connect     time.Duration // until the first frame
	write       time.Duration // for a frame to be taken
	slowWrite   time.Duration // from which on a frame counts as stalled
	ping        time.Duration
	silence     time.Duration // after which a client is gone
	warn, grace time.Duration // before and after a token expires
	goodbye     time.Duration // for the closing handshake
	tick        time.Duration // of housekeeping
	recheck     time.Duration // of rights
	keepalive   time.Duration // between positions that are told without events
}

var defaultTimes = times{
	connect: 10 * time.Second, write: 10 * time.Second, slowWrite: 2 * time.Second,
	ping: 25 * time.Second, silence: 40 * time.Second, warn: time.Minute, grace: 30 * time.Second,
	goodbye: 2 * time.Second, tick: 100 * time.Millisecond, recheck: 400 * time.Millisecond, keepalive: time.Second,
}

// maxSnapshots bounds the snapshots in memory.
const maxSnapshots = 16

// New returns a server without connections. It needs Drain at the end, before
// the hub stops.
func New(d Deps) (*Server, error) {
	if err := d.validate(); err != nil {
		return nil, err
	}
	if d.MeterProvider == nil {
		d.MeterProvider = otel.GetMeterProvider()
	}
	d.Quotas.setDefaults()
	s := &Server{
		Deps: d, holders: map[holder]struct{}{}, times: defaultTimes,
		snapshot: make(chan struct{}, maxSnapshots),
	}
	s.rooms.channels, s.rooms.open = d.Channels, map[presence.Channel]*room{}
	s.sessions.known = map[bearer]*session{}
	var err error
	s.metrics, err = s.observe(d.MeterProvider.Meter(scope))
	return s, err
}

// holder is a connection that holds rights for as long as it is open: a socket
// or a feed. Its methods do not block.
type holder interface {
	// rights says what has to be checked again; nil before it is connected. origin
	// is that of the page behind it, empty if that is ours or none.
	rights() (known *session, tenant uuid.UUID, origin string)
	// judge applies what the check has found.
	judge(Principal)
	// end closes the connection; code is that of the close frame.
	end(code int, reason problem.Code, retryIn time.Duration)
	// keep does what is due at a time.
	keep(now time.Time)
	// cut ends the connection without a word.
	cut()
}

// enter registers a connection, which leaves later; false while draining. Rights
// are checked and house is kept while there is one.
func (s *Server) enter(h holder) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.draining {
		return false
	}
	s.holders[h] = struct{}{}
	s.ended.Add(1)
	if len(s.holders) == 1 {
		ctx, stop := context.WithCancel(context.Background())
		s.unwatch = stop
		s.watchers.Go(func() { s.keepHouse(ctx) })
		s.watchers.Go(func() { s.checkRights(ctx) })
	}
	return true
}

func (s *Server) leave(h holder) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.holders, h)
	s.ended.Done()
	if len(s.holders) == 0 {
		s.unwatch()
	}
}

// open lists the connections, into a slice that is used again.
func (s *Server) open(into []holder) []holder {
	clear(into[:cap(into)])
	into = into[:0]
	s.mu.Lock()
	defer s.mu.Unlock()
	for h := range s.holders {
		into = append(into, h)
	}
	return into
}

// keepHouse lets each connection do what is due.
func (s *Server) keepHouse(ctx context.Context) {
	var all []holder
	ticks := time.NewTicker(s.times.tick)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-ticks.C:
			all = s.open(all)
			for _, h := range all {
				h.keep(now)
			}
		}
	}
}
