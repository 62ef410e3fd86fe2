package limits

import (
	"context"
	"hash/maphash"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
	"golang.org/x/time/rate"
)

// MaxKeys is how many buckets a process keeps. Beyond it the bucket that was
// used the longest ago goes. One that had refilled is not missed. If it had not,
// then for the rest of its refill time new buckets (of its share of the keys)
// begin empty instead of full: whoever cycles through more keys than are kept
// gains nothing, and everyone else who is new waits for the first token.
const MaxKeys = 100_000

const shards = 16

// Local counts in one process.
type Local struct {
	seed   maphash.Seed
	now    func() time.Time
	shards [shards]shard
	held   held
}

var _ Limits = (*Local)(nil)

// NewLocal returns limits of which nothing is used.
func NewLocal() *Local { return newLocal(MaxKeys, time.Now) }

func newLocal(keys int, now func() time.Time) *Local {
	l := &Local{seed: maphash.MakeSeed(), now: now, held: held{counts: map[string]int{}}}
	for i := range l.shards {
		s := &l.shards[i]
		// Fails only for sizes below one.
		s.buckets, _ = simplelru.NewLRU(max(keys/shards, 1), s.evicted)
	}
	return l
}

// shard holds the buckets of some of the keys.
type shard struct {
	mu      sync.Mutex
	buckets *simplelru.LRU[string, *bucket]
	now     time.Time // of the decision under way, for evicted
	wary    time.Time // until then new buckets begin empty
}

type bucket struct {
	rate    Rate
	limiter *rate.Limiter
}

// Allow implements Limits.
func (l *Local) Allow(_ context.Context, key string, r Rate, n int) Decision {
	s := &l.shards[maphash.String(l.seed, key)%shards]
	s.mu.Lock()
	defer s.mu.Unlock()
	now := l.now() // under the lock: a limiter that is shown an earlier time than before counts what lies between twice
	s.now = now
	b := s.bucket(key, r)
	d := Decision{OK: b.limiter.AllowN(now, n)}
	switch {
	case n > r.Burst:
		d.RetryAfter = r.Per
	case !d.OK:
		d.RetryAfter = b.untilHas(n, now)
	}
	d.Remaining = max(0, int(b.limiter.TokensAt(now)))
	d.Reset = b.untilHas(r.Burst, now)
	return d
}

func (s *shard) bucket(key string, r Rate) *bucket {
	if b, known := s.buckets.Get(key); known {
		b.change(r, s.now)
		return b
	}
	b := &bucket{rate: r, limiter: rate.NewLimiter(r.perSecond(), r.Burst)}
	s.buckets.Add(key, b) // may evict
	if s.now.Before(s.wary) {
		b.limiter.AllowN(s.now, r.Burst)
	}
	return b
}

func (s *shard) evicted(_ string, b *bucket) {
	if full := s.now.Add(b.untilHas(b.rate.Burst, s.now)); full.After(s.wary) {
		s.wary = full
	}
}

// change applies settings that have changed since the last decision.
func (b *bucket) change(r Rate, now time.Time) {
	if r == b.rate {
		return
	}
	b.rate = r
	b.limiter.SetLimitAt(now, r.perSecond())
	b.limiter.SetBurstAt(now, r.Burst)
}

// untilHas is how long it takes until the bucket has n tokens.
func (b *bucket) untilHas(n int, now time.Time) time.Duration {
	missing := float64(n) - b.limiter.TokensAt(now)
	return max(0, time.Duration(missing/float64(b.limiter.Limit())*float64(time.Second)))
}

func (r Rate) perSecond() rate.Limit { return rate.Limit(float64(r.Tokens) / r.Per.Seconds()) }

// Acquire implements Limits.
func (l *Local) Acquire(_ context.Context, key string, limit int) (release func(), ok bool) {
	if !l.held.take(key, limit) {
		return nil, false
	}
	h := &holding{held: &l.held, key: key}
	return h.release, true
}

// Held implements Limits.
func (l *Local) Held(_ context.Context, key string) int {
	l.held.mu.Lock()
	defer l.held.mu.Unlock()
	return l.held.counts[key]
}

// holding is one thing that is held; there may be one for each of many sockets,
// so it is no larger than it must be.
type holding struct {
	held     *held
	key      string
	released bool // under held.mu
}

func (h *holding) release() {
	h.held.mu.Lock()
	defer h.held.mu.Unlock()
	if !h.released {
		h.released = true
		h.held.giveBack(h.key)
	}
}

// held counts what is held now; a key that holds nothing takes no memory.
type held struct {
	mu     sync.Mutex
	counts map[string]int
}

func (h *held) take(key string, limit int) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.counts[key] >= limit {
		return false
	}
	h.counts[key]++
	return true
}

// giveBack is called under mu.
func (h *held) giveBack(key string) {
	if h.counts[key]--; h.counts[key] == 0 {
		delete(h.counts, key)
	}
}
