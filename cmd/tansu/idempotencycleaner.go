package main

import (
	"context"
	"log/slog"
	"time"

	"tansu.cloud/eventstore/postgres"
)

// cleanEvery is how often old idempotency records are deleted. Several nodes
// may do it at once; the second finds nothing.
const cleanEvery = 15 * time.Minute

// cleanIdempotency deletes the records of idempotency keys that are past their
// retention, until ctx ends.
func cleanIdempotency(s *postgres.Store, retention time.Duration, logger *slog.Logger) func(ctx context.Context) error {
	return func(ctx context.Context) error {
		ticker := time.NewTicker(cleanEvery)
		defer ticker.Stop()
		for {
			n, err := s.DeleteIdempotencyBefore(ctx, time.Now().Add(-retention))
			if err != nil && ctx.Err() == nil {
				logger.WarnContext(ctx, "old idempotency records were not deleted; trying again later", "error", err)
			}
			if n > 0 {
				logger.InfoContext(ctx, "old idempotency records deleted", "records", n)
			}
			select {
			case <-ctx.Done():
				return nil
			case <-ticker.C:
			}
		}
	}
}
