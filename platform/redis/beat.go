package redis

import (
	"context"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/redis/rueidis"
)

// live prolongs a node's life and tells whether it had ended.
var live = rueidis.NewLuaScript(`
local alive = redis.call('EXISTS', KEYS[1])
redis.call('SET', KEYS[1], '', 'PX', ARGV[1])
return alive`)

var die = rueidis.NewLuaScript(`return redis.call('DEL', KEYS[1])`)

// beat gives one sign of life, which also shows that Redis can be written to.
func (l *Link) beat(ctx context.Context) error {
	if err := l.connect(); err != nil {
		l.lose(l.State().Session, err)
		return err
	}
	bounded, cancel := context.WithTimeout(ctx, l.config.Timeout)
	defer cancel()
	life := strconv.FormatInt((LifeBeats * l.config.Beat).Milliseconds(), 10)
	s := l.state.Load()
	alive, err := live.Exec(bounded, l.client, []string{l.NodeKey(l.node)}, []string{life}).AsBool()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		l.lose(s.Session, err)
		return err
	}
	if !alive || !s.Up {
		l.regain()
	}
	return nil
}

// connect makes the client, which then connects again by itself.
func (l *Link) connect() error {
	if l.client != nil {
		return nil
	}
	client, err := rueidis.NewClient(l.option)
	if client == nil {
		return err
	}
	l.client = client // if there is an error, the first call meets it again
	return nil
}

// keepBeating runs until ctx ends. err is how the last beat went.
func (l *Link) keepBeating(ctx context.Context, err error) {
	for failures := 0; ; {
		delay := l.config.Beat
		if err != nil {
			failures++
			delay = l.backoff(failures)
		} else if s := l.State(); time.Since(s.Since) > l.config.Beat {
			failures = 0
		}
		if troubled := l.wait(ctx, delay); troubled && err == nil {
			failures++ // beats go through and calls do not: no reason to hurry
			l.wait(ctx, l.backoff(failures))
		}
		if ctx.Err() != nil {
			return
		}
		err = l.beat(ctx)
	}
}

// firstDelay is the wait after the first failure; it doubles with each.
const firstDelay = 50 * time.Millisecond

func (l *Link) backoff(failures int) time.Duration {
	delay := min(firstDelay<<min(failures-1, 20), l.config.Beat)
	return delay/2 + rand.N(delay/2+1)
}

// wait ends early with ctx or when a call has failed.
func (l *Link) wait(ctx context.Context, delay time.Duration) (troubled bool) {
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
		return false
	case <-l.trouble:
		return true
	case <-ctx.Done():
		return false
	}
}

// lose ends a session and reports whether it was this session that ended.
func (l *Link) lose(session int64, err error) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	before := l.state.Load()
	if before.Session != session {
		return false
	}
	if first := before.Up || before.Since.IsZero(); !first {
		l.state.Store(&State{Session: session, Since: before.Since, Err: err})
		return false
	}
	l.config.Logger.Warn("Redis is away: channels, limits and cached answers are local to this process until it is back", "error", err)
	l.state.Store(&State{Session: session, Since: time.Now(), Err: err})
	l.changed()
	return true
}

// regain begins a session.
func (l *Link) regain() {
	l.mu.Lock()
	defer l.mu.Unlock()
	before := l.state.Load()
	switch {
	case before.Up:
		l.config.Logger.Warn("Redis had forgotten this node: what is here is announced again")
	case !before.Since.IsZero():
		l.config.Logger.Info("Redis is back", "away", time.Since(before.Since))
	}
	l.state.Store(&State{Session: before.Session + 1, Up: true, Since: time.Now()})
	l.changed()
}

func (l *Link) changed() {
	for _, c := range l.changes {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}
