package webhooks

import (
	"context"
	"errors"
	"time"
)

// cleanEvery is how often what is old is deleted. Several nodes may do it at
// once; the second finds nothing.
const cleanEvery = 15 * time.Minute

// Start begins to clean, until Stop.
func (c *Courier) Start(ctx context.Context) error {
	ctx, c.quit = context.WithCancel(ctx)
	c.cleaning.Go(func() {
		ticker := time.NewTicker(cleanEvery)
		defer ticker.Stop()
		for {
			if err := c.clean(ctx, time.Now()); err != nil && ctx.Err() == nil {
				c.Logger.WarnContext(ctx, "webhooks: old records were not deleted; trying again later", "error", err)
			}
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
		}
	})
	return nil
}

// Stop ends what Start began.
func (c *Courier) Stop(context.Context) error {
	if c.quit != nil {
		c.quit()
	}
	c.cleaning.Wait()
	return nil
}

// clean deletes old records, and secrets that sign nothing any more. A secret
// stays for an hour longer than it signs, for what is on its way.
func (c *Courier) clean(ctx context.Context, now time.Time) error {
	_, err1 := c.queries.DeleteOldWebhookDeliveries(ctx, now.Add(-keepRecords))
	_, err2 := c.queries.DeleteOldWebhookReplays(ctx, now.Add(-keepReplays))
	before := now.Add(-time.Hour)
	_, err3 := c.queries.DeleteOldWebhookSecrets(ctx, &before)
	return errors.Join(err1, err2, err3)
}
