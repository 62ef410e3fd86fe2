// Package redis shares limits between the processes of an installation. Each
// process leases tokens from the bucket in Redis, a few at a time, and decides
// from its lease; what is held is counted per process there. Every decision passes
// the local limits as well, so while Redis is away, and whatever happened before,
// one process never allows more than the rate, and all together never more than
// the rate times the processes.
package redis

import (
	"context"
	"errors"
	"hash/maphash"
	"sync"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"tansu.cloud/platform/limits"
	"tansu.cloud/platform/redis"
)

const shards = 16

// Limits is limits on Redis.
type Limits struct {
	link   *redis.Link
	local  *limits.Local
	seed   maphash.Seed
	shards [shards]shard // of leases

	holdings *holdings
	changes  <-chan struct{}
	stop     context.CancelFunc
	services sync.WaitGroup
}

var _ limits.Limits = (*Limits)(nil)

// shard holds the leases of some of the keys. One that is evicted is lost, which
// costs its key at most a tenth of a second's tokens.
type shard struct {
	mu     sync.Mutex
	leases *simplelru.LRU[string, *lease]
}

// New returns limits that are local until the link, and they, are started.
func New(link *redis.Link) *Limits {
	l := &Limits{
		link: link, local: limits.NewLocal(), seed: maphash.MakeSeed(), holdings: newHoldings(), changes: link.Changes(),
	}
	for i := range l.shards {
		// Fails only for sizes below one.
		l.shards[i].leases, _ = simplelru.NewLRU[string, *lease](limits.MaxKeys/shards, nil)
	}
	return l
}

// Start begins to share what is held and returns.
func (l *Limits) Start(ctx context.Context) error {
	if l.stop != nil {
		return errors.New("limits: started twice")
	}
	ctx, l.stop = context.WithCancel(ctx)
	l.services.Go(func() { l.keep(ctx) })
	return nil
}

// Stop ends the sharing. What this process holds counts no longer when the link
// is stopped, which comes afterwards.
func (l *Limits) Stop(context.Context) error {
	if l.stop != nil {
		l.stop()
		l.services.Wait()
	}
	return nil
}

// Healthy says why limits are not shared, if they are not.
func (l *Limits) Healthy() error { return l.link.Healthy() }

var engine = redis.Engine("limits")

// Allow implements limits.Limits.
func (l *Limits) Allow(ctx context.Context, key string, r limits.Rate, n int) limits.Decision {
	if n > r.Burst {
		return l.local.Allow(ctx, key, r, n) // never allowed
	}
	var shared limits.Decision
	err := redis.ErrAway
	if l.link.Up() {
		shared, err = l.take(ctx, key, r, n)
	}
	if err != nil { // Redis is away, or the caller is
		l.link.Fallback(ctx, engine)
		return l.local.Allow(ctx, key, r, n)
	}
	if !shared.OK {
		return shared
	}
	local := l.local.Allow(ctx, key, r, n)
	if !local.OK {
		l.giveBack(key, r, n)
	}
	// Both have to allow it, so the scarcer one counts.
	local.Remaining = min(local.Remaining, shared.Remaining)
	local.Reset = max(local.Reset, shared.Reset)
	return local
}
