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

// retryConflicts repeats a command that lost against another writer of a stream
// that it writes. If the caller expects a version, a conflict on the command's
// own stream is the answer.
func retryConflicts[C, S any](streamType string, next Handler[C, S]) Handler[C, S] {
	return func(ctx context.Context, r Request[C]) (Result[S], error) {
		own := eventstore.Stream{Type: streamType, ID: r.Stream}
		attempt := func() (Result[S], error) {
			result, err := next(ctx, r)
			conflict := (*eventstore.VersionConflict)(nil)
			if err != nil && (!errors.As(err, &conflict) || r.Expected != eventstore.AnyVersion && conflict.Stream == own) {
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
