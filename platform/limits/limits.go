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

// Refill is the time in which n tokens come back.
func (r Rate) Refill(n int) time.Duration {
	return time.Duration(float64(n) * float64(r.Per) / float64(r.Tokens))
}

// Decision is the answer of a bucket.
type Decision struct {
	OK bool
	// Remaining is how many tokens are left: of a shared bucket what is known of
	// it here, which others may have taken meanwhile.
	Remaining  int
	RetryAfter time.Duration // when it will be allowed; 0 if it is
	Reset      time.Duration // until the bucket is full again, if nobody takes any
}

// Limits is the engine. Keys begin with the tenant. Safe for concurrent use;
// a decision is made without waiting on the network in the common case.
type Limits interface {
	// Allow takes n tokens of a bucket. If there are not enough it takes none and
	// says when to try again. More than Burst are never allowed.
	Allow(ctx context.Context, key string, rate Rate, n int) Decision
	// Acquire counts one of at most limit things that are held at once. If ok,
	// release must be called when it is held no longer; further calls do nothing.
	Acquire(ctx context.Context, key string, limit int) (release func(), ok bool)
	// Held is how many things of a key are held now: in all processes, or, while
	// these cannot be asked, in this one.
	Held(ctx context.Context, key string) int
}
