package redis

import (
	"context"
	"hash/maphash"
	"strconv"
	"time"

	"github.com/redis/rueidis"

	"tansu.cloud/platform/limits"
	"tansu.cloud/platform/redis"
)

// lease is what this process has taken out of a shared bucket. Guarded by its
// shard.
type lease struct {
	rate   limits.Rate
	tokens int       // not used yet
	size   int       // of the last request; grows while the key is busy
	last   time.Time // when that was

	left  int       // in the shared bucket after the last request
	short int       // so many were not to be had
	until time.Time // and it makes no sense to ask again before

	asking  chan struct{} // closed when the request under way is answered; nil: there is none
	waiting int           // tokens that callers want who wait for it
}

// bucket takes tokens out of the shared bucket KEYS[1]: at least ARGV[4], at most
// ARGV[5]. What is stored is the time at which the bucket is full again (GCRA), in
// µs. Returns how many tokens, and if none, in how many µs there will be enough, and
// how many are left.
var bucket = rueidis.NewLuaScript(`
local tokens, per, burst, least, most = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local interval = per / tokens
local stored = tonumber(redis.call('GET', KEYS[1]) or now)
local full = math.min(math.max(stored, now), now + burst * interval) -- less than empty: the rate was another
local there = math.floor(burst - (full - now) / interval + 0.000001)
local taken, wait = 0, 0
if there < least then
	wait = math.ceil(full + least * interval - now - burst * interval)
else
	taken = math.min(there, most)
	full = full + taken * interval
end
if taken > 0 or full < stored then
	redis.call('SET', KEYS[1], string.format('%.3f', full), 'PX', math.ceil((full - now) / 1000) + 1)
end
return {taken, wait, there - taken}`)

// take uses n tokens of the key's lease, after asking for more if it has too few.
// Each round either serves a caller or finds the bucket empty, so there are few.
func (l *Limits) take(ctx context.Context, key string, r limits.Rate, n int) (limits.Decision, error) {
	s := l.shard(key)
	var deadline time.Time
	for {
		now := time.Now()
		s.mu.Lock()
		e := s.lease(key, r)
		asking := e.asking
		switch {
		case e.tokens >= n:
			e.tokens -= n
			d := e.decision(true, 0, now)
			s.mu.Unlock()
			return d, nil
		case n >= e.short && now.Before(e.until):
			d := e.decision(false, e.until.Sub(now), now)
			s.mu.Unlock()
			return d, nil
		case deadline.IsZero():
			deadline = now.Add(l.link.Timeout())
		case now.After(deadline): // that Redis, or this process, was slow is nobody's fault
			s.mu.Unlock()
			return limits.Decision{}, redis.ErrAway
		}
		if asking == nil {
			e.asking = make(chan struct{})
			most := e.grow(r, n, now)
			s.mu.Unlock()
			if err := l.ask(ctx, key, e, r, n, most); err != nil {
				return limits.Decision{}, err
			}
			continue
		}
		e.waiting += n
		s.mu.Unlock()
		select {
		case <-asking:
		case <-ctx.Done():
			return limits.Decision{}, ctx.Err()
		}
		if !l.link.Up() {
			return limits.Decision{}, redis.ErrAway
		}
	}
}

// decision adds what is known of the shared bucket: what it had when it was asked
// and what came back since.
func (e *lease) decision(ok bool, retryAfter time.Duration, now time.Time) limits.Decision {
	back := now.Sub(e.last).Seconds() * float64(e.rate.Tokens) / e.rate.Per.Seconds()
	left := min(float64(e.rate.Burst), float64(e.tokens+e.left)+back)
	return limits.Decision{
		OK: ok, Remaining: int(left), RetryAfter: retryAfter, Reset: e.rate.Refill(e.rate.Burst - int(left)),
	}
}

// giveBack returns tokens that were taken and not used.
func (l *Limits) giveBack(key string, r limits.Rate, n int) {
	s := l.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lease(key, r).tokens += n
}

// ask adds tokens from the shared bucket to a lease: at least n or none. Others
// wait for the answer too, so the end of ctx is not heeded.
func (l *Limits) ask(ctx context.Context, key string, e *lease, r limits.Rate, n, most int) error {
	reply, err := l.link.Run(context.WithoutCancel(ctx), bucket, []string{l.link.Key(key, "bucket")},
		strconv.Itoa(r.Tokens), strconv.FormatInt(max(1, r.Per.Microseconds()), 10), strconv.Itoa(r.Burst),
		strconv.Itoa(n), strconv.Itoa(most))
	var answer []int64
	if err == nil {
		answer, err = reply.AsIntSlice()
	}
	s := l.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	close(e.asking)
	e.asking = nil
	if err != nil {
		return err
	}
	taken, wait := int(answer[0]), time.Duration(answer[1])*time.Microsecond
	e.tokens += taken
	e.left = int(answer[2])
	if taken == 0 {
		// The next request is worth it when a whole lease can be had.
		e.short = n
		e.until = time.Now().Add(wait + r.Refill(max(0, maxLease(r)-n)))
	}
	return nil
}

// grow decides how much to ask for. A key that is used now and then takes what it
// needs, so that nothing lies about in one process that another could use; one
// that asks again within the window doubles its lease, and whoever waits counts.
func (e *lease) grow(r limits.Rate, n int, now time.Time) (most int) {
	if now.Sub(e.last) < window {
		e.size *= 2
	} else {
		e.size = 1
	}
	e.last = now
	e.size = min(max(e.size, e.waiting+n, 1), maxLease(r))
	e.waiting = 0
	return max(n, e.size)
}

// window is how much time's worth of tokens a process leases.
const window = 100 * time.Millisecond

// maxLease leaves half of the bucket to others, and to the time that asking takes.
func maxLease(r limits.Rate) int {
	return max(1, min(int(float64(r.Tokens)*float64(window)/float64(r.Per)), r.Burst/2))
}

func (l *Limits) shard(key string) *shard { return &l.shards[maphash.String(l.seed, key)%shards] }

func (s *shard) lease(key string, r limits.Rate) *lease {
	e, known := s.leases.Get(key)
	if !known {
		e = &lease{rate: r}
		s.leases.Add(key, e)
	}
	if e.rate != r {
		e.rate, e.left, e.short, e.until = r, 0, 0, time.Time{}
	}
	return e
}
