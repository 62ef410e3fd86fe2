package commands_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"tansu.cloud/commands"
	"tansu.cloud/domain"
	"tansu.cloud/domain/projection"
	"tansu.cloud/domain/tenant"
	"tansu.cloud/eventstore"
	"tansu.cloud/eventstore/memory"
)

// fixture is a log in memory with the commands on it.
type fixture struct {
	*commands.Commands
	history *commands.History
	memory  *memory.Store
	store   *watchedStore
	clock   *clock
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	c := &clock{now: time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC)}
	m := memory.New(memory.Options{Now: c.Now})
	f := &fixture{memory: m, store: &watchedStore{Store: m}, clock: c}
	f.Commands = commands.New(f.deps())
	f.history = commands.NewHistory(f.deps())
	return f
}

func (f *fixture) deps() commands.Deps {
	return commands.Deps{
		Store: f.store, Snapshots: f.memory, Codec: eventstore.NewCodec(commands.Registry(), f.memory),
		Now: f.clock.Now, Logger: slog.New(slog.DiscardHandler), EmailIndex: emailIndex,
	}
}

func emailIndex(normalised string) string {
	return fmt.Sprintf("%x", sha256.Sum256([]byte(normalised)))
}

// events are those of the system tenant's log.
func (f *fixture) events(t *testing.T) []eventstore.Event {
	t.Helper()
	page, err := f.memory.ReadLog(t.Context(), eventstore.SystemTenant, eventstore.LogQuery{})
	require.NoError(t, err)
	return page.Events
}

func (f *fixture) types(t *testing.T) []string {
	t.Helper()
	var types []string
	for _, e := range f.events(t) {
		types = append(types, e.Type)
	}
	return types
}

// newTenant creates a tenant and returns its id.
func (f *fixture) newTenant(t *testing.T, slug string) string {
	t.Helper()
	r, err := f.CreateTenant(t.Context(), request("", commands.CreateTenant{Slug: slug, Name: "Acme"}))
	require.NoError(t, err)
	return r.State.ID
}

// newProjection switches a projection on.
func (f *fixture) newProjection(t *testing.T, name string) {
	t.Helper()
	_, err := f.SwitchProjection(t.Context(), request(name, commands.SwitchProjection{Generation: 1, Version: 1}))
	require.NoError(t, err)
}

func operator() commands.Caller {
	return commands.Caller{Actor: "operator", Permissions: func(string) bool { return true }}
}

func request[C any](stream string, c C) commands.Request[C] {
	return commands.Request[C]{
		Tenant: eventstore.SystemTenant, Stream: stream, Command: c, Caller: operator(), Expected: eventstore.AnyVersion,
	}
}

func keyed[C any](r commands.Request[C], key, body string) commands.Request[C] {
	r.IdempotencyKey, r.Fingerprint = key, sha256.Sum256([]byte(body))
	return r
}

func requireRefused(t *testing.T, err error, kind domain.Kind, code string) *domain.Error {
	t.Helper()
	var refusal *domain.Error
	require.True(t, errors.As(err, &refusal), "got %v", err)
	require.Equal(t, code, refusal.Code)
	require.Equal(t, kind, refusal.Kind)
	return refusal
}

// clock moves only when told to.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
	return c.now
}

// watchedStore counts what is read and lets a test step in before an append.
type watchedStore struct {
	eventstore.Store
	streamEvents atomic.Int64
	appends      atomic.Int64
	claims       atomic.Int64
	beforeAppend func(ctx context.Context, a eventstore.Append) error
}

func (s *watchedStore) ReadStream(ctx context.Context, tenant uuid.UUID, stream eventstore.Stream, q eventstore.StreamQuery) ([]eventstore.Event, error) {
	events, err := s.Store.ReadStream(ctx, tenant, stream, q)
	s.streamEvents.Add(int64(len(events)))
	return events, err
}

func (s *watchedStore) ClaimHolder(ctx context.Context, tenant uuid.UUID, scope, value string) (eventstore.Stream, bool, error) {
	s.claims.Add(1)
	return s.Store.ClaimHolder(ctx, tenant, scope, value)
}

func (s *watchedStore) Append(ctx context.Context, a eventstore.Append) (eventstore.Appended, error) {
	s.appends.Add(1)
	if s.beforeAppend != nil {
		if err := s.beforeAppend(ctx, a); err != nil {
			return eventstore.Appended{}, err
		}
	}
	return s.Store.Append(ctx, a)
}

