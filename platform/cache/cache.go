// Package cache keeps bytes for a while, to save making them again. Local keeps
// them in the process, within a bound; Redis (package redis) shares them between
// the processes of an installation, and while it is away behaves as if it were
// empty; Tiered puts the one in front of the other and counts. All pass cachetest.
//
// A cache may forget anything at any time, and nothing is ever taken back: what
// can change is kept under a key that changes with it.
package cache

import (
	"context"
	"math/rand/v2"
	"time"
)

// Cache is the engine. Keys begin with the tenant. Safe for concurrent use; no
// call fails, and none takes longer than a few milliseconds.
type Cache interface {
	// Get returns what was kept under a key. The bytes are shared and must not be
	// changed.
	Get(ctx context.Context, key string) (value []byte, found bool)
	// Set keeps bytes, which must not be changed afterwards, for about ttl.
	Set(ctx context.Context, key string, value []byte, ttl time.Duration)
}

// MaxValue is how many bytes a value may have; larger ones are not kept.
const MaxValue = 256 << 10

// Jitter makes a time up to a tenth shorter, so that what was kept at the same
// moment does not end at the same moment.
func Jitter(ttl time.Duration) time.Duration { return ttl - rand.N(ttl/10+1) }
