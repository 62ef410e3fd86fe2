// Package webhooks delivers events to the addresses of webhooks. The saga
// [New] follows every tenant's log, keeps who has subscribed to what, and writes
// a job for each event and each webhook that selects it, in the transaction that
// moves its checkpoint. The [Courier] does these jobs: it reads the event from
// the log, signs it and sends it. Webhooks are registered by commands and shown
// by their read model; this package only carries.
package webhooks

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"tansu.cloud/domain/webhook"
	"tansu.cloud/platform/bus/jobs"
	"tansu.cloud/projections"
	"tansu.cloud/projections/feeds"
	readmodel "tansu.cloud/projections/readmodels/webhooks"
	"tansu.cloud/sql"
	"tansu.cloud/sql/db"
)

// New returns the saga. A webhook gets what comes after its registration. wake is
// called when there are new jobs.
func New(logger *slog.Logger, wake func()) projections.Projection {
	s := &saga{filters: filters{logger: logger}, wake: wake}
	return projections.Projection{
		Name: readmodel.Saga, Version: 1, Saga: true, EveryTenant: true, EveryType: true, Types: projections.TypesOf(webhook.Events()),
		DDL: sql.WebhookSubscriptions, Tables: []string{"webhook_subscriptions"}, Apply: s.apply,
	}
}

type saga struct {
	filters filters
	wake    func()
}

// apply goes through a batch of one tenant's events in order, so that each is
// matched against the webhooks as they were then, and writes at the end.
func (s *saga) apply(ctx context.Context, tx pgx.Tx, changes []projections.Change) error {
	q, tenant := db.New(tx), changes[0].Event.TenantID
	all, err := loadSubscriptions(ctx, q, tenant)
	if err != nil {
		return err
	}
	for _, c := range changes {
		if e, own := c.Payload.(webhook.Event); own {
			if err := all.fold(c.Event, e); err != nil {
				return fmt.Errorf("webhook %s: %w", c.Event.Stream.ID, err)
			}
			continue
		}
		if deliverable(c.Event.Type) {
			all.deliver(&s.filters, feeds.NewEntry(c.Event))
		}
	}
	if err := all.store(ctx, q); err != nil {
		return err
	}
	if !slices.ContainsFunc(all.inOrder, (*subscription).enabled) {
		projections.OwnTypesOnly(ctx)
	}
	enqueued, err := jobs.Enqueue(ctx, tx, all.work...)
	if enqueued > 0 {
		projections.AfterCommit(ctx, s.wake)
	}
	return err
}

// deliverable leaves out what deliveries cause, so that none causes itself. All else
// in a tenant's log is the tenant's to see, by webhooks as by feeds.
func deliverable(eventType string) bool {
	return !strings.HasPrefix(eventType, "webhook.") && !strings.HasPrefix(eventType, "job.")
}

// deliver adds a job for each webhook that selects the event.
func (all *subscriptions) deliver(f *filters, e *feeds.Entry) {
	for _, s := range all.inOrder {
		if s.selects(f, e) {
			all.work = append(all.work, deliveryJob(s.id, e.Event, noReplay))
		}
	}
}

func (s *subscription) enabled() bool { return s.status == webhook.StatusEnabled }

// selects reports whether an event is to be delivered.
func (s *subscription) selects(f *filters, e *feeds.Entry) bool {
	if !s.enabled() || !onTopic(s.topics, e) {
		return false
	}
	return s.filter == "" || f.match(s.filter, e)
}

func onTopic(topics []webhook.Topic, e *feeds.Entry) bool {
	for _, t := range topics {
		if (t.Type == "" || t.Type == e.Event.Type) &&
			(t.StreamType == "" || t.StreamType == e.Event.Stream.Type) &&
			(t.StreamID == "" || t.StreamID == e.Event.Stream.ID) &&
			(t.Actor == "" || t.Actor == actorOf(e)) {
			return true
		}
	}
	return len(topics) == 0
}

func actorOf(e *feeds.Entry) string {
	if v, given := e.Field("actor"); given {
		actor, _ := v.Any().(string)
		return actor
	}
	return ""
}
