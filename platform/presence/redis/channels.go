// Package redis shares presence between the processes of an installation. Each
// process keeps its own members in a presence.Local, which stays true whatever
// happens to Redis, and mirrors them there; what other processes do arrives
// through Pub/Sub. So while Redis is away the members of one process still see
// each other, and when it returns they are announced again and what was missed is
// made up for.
//
// The bounds of presence are checked in Redis when a member joins. They are
// exceeded where processes join members apart from each other while Redis is
// away, and the members of a dead process count until they are removed.
package redis

import (
	"context"
	"errors"
	"hash/maphash"
	"log/slog"
	"sync"
	"sync/atomic"

	"tansu.cloud/platform/presence"
	"tansu.cloud/platform/redis"
)

// Channels is presence on Redis.
type Channels struct {
	link   *redis.Link
	local  *presence.Local
	logger *slog.Logger
	topics *topics

	// locks keep the mirror true, by channel: those who join and leave share one,
	// who compares the mirror with the members has it alone.
	locks [64]sync.RWMutex
	seed  maphash.Seed

	keeperChanges, subscriberChanges <-chan struct{}
	unsubscribed                     atomic.Pointer[error] // why nothing arrives from others
	stop                             context.CancelFunc
	services                         sync.WaitGroup
}

var _ presence.Channels = (*Channels)(nil)

// New returns channels that are local until the link, and they, are started.
func New(link *redis.Link, logger *slog.Logger) *Channels {
	return &Channels{
		link: link, local: presence.NewLocal(), logger: logger, topics: newTopics(), seed: maphash.MakeSeed(),
		keeperChanges: link.Changes(), subscriberChanges: link.Changes(),
	}
}

// Start begins to share and returns.
func (c *Channels) Start(ctx context.Context) error {
	if c.stop != nil {
		return errors.New("presence: started twice")
	}
	ctx, c.stop = context.WithCancel(ctx)
	c.services.Go(func() { c.keep(ctx) })
	c.services.Go(func() { c.subscribe(ctx) })
	return nil
}

// Stop takes what members are left out of Redis. The link is stopped afterwards.
func (c *Channels) Stop(ctx context.Context) error {
	if c.stop == nil {
		return nil
	}
	c.stop()
	c.services.Wait()
	if err := c.withdraw(ctx); err != nil && !errors.Is(err, redis.ErrAway) {
		return err
	}
	return nil
}

// Healthy says why channels are not shared, if they are not.
func (c *Channels) Healthy() error {
	if err := c.link.Healthy(); err != nil {
		return err
	}
	if err := c.unsubscribed.Load(); err != nil {
		return *err
	}
	return nil
}

func (c *Channels) lock(ch presence.Channel) *sync.RWMutex {
	return &c.locks[maphash.Comparable(c.seed, ch)%uint64(len(c.locks))]
}

var engine = redis.Engine("presence")

// alone counts a call that Redis has no part in.
func (c *Channels) alone(ctx context.Context) { c.link.Fallback(ctx, engine) }
