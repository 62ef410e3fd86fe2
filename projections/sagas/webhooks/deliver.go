package webhooks

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/google/uuid"

	"tansu.cloud/eventstore"
	"tansu.cloud/platform/bus/jobs"
	"tansu.cloud/projections/feeds"
	readmodel "tansu.cloud/projections/readmodels/webhooks"
)

// maxRetryAfter is the longest wait that an answer may ask for.
const maxRetryAfter = 10 * time.Hour

// deliver does a job: it sends one event to one webhook, as both are now.
func (c *Courier) deliver(ctx context.Context, d jobs.Delivery) error {
	o, err := orderOf(d)
	if err != nil {
		return err
	}
	s, err := c.subscription(ctx, d.TenantID, o.WebhookID)
	if err != nil || s == nil {
		return err // a deleted webhook gets nothing
	}
	e, err := c.event(ctx, d.TenantID, o.Position)
	if err != nil {
		return err
	}
	r := record{tenant: d.TenantID, webhook: s.id, event: e.Event, replay: o.ReplayID, attempt: d.Attempt}
	why, err := c.closed(ctx, d.TenantID, s)
	if err != nil {
		return err
	}
	if why != "" {
		r.outcome, r.err = readmodel.OutcomeSkipped, why
		c.note(ctx, r)
		return nil
	}
	a, err := c.send(ctx, s, e, sendTimeout)
	if err != nil {
		return err
	}
	outcome, err := c.conclude(ctx, d, s.id, a)
	r.outcome, r.of = outcome, a
	c.note(ctx, r)
	return err
}

// conclude says what follows from an attempt.
func (c *Courier) conclude(ctx context.Context, d jobs.Delivery, hook uuid.UUID, a attempt) (outcome string, err error) {
	switch {
	case a.err == nil:
		return readmodel.OutcomeDelivered, nil
	case a.status == http.StatusGone:
		if err := c.Disable(ctx, d.TenantID, hook, "The address answered 410 Gone."); err != nil {
			return readmodel.OutcomeRetried, fmt.Errorf("disabling a webhook that is gone: %w", err)
		}
		return readmodel.OutcomeGone, nil
	case d.LastAttempt:
		return readmodel.OutcomeParked, a.err
	case d.Attempt <= len(c.Delays) && a.retryAfter > c.Delays[d.Attempt-1]:
		return readmodel.OutcomeRetried, jobs.After(min(a.retryAfter, maxRetryAfter), a.err)
	}
	return readmodel.OutcomeRetried, a.err
}

// event reads one event from the log.
func (c *Courier) event(ctx context.Context, tenant uuid.UUID, position int64) (*feeds.Entry, error) {
	page, err := c.Log.ReadLog(ctx, tenant, eventstore.LogQuery{After: position - 1, Limit: 1})
	if err != nil {
		return nil, fmt.Errorf("reading the event at position %d: %w", position, err)
	}
	if len(page.Events) != 1 || page.Events[0].Position != position {
		return nil, jobs.Dead(fmt.Errorf("the log has no event at position %d", position))
	}
	return feeds.NewEntry(page.Events[0]), nil
}
