// Package cachetest is the contract of caches as tests: one suite that every
// engine passes. Engines call [Run] from a test of their own.
package cachetest

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"tansu.cloud/platform/cache"
)

const (
	patience = 20 * time.Second
	tick     = 2 * time.Millisecond
)

// Fixture is an empty engine.
type Fixture struct {
	Cache cache.Cache
	// Second is the same installation in another process (optional).
	Second cache.Cache
}

func (f Fixture) far() cache.Cache {
	if f.Second != nil {
		return f.Second
	}
	return f.Cache
}

var tests = []struct {
	name string
	run  func(*testing.T, Fixture)
}{
	{"what was kept is found", testFound},
	{"what was not is not", testNotFound},
	{"any bytes", testAnyBytes},
	{"a second value replaces the first", testReplaced},
	{"keys are apart", testKeys},
	{"values end", testEnd},
	{"too large a value is not kept", testTooLarge},
	{"whoever gave up gets nothing and breaks nothing", testGivenUp},
	{"many at once", testConcurrently},
}

// Run runs the suite; its tests keep apart by using new keys.
func Run(t *testing.T, open func(t *testing.T) Fixture) {
	f := open(t)
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			tc.run(t, f)
		})
	}
}

func newKey() string { return uuid.NewString() + ":key" }

// Keep puts a value into a cache until it has it: a cache may be too busy to keep
// something, and some keep it a moment later.
func Keep(t *testing.T, c cache.Cache, key string, value []byte, ttl time.Duration) {
	t.Helper()
	require.Eventually(t, func() bool {
		c.Set(t.Context(), key, value, ttl)
		found, ok := c.Get(t.Context(), key)
		return ok && bytes.Equal(found, value)
	}, patience, tick)
}

// Await waits until a cache has what was kept, perhaps by another process.
func Await(t *testing.T, c cache.Cache, key string, value []byte) {
	t.Helper()
	require.Eventually(t, func() bool {
		found, ok := c.Get(t.Context(), key)
		return ok && bytes.Equal(found, value)
	}, patience, tick)
}

func testFound(t *testing.T, f Fixture) {
	key := newKey()
	Keep(t, f.Cache, key, []byte("value"), time.Minute)
	Await(t, f.Cache, key, []byte("value"))
	Await(t, f.far(), key, []byte("value"))
}

func testNotFound(t *testing.T, f Fixture) {
	value, found := f.Cache.Get(t.Context(), newKey())
	require.False(t, found)
	require.Nil(t, value)
}

func testAnyBytes(t *testing.T, f Fixture) {
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	for _, value := range [][]byte{{}, {0}, []byte("\r\n"), all, bytes.Repeat(all, cache.MaxValue/len(all))} {
		key := newKey() + string(all)
		Keep(t, f.Cache, key, value, time.Minute)
		Await(t, f.far(), key, value)
	}
}

func testReplaced(t *testing.T, f Fixture) {
	key := newKey()
	for i := range 5 {
		Keep(t, f.Cache, key, fmt.Append(nil, i), time.Minute)
	}
}

func testKeys(t *testing.T, f Fixture) {
	key := newKey()
	Keep(t, f.Cache, key, []byte("value"), time.Minute)
	Await(t, f.far(), key, []byte("value"))
	for _, other := range []string{"", key + "x", key[1:], "x" + key} {
		_, found := f.far().Get(t.Context(), other)
		require.False(t, found, other)
	}
}

func testEnd(t *testing.T, f Fixture) {
	short, long := newKey(), newKey()
	Keep(t, f.Cache, long, []byte("long"), time.Hour)
	Keep(t, f.Cache, short, []byte("short"), 500*time.Millisecond)
	Await(t, f.far(), long, []byte("long"))
	require.Eventually(t, func() bool {
		_, found := f.far().Get(t.Context(), short)
		return !found
	}, patience, tick)
	Await(t, f.far(), long, []byte("long"))
}

func testTooLarge(t *testing.T, f Fixture) {
	large, other := newKey(), newKey()
	f.Cache.Set(t.Context(), large, make([]byte, cache.MaxValue+1), time.Minute)
	Keep(t, f.Cache, other, []byte("value"), time.Minute)
	_, found := f.far().Get(t.Context(), large)
	require.False(t, found)
}

func testGivenUp(t *testing.T, f Fixture) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	key := newKey()
	_, found := f.Cache.Get(ctx, key)
	require.False(t, found)
	Keep(t, f.Cache, key, []byte("value"), time.Minute)
}

// A value belongs to its key, whatever goes on beside it.
func testConcurrently(t *testing.T, f Fixture) {
	prefix := newKey()
	var work errgroup.Group
	for worker := range 16 {
		work.Go(func() error {
			for i := range 200 {
				key := fmt.Sprint(prefix, (worker+i)%50)
				if value, found := f.far().Get(t.Context(), key); found && string(value) != "of "+key {
					return fmt.Errorf("%s has %q", key, value)
				}
				f.Cache.Set(t.Context(), key, []byte("of "+key), time.Minute)
			}
			return nil
		})
	}
	require.NoError(t, work.Wait())
}
