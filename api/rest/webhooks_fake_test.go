package rest_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"tansu.cloud/domain/webhook"
	"tansu.cloud/eventstore"
	"tansu.cloud/projections/readmodels/webhooks"
)

// webhookModel folds webhooks from the log when it is asked, and keeps secrets
// and deliveries in memory.
type webhookModel struct {
	log   eventstore.Reader
	codec *eventstore.Codec

	mu         sync.Mutex
	secrets    map[string]string
	deliveries []webhooks.Delivery // newest first
}

func (m *webhookModel) states(ctx context.Context, tenant uuid.UUID) (ids []string, states map[string]webhook.State, versions map[string]int64) {
	page, err := m.log.ReadLog(ctx, tenant, eventstore.LogQuery{StreamType: webhook.StreamType})
	if err != nil {
		panic(err)
	}
	states, versions = map[string]webhook.State{}, map[string]int64{}
	for _, e := range page.Events {
		payload, err := m.codec.Decode(ctx, e)
		if err != nil {
			panic(err)
		}
		if e.Version == 1 {
			ids = append(ids, e.Stream.ID)
		}
		states[e.Stream.ID], versions[e.Stream.ID] = webhook.Apply(states[e.Stream.ID], payload.(webhook.Event)), e.Version
	}
	return ids, states, versions
}

func (m *webhookModel) List(ctx context.Context, tenant uuid.UUID) (list []webhooks.Endpoint, _ error) {
	ids, states, versions := m.states(ctx, tenant)
	for _, id := range ids {
		if w := states[id]; w.Status != webhook.StatusDeleted {
			list = append(list, webhooks.Endpoint{
				ID: uuid.MustParse(id), URL: w.URL, Description: w.Description, Topics: w.Topics, Filter: w.Filter, Status: string(w.Status),
				DisabledReason: w.DisabledReason, Fingerprint: w.Secret.Fingerprint, PreviousFingerprint: w.Previous.Fingerprint,
				PreviousUntil: w.PreviousUntil, Version: versions[id], CreatedAt: w.CreatedAt, UpdatedAt: w.UpdatedAt,
			})
		}
	}
	return list, nil
}

func (m *webhookModel) Get(ctx context.Context, tenant, id uuid.UUID) (webhooks.Endpoint, error) {
	list, _ := m.List(ctx, tenant)
	if i := slices.IndexFunc(list, func(e webhooks.Endpoint) bool { return e.ID == id }); i >= 0 {
		return list[i], nil
	}
	return webhooks.Endpoint{}, webhooks.ErrNotFound
}

func (m *webhookModel) Deliveries(_ context.Context, _, _ uuid.UUID, q webhooks.DeliveryQuery) ([]webhooks.Delivery, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	found := slices.DeleteFunc(slices.Clone(m.deliveries), func(d webhooks.Delivery) bool { return q.Outcome != "" && d.Outcome != q.Outcome })
	if q.Before != uuid.Nil {
		found = found[1+slices.IndexFunc(found, func(d webhooks.Delivery) bool { return d.ID == q.Before }):]
	}
	return found[:min(q.Limit, len(found))], len(found) > q.Limit, nil
}

func (m *webhookModel) Replays(ctx context.Context, tenant, id uuid.UUID) ([]webhooks.Replay, error) {
	_, states, _ := m.states(ctx, tenant)
	r := states[id.String()].Replay
	if r.ID == "" {
		return nil, nil
	}
	return []webhooks.Replay{{ID: uuid.MustParse(r.ID), FromPosition: r.FromPosition, ToPosition: r.ToPosition, DonePosition: r.FromPosition, Enqueued: 1}}, nil
}

func (m *webhookModel) NewSecret(context.Context, uuid.UUID, uuid.UUID) (webhook.Secret, string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	id := uuid.NewString()
	m.secrets[id] = fmt.Sprintf("whsec_%s", id)
	return webhook.Secret{ID: id, Fingerprint: id[:16]}, m.secrets[id], nil
}

func (m *webhookModel) DropSecret(_ context.Context, _ uuid.UUID, id string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.secrets, id)
	return nil
}

func (m *webhookModel) SecretText(_ context.Context, _, _ uuid.UUID, id string) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if text, kept := m.secrets[id]; kept {
		return text, nil
	}
	return "", webhooks.ErrNotFound
}

func (m *webhookModel) Test(ctx context.Context, tenant, id uuid.UUID, actor string) (webhooks.Delivery, error) {
	if _, err := m.Get(ctx, tenant, id); err != nil {
		return webhooks.Delivery{}, err
	}
	d := webhooks.Delivery{
		ID: uuid.Must(uuid.NewV7()), EventType: "webhook.test", Attempt: 1, Outcome: webhooks.OutcomeTest, Status: 500,
		Duration: 87 * time.Millisecond, Error: "the address answered 500", Response: "oh " + actor, RecordedAt: time.Now(),
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.deliveries = append([]webhooks.Delivery{d}, m.deliveries...)
	return d, nil
}

// kept is how many secrets are stored.
func (m *webhookModel) kept() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.secrets)
}

func (m *webhookModel) idOf(text string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	for id, secret := range m.secrets {
		if secret == text {
			return id
		}
	}
	return ""
}
