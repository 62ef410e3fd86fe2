package redis

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tansu.cloud/platform/limits"
	"tansu.cloud/platform/redis"
	"tansu.cloud/platform/redistest"
)

// Who waited for the answer to another's request until the time was over, and got
// nothing of it, is not refused for that.
func TestWhoWaitedTooLongIsNotRefused(t *testing.T) {
	t.Parallel()
	const timeout = 50 * time.Millisecond
	link, err := redis.Open(redis.Config{URL: redistest.URL(t), Prefix: uuid.NewString(), Timeout: timeout})
	require.NoError(t, err)
	require.NoError(t, link.Start(t.Context()))
	t.Cleanup(func() { require.NoError(t, link.Stop(context.Background())) })
	require.Eventually(t, link.Up, time.Minute, time.Millisecond)
	l, key, rate := New(link), uuid.NewString(), limits.Rate{Tokens: 1, Per: time.Hour, Burst: 10}
	s := l.shard(key)
	s.mu.Lock()
	e := s.lease(key, rate)
	e.asking = make(chan struct{})
	s.mu.Unlock()
	decided := make(chan error)
	go func() {
		_, err := l.take(t.Context(), key, rate, 1)
		decided <- err
	}()
	require.Eventually(t, func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return e.waiting == 1
	}, time.Minute, time.Millisecond)
	<-time.After(2 * timeout)
	s.mu.Lock()
	close(e.asking)
	e.asking = nil
	s.mu.Unlock()
	require.ErrorIs(t, <-decided, redis.ErrAway, "the process decides by itself")
}
