package rest_test

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"tansu.cloud/api/rest"
	"tansu.cloud/domain/job"
	"tansu.cloud/eventstore"
)

// jobModel has jobs of the kind mail, of the system tenant. What the log says
// about them is carried out when it is asked.
type jobModel struct {
	log   eventstore.Reader
	codec *eventstore.Codec

	mu   sync.Mutex
	jobs []rest.Job // newest first
}

// died adds a dead job and returns its id.
func (m *jobModel) died(key string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now().UTC()
	j := rest.Job{
		ID: uuid.Must(uuid.NewV7()).String(), Kind: "mail", Key: key, State: "dead", Attempts: 8, Claims: 8,
		RunAt: now, EnqueuedAt: now, FinishedAt: &now, LastError: "no such address",
	}
	m.jobs = append([]rest.Job{j}, m.jobs...)
	return j.ID
}

// diesAgain lets a job that was re-driven fail once more.
func (m *jobModel) diesAgain(id string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range m.jobs {
		if m.jobs[i].ID == id {
			now := time.Now().UTC()
			m.jobs[i].State, m.jobs[i].Claims, m.jobs[i].FinishedAt = "dead", m.jobs[i].Claims+8, &now
		}
	}
}

func (m *jobModel) all(ctx context.Context, tenant uuid.UUID) []rest.Job {
	page, err := m.log.ReadLog(ctx, tenant, eventstore.LogQuery{StreamType: job.StreamType})
	if err != nil {
		panic(err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if tenant != eventstore.SystemTenant {
		return nil
	}
	for _, e := range page.Events {
		payload, err := m.codec.Decode(ctx, e)
		if err != nil {
			panic(err)
		}
		i := slices.IndexFunc(m.jobs, func(j rest.Job) bool { return j.ID == e.Stream.ID })
		switch order := payload.(type) {
		case job.Redriven:
			if m.jobs[i].Claims == order.Claim {
				m.jobs[i].State = "ready"
			}
		case job.Discarded:
			if m.jobs[i].Claims == order.Claim {
				m.jobs[i].State = "discarded"
			}
		}
	}
	return slices.Clone(m.jobs)
}

func (m *jobModel) Get(ctx context.Context, tenant, id uuid.UUID) (rest.Job, error) {
	for _, j := range m.all(ctx, tenant) {
		if j.ID == id.String() {
			return j, nil
		}
	}
	return rest.Job{}, job.ErrNotFound
}

func (m *jobModel) List(ctx context.Context, tenant uuid.UUID, q rest.JobQuery) ([]rest.Job, bool, error) {
	found := slices.DeleteFunc(m.all(ctx, tenant), func(j rest.Job) bool {
		return q.State != "" && j.State != q.State || q.Kind != "" && j.Kind != q.Kind ||
			q.Before != uuid.Nil && j.ID >= q.Before.String()
	})
	return found[:min(q.Limit, len(found))], len(found) > q.Limit, nil
}

func (m *jobModel) Dead(ctx context.Context, tenant uuid.UUID, q rest.DeadJobQuery) ([]rest.Job, bool, error) {
	found, _, err := m.List(ctx, tenant, rest.JobQuery{State: "dead", Kind: q.Kind, Limit: 1000})
	slices.Reverse(found)
	if !q.DiedUntil.IsZero() {
		found = slices.DeleteFunc(found, func(j rest.Job) bool { return j.FinishedAt.After(q.DiedUntil) })
	}
	return found[:min(q.Limit, len(found))], len(found) > q.Limit, err
}
