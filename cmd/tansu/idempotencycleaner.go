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

// idempotencyCleaner deletes the records of idempotency keys that are past
// their retention.
type idempotencyCleaner struct {
	store     *postgres.Store
	retention time.Duration
	logger    *slog.Logger
	cancel    context.CancelFunc
	done      chan struct{}
}

func newIdempotencyCleaner(s *postgres.Store, retention time.Duration, logger *slog.Logger) *idempotencyCleaner {
	return &idempotencyCleaner{store: s, retention: retention, logger: logger, done: make(chan struct{})}
}

// Start begins to clean, until Stop.
func (c *idempotencyCleaner) Start(ctx context.Context) error {
	ctx, c.cancel = context.WithCancel(ctx)
	go func() {
		defer close(c.done)
		ticker := time.NewTicker(cleanEvery)
		defer ticker.Stop()
		for {
			c.clean(ctx)
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
		}
	}()
	return nil
}

// Stop implements service.
func (c *idempotencyCleaner) Stop(context.Context) error {
	c.cancel()
	<-c.done
	return nil
}

func (c *idempotencyCleaner) clean(ctx context.Context) {
	n, err := c.store.DeleteIdempotencyBefore(ctx, time.Now().Add(-c.retention))
	if err != nil && ctx.Err() == nil {
		c.logger.WarnContext(ctx, "old idempotency records were not deleted; trying again later", "error", err)
	}
	if n > 0 {
		c.logger.InfoContext(ctx, "old idempotency records deleted", "records", n)
	}
}
