package commands

import (
	"context"
	"errors"
	"time"

	"github.com/cenkalti/backoff/v5"
	"tansu.cloud/eventstore"
)

// Retries of a command that met another writer. The waits double, each drawn
// from zero to twice the interval, so that writers of one stream spread out.
const (
	maxTries     = 10
	firstBackoff = 5 * time.Millisecond
	maxBackoff   = 250 * time.Millisecond
)

// retryConflicts repeats a command that lost against another writer of its
// stream, unless the caller expects a version: then the conflict is the answer.
func retryConflicts[C, S any](next Handler[C, S]) Handler[C, S] {
	return func(ctx context.Context, r Request[C]) (Result[S], error) {
		if r.Expected != eventstore.AnyVersion {
			return next(ctx, r)
		}
		attempt := func() (Result[S], error) {
			result, err := next(ctx, r)
			if conflict := (*eventstore.VersionConflict)(nil); err != nil && !errors.As(err, &conflict) {
				err = backoff.Permanent(err)
			}
			return result, err
		}
		waits := &backoff.ExponentialBackOff{
			InitialInterval: firstBackoff, MaxInterval: maxBackoff, Multiplier: 2, RandomizationFactor: 1,
		}
		result, err := backoff.Retry(ctx, attempt, backoff.WithBackOff(waits), backoff.WithMaxTries(maxTries))
		if last := (*backoff.PermanentError)(nil); errors.As(err, &last) {
			err = last.Err // Retry leaves the wrapper on when it was the last try
		}
		return result, err
	}
}
