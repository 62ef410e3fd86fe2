package redis

import (
	"context"
	"strconv"
	"sync"
	"time"

	"github.com/redis/rueidis"
	"golang.org/x/sync/errgroup"

	"tansu.cloud/platform/redis"
)

// What is held is a hash <prefix>:<key>:held from node to count. The count of a
// node that does not live is taken for none. The hash goes when nobody refreshes
// it any more.
const (
	heldLife    = 30 * time.Minute
	heldRefresh = heldLife / 3
)

// acquire counts ARGV[2] for node ARGV[1] in KEYS[1] if all nodes then have at
// most ARGV[3]. ARGV[4] begins the keys of nodes' lives.
var acquire = rueidis.NewLuaScript(`
local sum = tonumber(ARGV[2])
local all = redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
	if all[i] ~= ARGV[1] then
		if redis.call('EXISTS', ARGV[4] .. all[i]) == 1 then
			sum = sum + tonumber(all[i + 1])
		else
			redis.call('HDEL', KEYS[1], all[i])
		end
	end
end
if sum > tonumber(ARGV[3]) then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[5])
return 1`)

// addUp adds up what the nodes that live hold in KEYS[1].
var addUp = rueidis.NewLuaScript(`
local sum = 0
local all = redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
	if redis.call('EXISTS', ARGV[1] .. all[i]) == 1 then sum = sum + tonumber(all[i + 1]) end
end
return sum`)

// tell sets what node ARGV[1] has in KEYS[1] to ARGV[2].
var tell = rueidis.NewLuaScript(`
if ARGV[2] == '0' then
	redis.call('HDEL', KEYS[1], ARGV[1])
else
	redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
	redis.call('PEXPIRE', KEYS[1], ARGV[3])
end
return 1`)

// Acquire implements limits.Limits. It asks Redis each time, one call per key at a
// time; a release is told afterwards.
func (l *Limits) Acquire(ctx context.Context, key string, limit int) (release func(), ok bool) {
	h := l.holdings.enter(key)
	defer l.holdings.exit(h)
	h.telling.Lock()
	defer h.telling.Unlock()
	count := l.holdings.count(h) + 1 // only releases come in between
	if count > limit {
		return nil, false
	}
	reply, err := l.link.Run(context.WithoutCancel(ctx), acquire, []string{l.heldKey(h)},
		l.link.Node(), strconv.Itoa(count), strconv.Itoa(limit), l.link.NodeKey(""), milliseconds(heldLife))
	switch granted, _ := reply.AsInt64(); {
	case err == redis.ErrAway: // Redis was not asked
		l.link.Fallback(ctx, engine)
		l.holdings.add(h)
	case err != nil: // it may have counted
		l.link.Fallback(ctx, engine)
		l.holdings.addTold(h, count)
	case granted == 0:
		return nil, false
	default:
		l.holdings.addTold(h, count)
	}
	return sync.OnceFunc(func() { l.holdings.remove(h) }), true
}

// Held implements limits.Limits.
func (l *Limits) Held(ctx context.Context, key string) int {
	h := l.holdings.enter(key)
	defer l.holdings.exit(h)
	reply, err := l.link.Run(context.WithoutCancel(ctx), addUp, []string{l.heldKey(h)}, l.link.NodeKey(""))
	if sum, bad := reply.AsInt64(); err == nil && bad == nil {
		return int(sum)
	}
	l.link.Fallback(ctx, engine)
	return l.holdings.count(h)
}

// keep tells Redis what has been released, and everything in each session and
// before it expires there, until ctx ends.
func (l *Limits) keep(ctx context.Context) {
	refresh := time.NewTicker(heldRefresh)
	defer refresh.Stop()
	session := int64(0)
	for {
		if s := l.link.State(); s.Up && s.Session != session {
			session = s.Session
			l.holdings.repeat()
		}
		l.tellAll(ctx)
		select {
		case <-ctx.Done():
			return
		case <-l.holdings.wake:
		case <-l.changes:
		case <-refresh.C:
			l.holdings.repeat()
		}
	}
}

// hands is how many keys are told at a time; the calls share one connection's
// pipeline.
const hands = 16

func (l *Limits) tellAll(ctx context.Context) {
	if !l.link.Up() {
		return // the next session repeats everything
	}
	var group errgroup.Group
	group.SetLimit(hands)
	for _, h := range l.holdings.take() {
		group.Go(func() error {
			l.tell(ctx, h)
			l.holdings.exit(h)
			return nil
		})
	}
	_ = group.Wait() // what fails is repeated in the next session
}

func (l *Limits) tell(ctx context.Context, h *holding) {
	h.telling.Lock()
	defer h.telling.Unlock()
	count := l.holdings.count(h)
	_, err := l.link.Run(ctx, tell, []string{l.heldKey(h)}, l.link.Node(), strconv.Itoa(count), milliseconds(heldLife))
	if err == nil {
		l.holdings.told(h, count)
	}
}

func (l *Limits) heldKey(h *holding) string { return l.link.Key(h.key, "held") }

func milliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }
