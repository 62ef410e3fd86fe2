package cache

import (
	"context"
	"fmt"
	"time"

	"github.com/maypok86/otter/v2"
)

// Local keeps values in the process.
type Local struct {
	entries *otter.Cache[string, entry]
}

type entry struct {
	value []byte
	ttl   time.Duration
}

// overhead is about what an entry takes besides its key and value.
const overhead = 200

var _ Cache = (*Local)(nil)

// NewLocal returns an empty cache that takes about so many bytes at most, which is
// closed at the end.
func NewLocal(bytes int64) (*Local, error) {
	if bytes < 1 {
		return nil, fmt.Errorf("cache: a bound of %d bytes", bytes)
	}
	entries, err := otter.New(&otter.Options[string, entry]{
		MaximumWeight:    uint64(bytes),
		Weigher:          func(key string, e entry) uint32 { return uint32(len(key) + len(e.value) + overhead) },
		ExpiryCalculator: otter.ExpiryWritingFunc(func(e otter.Entry[string, entry]) time.Duration { return e.Value.ttl }),
	})
	if err != nil {
		return nil, fmt.Errorf("cache: %w", err)
	}
	return &Local{entries}, nil
}

// Close ends the housekeeping.
func (l *Local) Close() { l.entries.StopAllGoroutines() }

// Bytes is about what the cache takes at the moment.
func (l *Local) Bytes() int64 { return int64(l.entries.WeightedSize()) }

// Get implements Cache.
func (l *Local) Get(_ context.Context, key string) (value []byte, found bool) {
	e, found := l.entries.GetIfPresent(key)
	return e.value, found
}

// Set implements Cache.
func (l *Local) Set(_ context.Context, key string, value []byte, ttl time.Duration) {
	if len(value) <= MaxValue {
		l.entries.Set(key, entry{value, Jitter(ttl)})
	}
}
