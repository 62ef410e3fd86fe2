package main

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// positions are those of the JSON lines so far.
func positions(t *testing.T, lines string) []int64 {
	t.Helper()
	out := []int64{}
	for line := range strings.Lines(lines) {
		var e eventInfo
		require.NoError(t, json.Unmarshal([]byte(line), &e))
		out = append(out, e.Position)
	}
	return out
}

func upTo(n int64) []int64 {
	out := []int64{}
	for i := int64(1); i <= n; i++ {
		out = append(out, i)
	}
	return out
}

func TestTailShowsEachEventOnceWhileTheLogGrowsAndTheServerFails(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.appendEvents(450)
	var failing atomic.Int32
	inner := f.Config.Handler
	f.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case failing.Add(-1) < 0:
			inner.ServeHTTP(w, r)
		case failing.Load()%2 == 0:
			problemJSON(w, http.StatusServiceUnavailable, "unavailable", "The server cannot answer now", "")
		default:
			panic(http.ErrAbortHandler)
		}
	})
	ctx, cancel := context.WithCancel(t.Context())
	var stdout, stderr lockedBuffer
	done := make(chan int, 1)
	go func() {
		done <- tansuIO(ctx, f.URL, &stdout, &stderr, "", "events", "tail", "--from", "1", "--every", "2ms", "-o", "jsonl")
	}()
	count := func(n int) func() bool {
		return func() bool { return strings.Count(stdout.String(), "\n") == n }
	}
	require.Eventually(t, count(450), 10*time.Second, time.Millisecond)
	failing.Store(9)
	f.appendEvents(37)
	require.Eventually(t, count(487), 10*time.Second, time.Millisecond)
	cancel()
	require.Equal(t, exitInterrupted, <-done)
	require.Equal(t, upTo(487), positions(t, stdout.String()))
	require.Contains(t, stderr.String(), "connection lost")
	require.Contains(t, stderr.String(), "connected again")
	require.NotContains(t, stderr.String(), "Error")
}

func TestTailStartsAtTheHeadAndFilters(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.appendEvents(5)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var stdout, stderr lockedBuffer
	done := make(chan int, 1)
	go func() {
		done <- tansuIO(ctx, f.URL, &stdout, &stderr, "", "events", "tail", "--stream-id", "t0", "--every", "2ms")
	}()
	require.Eventually(t, func() bool {
		f.mu.Lock()
		defer f.mu.Unlock()
		return len(f.seen) > 1 // the head is known
	}, 10*time.Second, time.Millisecond)
	f.appendEvents(3) // 6, 7, 8; the even ones are of stream t0
	require.Eventually(t, func() bool { return strings.Count(stdout.String(), "\n") == 3 }, 10*time.Second, time.Millisecond)
	cancel()
	require.Equal(t, exitInterrupted, <-done)
	require.Regexp(t, `(?m)\APOSITION .*\n6 .*\n8 .*\n\z`, stdout.String())
}

func TestTailReportsAGap(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.appendEvents(5)
	f.events = append(f.events[:2], f.events[3:]...)
	r := tansu(t, f.URL, "events", "tail", "--from", "1", "-o", "jsonl")
	require.Equal(t, exitError, r.code)
	require.Equal(t, upTo(2), positions(t, r.stdout), "what comes before the gap is shown")
	require.Contains(t, r.stderr, "expected position 3, got 4")
}

func TestTailEndsWhenTheTokenIsRefused(t *testing.T) {
	t.Parallel()
	r := tansu(t, newFake(t).URL, "events", "tail", "--token", "wrong")
	require.Equal(t, exitAuth, r.code)
}
