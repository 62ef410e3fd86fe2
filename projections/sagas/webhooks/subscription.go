package webhooks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"tansu.cloud/domain/webhook"
	"tansu.cloud/eventstore"
	"tansu.cloud/platform/bus/jobs"
	"tansu.cloud/sql/db"
)

// subscription is what the saga and the courier know of a webhook.
type subscription struct {
	id             uuid.UUID
	url            string
	topics         []webhook.Topic
	filter         string
	status         webhook.Status
	secret         uuid.UUID
	previousSecret uuid.UUID // nil: none
	previousUntil  time.Time
}

func fromRow(r db.WebhookSubscription) (*subscription, error) {
	s := &subscription{
		id: r.ID, url: r.Url, filter: r.Filter, status: webhook.Status(r.Status),
		secret: r.SecretID, previousSecret: r.PreviousSecretID, previousUntil: r.PreviousUntil,
	}
	if err := json.Unmarshal(r.Topics, &s.topics); err != nil {
		return nil, fmt.Errorf("topics of webhook %s: %w", r.ID, err)
	}
	return s, nil
}

// subscriptions are those of one tenant while a batch is applied, with what the
// batch leads to.
type subscriptions struct {
	tenant  uuid.UUID
	inOrder []*subscription // by id, so that work comes in the same order each time
	changed map[uuid.UUID]*subscription
	deleted []uuid.UUID

	kept    []uuid.UUID             // secrets that an event has named
	retired map[uuid.UUID]time.Time // secrets, and when they may go
	replays db.AddWebhookReplaysParams
	work    []jobs.Job
}

func loadSubscriptions(ctx context.Context, q *db.Queries, tenant uuid.UUID) (*subscriptions, error) {
	all := &subscriptions{tenant: tenant, changed: map[uuid.UUID]*subscription{}, retired: map[uuid.UUID]time.Time{}}
	all.replays.TenantID = tenant
	rows, err := q.WebhookSubscriptions(ctx, tenant)
	if err != nil {
		return nil, err
	}
	for _, r := range rows {
		s, err := fromRow(r)
		if err != nil {
			return nil, err
		}
		all.inOrder = append(all.inOrder, s)
	}
	return all, nil
}

var errUnknown = errors.New("it is not known: its first events were discarded; delete it and register it again")

// fold brings one event of a webhook into the subscriptions.
func (all *subscriptions) fold(at eventstore.Event, e webhook.Event) error {
	id, err := uuid.Parse(at.Stream.ID)
	if err != nil {
		return err
	}
	if e, first := e.(webhook.Registered); first {
		return all.add(id, e)
	}
	i := slices.IndexFunc(all.inOrder, func(s *subscription) bool { return s.id == id })
	if i < 0 {
		return errUnknown
	}
	s := all.inOrder[i]
	switch e := e.(type) {
	case webhook.Changed:
		s.url, s.topics, s.filter = e.URL, e.Topics, e.Filter
	case webhook.Enabled:
		s.status = webhook.StatusEnabled
	case webhook.Disabled:
		s.status = webhook.StatusDisabled
	case webhook.SecretRotated:
		secret, err := uuid.Parse(e.Secret.ID)
		if err != nil {
			return err
		}
		all.retire(s.previousSecret, e.At)
		all.retire(s.secret, e.PreviousUntil)
		all.kept = append(all.kept, secret)
		s.previousSecret, s.previousUntil, s.secret = s.secret, e.PreviousUntil, secret
	case webhook.Deleted:
		all.retire(s.previousSecret, e.At)
		all.retire(s.secret, e.At)
		all.inOrder = slices.Delete(all.inOrder, i, i+1)
		delete(all.changed, id)
		all.deleted = append(all.deleted, id)
		return nil
	case webhook.RedriveRequested:
		all.work = append(all.work, redriveJob(all.tenant, id, at.Position))
		return nil
	case webhook.ReplayRequested:
		return all.replay(id, e)
	default:
		return fmt.Errorf("the saga does not handle %T", e)
	}
	all.changed[id] = s
	return nil
}

func (all *subscriptions) add(id uuid.UUID, e webhook.Registered) error {
	secret, err := uuid.Parse(e.Secret.ID)
	if err != nil {
		return err
	}
	s := &subscription{id: id, url: e.URL, topics: e.Topics, filter: e.Filter, status: webhook.StatusEnabled, secret: secret}
	all.inOrder = append(all.inOrder, s)
	slices.SortFunc(all.inOrder, func(a, b *subscription) int { return slices.Compare(a.id[:], b.id[:]) })
	all.changed[id] = s
	all.kept = append(all.kept, secret)
	return nil
}

// retire dates the end of a secret.
func (all *subscriptions) retire(secret uuid.UUID, at time.Time) {
	if secret != uuid.Nil {
		all.retired[secret] = at
	}
}

func (all *subscriptions) replay(id uuid.UUID, e webhook.ReplayRequested) error {
	replay, err := uuid.Parse(e.ReplayID)
	if err != nil {
		return err
	}
	p := &all.replays
	p.Ids, p.WebhookIds = append(p.Ids, replay), append(p.WebhookIds, id)
	p.FromPositions, p.ToPositions = append(p.FromPositions, e.FromPosition), append(p.ToPositions, e.ToPosition)
	p.Requested = append(p.Requested, e.At)
	all.work = append(all.work, replayJob(all.tenant, id, replay, 0))
	return nil
}

// store writes what the batch has changed.
func (all *subscriptions) store(ctx context.Context, q *db.Queries) error {
	p := db.UpsertWebhookSubscriptionsParams{TenantID: all.tenant}
	for id, s := range all.changed {
		topics, err := json.Marshal(s.topics)
		if err != nil {
			return err
		}
		p.Ids = append(p.Ids, id)
		p.Urls = append(p.Urls, s.url)
		p.Topics = append(p.Topics, topics)
		p.Filters = append(p.Filters, s.filter)
		p.Statuses = append(p.Statuses, string(s.status))
		p.SecretIds = append(p.SecretIds, s.secret)
		p.PreviousSecretIds = append(p.PreviousSecretIds, s.previousSecret)
		p.PreviousUntils = append(p.PreviousUntils, s.previousUntil)
	}
	retired := db.RetireWebhookSecretsParams{TenantID: all.tenant}
	for id, at := range all.retired {
		retired.Ids, retired.DeleteAfters = append(retired.Ids, id), append(retired.DeleteAfters, at)
	}
	for _, write := range []struct {
		needed bool
		run    func() error
	}{
		{len(all.deleted) > 0, func() error {
			return q.DeleteWebhookSubscriptions(ctx, db.DeleteWebhookSubscriptionsParams{TenantID: all.tenant, Ids: all.deleted})
		}},
		{len(p.Ids) > 0, func() error { return q.UpsertWebhookSubscriptions(ctx, p) }},
		{len(all.kept) > 0, func() error {
			return q.KeepWebhookSecrets(ctx, db.KeepWebhookSecretsParams{TenantID: all.tenant, Ids: all.kept})
		}},
		{len(retired.Ids) > 0, func() error { return q.RetireWebhookSecrets(ctx, retired) }},
		{len(all.replays.Ids) > 0, func() error { return q.AddWebhookReplays(ctx, all.replays) }},
	} {
		if write.needed {
			if err := write.run(); err != nil {
				return err
			}
		}
	}
	return nil
}
