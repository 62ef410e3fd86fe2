// Package sagastest runs a saga with all that it needs: a log, the read models, the
// commands and the workers that do its jobs.
package sagastest

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tansu.cloud/commands"
	"tansu.cloud/eventstore"
	"tansu.cloud/platform/bus/jobs"
	"tansu.cloud/projections"
	"tansu.cloud/projections/projectionstest"
)

// Rig is an installation with commands.
type Rig struct {
	*projectionstest.Installation
	Commands *commands.Commands
	Runner   *projections.Runner

	t       *testing.T
	mu      sync.Mutex
	crashes map[string]bool
}

// New runs a saga and the read models that its workers ask.
func New(t *testing.T, all ...projections.Projection) *Rig {
	t.Helper()
	r := &Rig{Installation: projectionstest.NewInstallation(t, commands.Registry()), t: t, crashes: map[string]bool{}}
	r.Commands = commands.New(commands.Deps{
		Store: r.Store, Snapshots: r.Store, Codec: r.Codec, Logger: slog.New(slog.DiscardHandler),
		EmailIndex: func(email string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(email))) },
	})
	r.Runner, _ = r.Follow(all...)
	return r
}

// Work runs workers for the saga's jobs. A job that fails is done again at once.
func (r *Rig) Work(kinds map[string]jobs.Kind) {
	r.t.Helper()
	for name, kind := range kinds {
		kind.Delays = make([]time.Duration, 40)
		kinds[name] = kind
	}
	workers, err := jobs.New(jobs.Config{Pool: r.Pool, NodeID: "test", Kinds: kinds, PollInterval: 10 * time.Millisecond})
	require.NoError(r.t, err)
	r.Run(workers)
}

// ErrCrash is what whoever asked for an effect gets instead of an answer.
var ErrCrash = errors.New("crashed")

// DieAfter passes err on. After the first success of each effect it is as if the
// process had died: the effect is there, and whoever asked for it does not know.
func (r *Rig) DieAfter(effect string, err error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil && !r.crashes[effect] {
		r.crashes[effect] = true
		return ErrCrash
	}
	return err
}

// Crashes is after how many effects somebody has died.
func (r *Rig) Crashes() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.crashes)
}

// On is a command by a caller who may do anything.
func On[C any](log uuid.UUID, stream string, c C) commands.Request[C] {
	return commands.Request[C]{
		Tenant: log, Stream: stream, Command: c, Expected: eventstore.AnyVersion,
		Caller: commands.Caller{Actor: "test", Permissions: func(string) bool { return true }},
	}
}

// By is a command that follows from an event.
func By[C any](cause, log uuid.UUID, stream string, c C) commands.Request[C] {
	r := On(log, stream, c)
	r.Caller.CausationID = cause.String()
	return r
}

// Send has a command carried out.
func Send[C, S any](r *Rig, handler commands.Handler[C, S], log uuid.UUID, stream string, c C) commands.Result[S] {
	r.t.Helper()
	done, err := handler(r.t.Context(), On(log, stream, c))
	require.NoError(r.t, err)
	return done
}

// User registers somebody and returns their id.
func (r *Rig) User(email string) uuid.UUID {
	r.t.Helper()
	id := uuid.New()
	Send(r, r.Commands.RegisterUser, eventstore.SystemTenant, id.String(), commands.RegisterUser{Email: email, Name: "N"})
	return id
}

// Member lets a user into a tenant.
func (r *Rig) Member(tenant, user uuid.UUID, roles ...string) {
	r.t.Helper()
	Send(r, r.Commands.AddMember, tenant, user.String(), commands.AddMember{Roles: roles})
}

// Settled waits until a saga has seen a position of a log and all jobs that are due
// are done, and returns how many are not due yet.
func (r *Rig) Settled(saga string, tenant uuid.UUID, upTo int64) (waiting int) {
	r.t.Helper()
	require.NoError(r.t, r.Runner.Wait(r.t.Context(), saga, tenant, upTo))
	require.Eventually(r.t, func() bool {
		var due, dead int
		require.NoError(r.t, r.Pool.QueryRow(r.t.Context(), `SELECT count(*) FILTER (WHERE state NOT IN ('done', 'dead') AND run_at <= now() + interval '1 minute'),
			count(*) FILTER (WHERE state NOT IN ('done', 'dead') AND run_at > now() + interval '1 minute'), count(*) FILTER (WHERE state = 'dead') FROM jobs`).Scan(&due, &waiting, &dead))
		require.Zero(r.t, dead)
		return due == 0
	}, time.Minute, 10*time.Millisecond)
	return waiting
}

// Again makes what sagas look at a second time due now.
func (r *Rig) Again() {
	r.t.Helper()
	_, err := r.Pool.Exec(r.t.Context(), "UPDATE jobs SET run_at = now() WHERE key LIKE '%/again'")
	require.NoError(r.t, err)
}

// Types lists the types of a stream's events.
func (r *Rig) Types(log uuid.UUID, streamType, id string) (types []string) {
	r.t.Helper()
	events, err := r.Store.ReadStream(r.t.Context(), log, eventstore.Stream{Type: streamType, ID: id}, eventstore.StreamQuery{})
	require.NoError(r.t, err)
	for _, event := range events {
		types = append(types, event.Type)
	}
	return types
}
