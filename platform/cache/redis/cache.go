// Package redis shares a cache between the processes of an installation. What it
// keeps never changes under its key, so there is nothing that Redis would have to
// take back from the processes (client-side tracking), and each puts a local cache
// in front of it. Redis is asked for a few milliseconds and told in the
// background; while it is away, or slow, the cache is empty.
package redis

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"tansu.cloud/platform/cache"
	"tansu.cloud/platform/redis"
)

const (
	// patience is how long a request waits for Redis. After that Redis is left
	// alone for a while.
	patience = 5 * time.Millisecond
	leave    = time.Second
	// writeTime bounds one write, which nobody waits for.
	writeTime = time.Second
	// waiting is how many values may wait to be written, and so bounds their memory
	// to 16 MiB; what comes in excess is not kept.
	waiting = 64
)

// Cache is a cache in Redis.
type Cache struct {
	link    *redis.Link
	space   string
	writes  chan write
	budget  *rate.Limiter // bytes
	slow    atomic.Int64  // unix nanoseconds up to which nothing is asked
	stop    context.CancelFunc
	writing sync.WaitGroup
}

type write struct {
	key   string
	value []byte
	ttl   time.Duration
}

var _ cache.Cache = (*Cache)(nil)

// New returns a cache that is empty until the link, and it, are started. Programs
// whose values are of another kind use another space. It writes at most so many
// bytes a minute, which with the values' times bounds what Redis has to hold.
func New(link *redis.Link, space string, bytesPerMinute int64) *Cache {
	budget := rate.NewLimiter(rate.Limit(float64(bytesPerMinute)/60), int(bytesPerMinute))
	return &Cache{link: link, space: space, writes: make(chan write, waiting), budget: budget}
}

// Start begins to write and returns.
func (c *Cache) Start(ctx context.Context) error {
	if c.stop != nil {
		return errors.New("cache: started twice")
	}
	ctx, c.stop = context.WithCancel(ctx)
	c.writing.Go(func() { c.write(ctx) })
	return nil
}

// Stop ends it; what waits to be written is dropped.
func (c *Cache) Stop(context.Context) error {
	if c.stop != nil {
		c.stop()
		c.writing.Wait()
	}
	return nil
}

// Healthy says why the cache is not shared, if it is not.
func (c *Cache) Healthy() error { return c.link.Healthy() }

// key is that in Redis; the tenant leads it.
func (c *Cache) key(key string) string { return c.link.Key("cache", c.space, key) }

// Get implements cache.Cache.
func (c *Cache) Get(ctx context.Context, key string) (value []byte, found bool) {
	if !c.link.Up() || time.Now().UnixNano() < c.slow.Load() {
		c.link.Fallback(ctx, engine)
		return nil, false
	}
	bounded, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	value, found, err := c.link.Get(bounded, c.key(key))
	if err == nil {
		return value, found
	}
	if ctx.Err() == nil {
		c.slow.Store(time.Now().Add(leave).UnixNano())
		c.link.Fallback(ctx, engine)
	}
	return nil, false
}

var engine = redis.Engine("cache")

// Set implements cache.Cache.
func (c *Cache) Set(_ context.Context, key string, value []byte, ttl time.Duration) {
	if len(value) > cache.MaxValue || !c.link.Up() || !c.budget.AllowN(time.Now(), len(key)+len(value)) {
		return
	}
	select {
	case c.writes <- write{c.key(key), value, cache.Jitter(ttl)}:
	default:
	}
}

// write runs until ctx ends. A value that cannot be written is not kept.
func (c *Cache) write(ctx context.Context) {
	for {
		select {
		case w := <-c.writes:
			bounded, cancel := context.WithTimeout(ctx, writeTime)
			_ = c.link.Set(bounded, w.key, w.value, max(w.ttl, time.Millisecond))
			cancel()
		case <-ctx.Done():
			return
		}
	}
}
