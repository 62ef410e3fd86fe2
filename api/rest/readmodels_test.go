package rest_test

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"slices"
	"strings"
	"sync"

	"github.com/google/uuid"

	"tansu.cloud/api/access"
	"tansu.cloud/api/rest"
	"tansu.cloud/domain/projection"
	"tansu.cloud/domain/tenant"
	"tansu.cloud/eventstore"
	"tansu.cloud/projections/readmodels/deadletters"
	"tansu.cloud/projections/readmodels/tenantdirectory"
)

func operatorHash(token string) access.OperatorHash { return sha256.Sum256([]byte(token)) }

// readModels folds the system tenant's events in memory as they are committed.
// hold makes them fall behind until release.
type readModels struct {
	codec *eventstore.Codec

	mu       sync.Mutex
	changed  chan struct{} // closed and replaced at each change
	held     bool
	queue    []eventstore.Event
	position int64
	tenants  map[string]tenantdirectory.Tenant
	states   map[string]tenant.State
	letters  []deadletters.Letter
}

func newReadModels() *readModels {
	return &readModels{changed: make(chan struct{}), tenants: map[string]tenantdirectory.Tenant{}, states: map[string]tenant.State{}}
}

func (m *readModels) committed(events []eventstore.Event) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if events[0].TenantID != eventstore.SystemTenant {
		return
	}
	m.queue = append(m.queue, events...)
	if !m.held {
		m.drain()
	}
}

func (m *readModels) hold() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.held = true
}

func (m *readModels) release() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.held = false
	m.drain()
}

func (m *readModels) drain() {
	for _, e := range m.queue {
		m.position = e.Position
		if e.Stream.Type != tenant.StreamType && e.Stream.Type != projection.StreamType {
			continue // and cannot be opened: the log is locked while it commits
		}
		e.Data = unsealed(e.Data)
		payload, err := m.codec.Decode(context.Background(), e)
		if err != nil {
			panic(err)
		}
		switch payload := payload.(type) {
		case tenant.Event:
			m.foldTenant(e, payload)
		case projection.Event:
			m.foldProjection(e, payload)
		}
	}
	m.queue = nil
	close(m.changed)
	m.changed = make(chan struct{})
}

// unsealed leaves out what is sealed: the log is locked while it commits, so its
// keys cannot be had.
func unsealed(data json.RawMessage) json.RawMessage {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(data, &fields); err != nil {
		panic(err)
	}
	for name, value := range fields {
		if strings.Contains(string(value), `"$sealed"`) {
			delete(fields, name)
		}
	}
	left, err := json.Marshal(fields)
	if err != nil {
		panic(err)
	}
	return left
}

func (m *readModels) foldTenant(e eventstore.Event, payload tenant.Event) {
	state := tenant.Apply(m.states[e.Stream.ID], payload)
	settings, err := json.Marshal(state.Settings)
	if err != nil {
		panic(err)
	}
	m.states[e.Stream.ID] = state
	m.tenants[e.Stream.ID] = tenantdirectory.Tenant{
		ID: uuid.MustParse(state.ID), Slug: state.Slug, Name: state.Name, Status: string(state.Status), Settings: settings,
		Version: e.Version, CreatedAt: state.CreatedAt, UpdatedAt: state.UpdatedAt,
	}
}

func (m *readModels) foldProjection(e eventstore.Event, payload projection.Event) {
	set := func(id, status, reason string) {
		for i := range m.letters {
			if m.letters[i].ID.String() == id {
				m.letters[i].Status, m.letters[i].Reason, m.letters[i].UpdatedAt = status, reason, e.RecordedAt
			}
		}
	}
	switch p := payload.(type) {
	case projection.StreamParked:
		m.letters = append(m.letters, deadletters.Letter{
			ID: uuid.MustParse(p.DeadLetterID), Projection: e.Stream.ID, Generation: p.Generation, Status: "parked",
			TenantID: uuid.MustParse(p.TenantID), StreamType: p.StreamType, StreamID: p.StreamID, Position: p.Position,
			EventID: uuid.MustParse(p.FailedEventID), EventType: p.FailedEventType, Error: p.Error, Attempts: p.Attempts,
			ParkedAt: e.RecordedAt, UpdatedAt: e.RecordedAt,
		})
	case projection.RedriveRequested:
		set(p.DeadLetterID, "redriving", "")
	case projection.DeadLetterDiscarded:
		set(p.DeadLetterID, "discarded", p.Reason)
	}
}

