// Package limits bounds what one client can take from all. Local counts in one
// process; Redis counts for all processes of an installation, and falls back to
// local, saying so, while Redis is away. Both pass limitstest.
package limits

import (
	"context"
	"time"
)

// Rate refills a bucket: Tokens in every Per, up to Burst. All are positive.
type Rate struct {
	Tokens int
	Per    time.Duration
	Burst  int
}

// Limits is the engine. Keys begin with the tenant. Safe for concurrent use;
// a decision is made without waiting on the network in the common case.
type Limits interface {
	// Allow takes n tokens of a bucket. If there are not enough it takes none and
	// says when to try again. More than Burst are never allowed.
	Allow(ctx context.Context, key string, rate Rate, n int) (ok bool, retryAfter time.Duration)
	// Acquire counts one of at most limit things that are held at once. If ok,
	// release must be called when it is held no longer; further calls do nothing.
	Acquire(ctx context.Context, key string, limit int) (release func(), ok bool)
}
