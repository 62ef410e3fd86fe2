package commands_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"tansu.cloud/commands"
	"tansu.cloud/domain"
	"tansu.cloud/eventstore"
)

func TestRepeatIsAnsweredFromTheRecord(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	create := keyed(request("", commands.CreateTenant{Slug: "acme", Name: "Acme", Settings: map[string]any{"seats": 3}}), "key", "body")
	first, err := f.CreateTenant(t.Context(), create)
	require.NoError(t, err)
	require.False(t, first.Replayed)
	_, err = f.RenameTenant(t.Context(), request(first.State.ID, commands.RenameTenant{Name: "Later"}))
	require.NoError(t, err)

	again, err := f.CreateTenant(t.Context(), create)
	require.NoError(t, err)
	require.True(t, again.Replayed)
	again.Replayed = false
	require.Equal(t, first, again, "a repeat gets the answer of then, not the state of now")
	require.Equal(t, []string{"tenant.created", "tenant.renamed"}, f.types(t))
}

func TestRepeatIsAnsweredBeforeTheExpectedVersion(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	rename := keyed(request(f.newTenant(t, "acme"), commands.RenameTenant{Name: "B"}), "key", "body")
	rename.Expected = 1
	for _, replayed := range []bool{false, true} {
		r, err := f.RenameTenant(t.Context(), rename)
		require.NoError(t, err)
		require.Equal(t, replayed, r.Replayed)
		require.EqualValues(t, 2, r.Version)
		require.EqualValues(t, 2, r.Position)
	}
}

func TestKeyOfAnotherRequest(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	id := f.newTenant(t, "acme")
	_, err := f.RenameTenant(t.Context(), keyed(request(id, commands.RenameTenant{Name: "B"}), "key", "body"))
	require.NoError(t, err)

	_, err = f.RenameTenant(t.Context(), keyed(request(id, commands.RenameTenant{Name: "C"}), "key", "other body"))
	var mismatch *commands.IdempotencyMismatch
	require.True(t, errors.As(err, &mismatch), "got %v", err)
	require.Equal(t, "key", mismatch.Key)
	require.Len(t, f.events(t), 2)
}

func TestKeyOfARefusedRequestStaysFree(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	id := f.newTenant(t, "acme")
	_, err := f.ReactivateTenant(t.Context(), keyed(request(id, commands.ReactivateTenant{}), "key", "body"))
	requireRefused(t, err, domain.KindConflict, "tenant.not_suspended")

	_, err = f.SuspendTenant(t.Context(), request(id, commands.SuspendTenant{Reason: "unpaid"}))
	require.NoError(t, err)
	r, err := f.ReactivateTenant(t.Context(), keyed(request(id, commands.ReactivateTenant{}), "key", "body"))
	require.NoError(t, err)
	require.False(t, r.Replayed)
}

func TestKeyOfACommandWithoutChange(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	same := keyed(request(f.newTenant(t, "acme"), commands.RenameTenant{Name: "Acme"}), "key", "body")
	for _, replayed := range []bool{false, true} {
		r, err := f.RenameTenant(t.Context(), same)
		require.NoError(t, err)
		require.Equal(t, replayed, r.Replayed)
		require.EqualValues(t, 1, r.Version)
		require.EqualValues(t, 1, r.Position)
	}
	require.Len(t, f.events(t), 1)
}

func TestSecondRequestInFlight(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	rename := keyed(request(f.newTenant(t, "acme"), commands.RenameTenant{Name: "B"}), "key", "body")
	arrived, proceed := make(chan struct{}), make(chan struct{})
	f.store.beforeAppend = func(context.Context, eventstore.Append) error {
		close(arrived)
		<-proceed
		return nil
	}
	first := make(chan error, 1)
	go func() {
		_, err := f.RenameTenant(context.Background(), rename)
		first <- err
	}()
	<-arrived
	_, err := f.RenameTenant(t.Context(), rename)
	var inFlight *commands.InFlight
	require.True(t, errors.As(err, &inFlight), "got %v", err)
	require.Equal(t, "key", inFlight.Key)

	close(proceed)
	require.NoError(t, <-first)
	f.store.beforeAppend = nil
	r, err := f.RenameTenant(t.Context(), rename)
	require.NoError(t, err)
	require.True(t, r.Replayed)
}

func TestKeysOfTenantsAreApart(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for _, owner := range []uuid.UUID{uuid.New(), uuid.New()} {
		erase := keyed(request("user-1", commands.EraseSubject{}), "key", "body of "+owner.String())
		erase.Tenant = owner
		r, err := f.EraseSubject(t.Context(), erase)
		require.NoError(t, err)
		require.False(t, r.Replayed)
	}
}

// The other process has its own handlers on the same log; it commits the same
// request after this one has looked the key up.
func TestSameKeyInTwoProcesses(t *testing.T) {
	t.Parallel()
	for name, other := range map[string]struct {
		body     string
		mismatch bool
	}{"repeat": {"body", false}, "different request": {"other body", true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			elsewhere := commands.New(f.deps())
			create := request("", commands.CreateTenant{Slug: "acme", Name: "Acme"})

			f.store.beforeAppend = func(ctx context.Context, _ eventstore.Append) error {
				f.store.beforeAppend = nil
				_, err := elsewhere.CreateTenant(ctx, keyed(create, "key", other.body))
				return err
			}
			r, err := f.CreateTenant(t.Context(), keyed(create, "key", "body"))
			require.Len(t, f.events(t), 1)
			if other.mismatch {
				var mismatch *commands.IdempotencyMismatch
				require.True(t, errors.As(err, &mismatch), "got %v", err)
				return
			}
			require.NoError(t, err)
			require.True(t, r.Replayed)
			require.Equal(t, f.events(t)[0].Stream.ID, r.State.ID)
		})
	}
}

// Here the other process commits between the look-up of the key and the load,
// so that the aggregate itself refuses the repeat.
func TestRepeatIsRefusedByItsOwnChange(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	id := f.newTenant(t, "acme")
	suspend := keyed(request(id, commands.SuspendTenant{Reason: "unpaid"}), "key", "body")
	elsewhere := commands.New(f.deps())

	loads := &loadHook{Snapshots: f.memory, before: func(ctx context.Context) {
		_, err := elsewhere.SuspendTenant(ctx, suspend)
		require.NoError(t, err)
	}}
	d := f.deps()
	d.Snapshots = loads
	r, err := commands.New(d).SuspendTenant(t.Context(), suspend)
	require.NoError(t, err)
	require.True(t, r.Replayed)
	require.EqualValues(t, 2, r.Version)
	require.Len(t, f.events(t), 2)
}

// loadHook steps in once before an aggregate is loaded.
type loadHook struct {
	eventstore.Snapshots
	before func(context.Context)
}

func (h *loadHook) LoadSnapshot(ctx context.Context, tenant uuid.UUID, s eventstore.Stream, stateVersion int) (*eventstore.Snapshot, error) {
	if before := h.before; before != nil {
		h.before = nil
		before(ctx)
	}
	return h.Snapshots.LoadSnapshot(ctx, tenant, s, stateVersion)
}