// step is one use case on the aggregate that the steps before it have left.
type step struct {
	name  string
	run   func(ctx context.Context, f *fixture, id string) (version int64, err error)
	event string // that it appends
}

// stepOf makes a step of a handler.
func stepOf[C, S any](name string, handler func(*fixture) commands.Handler[C, S], command C, event string) step {
	return step{name, func(ctx context.Context, f *fixture, id string) (int64, error) {
		result, err := handler(f)(ctx, request(id, command))
		return result.Version, err
	}, event}
}

var tenantSteps = []step{
	stepOf("create", func(f *fixture) commands.Handler[commands.CreateTenant, tenant.State] { return f.CreateTenant }, commands.CreateTenant{Slug: "acme", Name: "Acme"}, "tenant.created"),
	stepOf("rename", func(f *fixture) commands.Handler[commands.RenameTenant, tenant.State] { return f.RenameTenant }, commands.RenameTenant{Name: "Acme Ltd"}, "tenant.renamed"),
	stepOf("settings", func(f *fixture) commands.Handler[commands.ChangeTenantSettings, tenant.State] {
		return f.ChangeTenantSettings
	}, commands.ChangeTenantSettings{Settings: map[string]any{"seats": 3}}, "tenant.settings_changed"),
	stepOf("suspend", func(f *fixture) commands.Handler[commands.SuspendTenant, tenant.State] { return f.SuspendTenant }, commands.SuspendTenant{Reason: "unpaid"}, "tenant.suspended"),
	stepOf("reactivate", func(f *fixture) commands.Handler[commands.ReactivateTenant, tenant.State] { return f.ReactivateTenant }, commands.ReactivateTenant{Reason: "paid"}, "tenant.reactivated"),
	stepOf("archive", func(f *fixture) commands.Handler[commands.ArchiveTenant, tenant.State] { return f.ArchiveTenant }, commands.ArchiveTenant{Reason: "closed"}, "tenant.archived"),
}

func onProjection[C any](handler func(*fixture) commands.Handler[C, projection.State], command C, event string) step {
	return stepOf(event, handler, command, event)
}

var parkX = commands.ParkStream{
	DeadLetterID: "x", Generation: 1, TenantID: uuid.Nil.String(), StreamType: "tenant", StreamID: "s1",
	Position: 10, Version: 3, EventID: "e1", EventType: "tenant.renamed", Error: "boom", Attempts: 5,
}

var projectionSteps = []step{
	onProjection(func(f *fixture) commands.Handler[commands.SwitchProjection, projection.State] {
		return f.SwitchProjection
	}, commands.SwitchProjection{Generation: 1, Version: 1}, "projection.switched"),
	onProjection(func(f *fixture) commands.Handler[commands.ParkStream, projection.State] { return f.ParkStream }, parkX, "projection.stream_parked"),
	onProjection(func(f *fixture) commands.Handler[commands.RedriveDeadLetter, projection.State] {
		return f.RedriveDeadLetter
	}, commands.RedriveDeadLetter{DeadLetterID: "x"}, "projection.redrive_requested"),
	onProjection(func(f *fixture) commands.Handler[commands.ResolveStream, projection.State] { return f.ResolveStream }, commands.ResolveStream{DeadLetterID: "x", Applied: 4}, "projection.stream_resolved"),
	onProjection(func(f *fixture) commands.Handler[commands.ParkStream, projection.State] { return f.ParkStream }, parkX, "projection.stream_parked"),
	onProjection(func(f *fixture) commands.Handler[commands.DiscardDeadLetter, projection.State] {
		return f.DiscardDeadLetter
	}, commands.DiscardDeadLetter{DeadLetterID: "x", Reason: "known"}, "projection.dead_letter_discarded"),
	onProjection(func(f *fixture) commands.Handler[commands.PauseProjection, projection.State] {
		return f.PauseProjection
	}, commands.PauseProjection{Reason: "upgrade"}, "projection.paused"),
	onProjection(func(f *fixture) commands.Handler[commands.ResumeProjection, projection.State] {
		return f.ResumeProjection
	}, commands.ResumeProjection{}, "projection.resumed"),
	onProjection(func(f *fixture) commands.Handler[commands.StartRebuild, projection.State] { return f.StartRebuild }, commands.StartRebuild{Version: 2}, "projection.rebuild_started"),
	onProjection(func(f *fixture) commands.Handler[commands.CancelRebuild, projection.State] { return f.CancelRebuild }, commands.CancelRebuild{Reason: "wrong"}, "projection.rebuild_cancelled"),
}