func (m *readModels) Status(context.Context) ([]rest.ProjectionStatus, error) {
	return []rest.ProjectionStatus{{Name: "tenant_directory", Version: 1, Generation: 1, State: "live"}}, nil
}

func (m *readModels) Wait(ctx context.Context, _ string, tenant uuid.UUID, position int64) error {
	if tenant != eventstore.SystemTenant {
		return nil // what these models know of other logs they fold when they are asked
	}
	for {
		m.mu.Lock()
		reached, changed := m.position >= position, m.changed
		m.mu.Unlock()
		if reached {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (m *readModels) Shown(string, uuid.UUID) (string, int64, bool) { return "", 0, false }

type tenantModel struct{ *readModels }

func (m tenantModel) Get(_ context.Context, idOrSlug string) (tenantdirectory.Tenant, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, t := range m.tenants {
		if t.ID.String() == idOrSlug || t.Slug == idOrSlug {
			return t, nil
		}
	}
	return tenantdirectory.Tenant{}, tenantdirectory.ErrNotFound
}

func (m tenantModel) Details(_ context.Context, id uuid.UUID) (tenantdirectory.Details, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.states[id.String()]
	return tenantdirectory.Details{Quotas: s.Quotas, Provisioning: s.Provisioning}, nil
}

func (m tenantModel) matching(q tenantdirectory.Filter) []tenantdirectory.Tenant {
	m.mu.Lock()
	defer m.mu.Unlock()
	var found []tenantdirectory.Tenant
	for _, t := range m.tenants {
		if (q.Status == "" || q.Status == t.Status) && (q.Slug == "" || q.Slug == t.Slug) && strings.Contains(t.Name, q.Name) {
			found = append(found, t)
		}
	}
	return found
}

func (m tenantModel) List(_ context.Context, q tenantdirectory.ListQuery) ([]tenantdirectory.Tenant, bool, error) {
	compare := func(a, b tenantdirectory.Cursor) int {
		order := strings.Compare(a.Value+"\x00"+a.ID.String(), b.Value+"\x00"+b.ID.String())
		if strings.HasPrefix(q.Sort, "-") {
			return -order
		}
		return order
	}
	found := m.matching(q.Filter)
	slices.SortFunc(found, func(a, b tenantdirectory.Tenant) int { return compare(q.CursorOf(a), q.CursorOf(b)) })
	if q.After != nil {
		found = slices.DeleteFunc(found, func(t tenantdirectory.Tenant) bool { return compare(*q.After, q.CursorOf(t)) >= 0 })
	}
	return found[:min(q.Limit, len(found))], len(found) > q.Limit, nil
}

func (m tenantModel) Count(_ context.Context, f tenantdirectory.Filter) (int64, error) {
	return int64(len(m.matching(f))), nil
}

type deadLetterModel struct{ *readModels }

func (m deadLetterModel) Get(_ context.Context, id uuid.UUID) (deadletters.Letter, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, l := range m.letters {
		if l.ID == id {
			return l, nil
		}
	}
	return deadletters.Letter{}, deadletters.ErrNotFound
}

func (m deadLetterModel) List(_ context.Context, q deadletters.ListQuery) ([]deadletters.Letter, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	letters := slices.Clone(m.letters) // in order of parking
	if !q.OldestFirst {
		slices.Reverse(letters)
	}
	if q.After != nil {
		letters = letters[1+slices.IndexFunc(letters, func(l deadletters.Letter) bool { return l.ID == q.After.ID }):]
	}
	found := slices.DeleteFunc(letters, func(l deadletters.Letter) bool {
		return q.Projection != "" && q.Projection != l.Projection || q.Status != "" && q.Status != l.Status
	})
	return found[:min(q.Limit, len(found))], len(found) > q.Limit, nil
}
