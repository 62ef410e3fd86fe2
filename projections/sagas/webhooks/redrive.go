package webhooks

import (
	"context"
	"fmt"

	"tansu.cloud/platform/bus/jobs"
	"tansu.cloud/sql/db"
)

// redriveChunk is how many deliveries one query of a re-drive finds.
const redriveChunk = 500

// redrive lets deliveries of a webhook run again that were given up before the
// request; what is given up again waits for the next one. Each stream has at
// most one such delivery, with the others waiting behind it.
func (c *Courier) redrive(ctx context.Context, d jobs.Delivery) error {
	o, err := orderOf(d)
	if err != nil {
		return err
	}
	queue := jobs.NewQueue(c.Pool)
	for n := redriveChunk; n == redriveChunk; {
		dead, err := c.queries.DeadWebhookDeliveries(ctx, db.DeadWebhookDeliveriesParams{
			TenantID: d.TenantID, Kind: kindDeliver, GroupPrefix: groupPrefix(o.WebhookID), Before: &d.RunAt, MaxRows: redriveChunk,
		})
		if err != nil {
			return fmt.Errorf("re-driving webhook %s: %w", o.WebhookID, err)
		}
		for _, job := range dead {
			if _, err := queue.Redrive(ctx, d.TenantID, job.ID, job.Claim); err != nil {
				return fmt.Errorf("re-driving job %s: %w", job.ID, err)
			}
		}
		n = len(dead)
	}
	return nil
}
