package commands_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
	"tansu.cloud/commands"
	"tansu.cloud/eventstore"
)

func TestConcurrentWritersAllSucceed(t *testing.T) {
	t.Parallel()
	const writers = 64
	f := newFixture(t)
	id := f.newTenant(t, "acme")
	// All writers decide on version 1, so that at least 63 have to retry.
	var started barrier
	started.add(writers)
	f.store.beforeAppend = func(context.Context, eventstore.Append) error {
		started.arrive()
		return nil
	}
	versions := make([]int64, writers)
	var group errgroup.Group
	for i := range writers {
		group.Go(func() error {
			r, err := f.RenameTenant(t.Context(), request(id, commands.RenameTenant{Name: fmt.Sprint("name ", i)}))
			versions[i] = r.Version
			return err
		})
	}
	require.NoError(t, group.Wait())

	var want []int64
	for v := range int64(writers) {
		want = append(want, v+2)
	}
	require.ElementsMatch(t, want, versions)
	events := f.events(t)
	require.Len(t, events, writers+1)
	for i, e := range events {
		require.EqualValues(t, i+1, e.Position)
		require.EqualValues(t, i+1, e.Version)
	}
	require.GreaterOrEqual(t, f.store.appends.Load(), int64(1+writers+writers-1))
}

func TestConflictIsTheAnswerIfAVersionIsExpected(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	id := f.newTenant(t, "acme")
	stream := eventstore.Stream{Type: "tenant", ID: id}
	rename := request(id, commands.RenameTenant{Name: "B"})
	appends := f.store.appends.Load()

	for _, expected := range []int64{eventstore.NoStream, 2, 99} {
		rename.Expected = expected
		_, err := f.RenameTenant(t.Context(), rename)
		requireConflict(t, err, eventstore.VersionConflict{Stream: stream, Expected: expected, Actual: 1})
	}
	require.Equal(t, appends, f.store.appends.Load(), "nothing may be decided on another version")

	rename.Expected = 1
	f.overtake(t, id, 1)
	_, err := f.RenameTenant(t.Context(), rename)
	requireConflict(t, err, eventstore.VersionConflict{Stream: stream, Expected: 1, Actual: 2})
}

func TestRetriesEnd(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	id := f.newTenant(t, "acme")
	before := f.store.appends.Load()
	f.overtake(t, id, 1000)
	_, err := f.RenameTenant(t.Context(), request(id, commands.RenameTenant{Name: "B"}))
	var conflict *eventstore.VersionConflict
	require.True(t, errors.As(err, &conflict), "got %v", err)
	require.EqualValues(t, 11, f.store.appends.Load()-before, "ten on the log, and one before on what was remembered")
}

func TestRetriesEndWithTheContext(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	id := f.newTenant(t, "acme")
	ctx, cancel := context.WithCancel(t.Context())
	f.store.beforeAppend = func(context.Context, eventstore.Append) error {
		cancel()
		return &eventstore.VersionConflict{}
	}
	before := f.store.appends.Load()
	_, err := f.RenameTenant(ctx, request(id, commands.RenameTenant{Name: "B"}))
	require.ErrorIs(t, err, context.Canceled)
	require.EqualValues(t, 1, f.store.appends.Load()-before)
}

func TestOtherErrorsAreNotRetried(t *testing.T) {
	t.Parallel()
	for _, failure := range []error{eventstore.ErrUnavailable, eventstore.ErrOutcomeUnknown, &eventstore.LimitError{Field: "writes", Problem: "are too large"}} {
		f := newFixture(t)
		id := f.newTenant(t, "acme")
		before := f.store.appends.Load()
		f.store.beforeAppend = func(context.Context, eventstore.Append) error { return fmt.Errorf("appending: %w", failure) }
		_, err := f.RenameTenant(t.Context(), request(id, commands.RenameTenant{Name: "B"}))
		require.ErrorIs(t, err, failure)
		require.EqualValues(t, 1, f.store.appends.Load()-before)
	}
}

// overtake lets another writer win the next races for a tenant.
func (f *fixture) overtake(t *testing.T, id string, times int) {
	codec := eventstore.NewCodec(commands.Registry(), f.memory)
	f.store.beforeAppend = func(ctx context.Context, _ eventstore.Append) error {
		if times--; times < 0 {
			return nil
		}
		e, err := codec.Encode(ctx, eventstore.SystemTenant, renamed(fmt.Sprint("overtaken ", times)))
		require.NoError(t, err)
		_, err = f.memory.Append(ctx, eventstore.Append{Writes: []eventstore.StreamWrite{{
			Stream: eventstore.Stream{Type: "tenant", ID: id}, Expected: eventstore.AnyVersion, Events: []eventstore.NewEvent{e},
		}}})
		return err
	}
}

func requireConflict(t *testing.T, err error, want eventstore.VersionConflict) {
	t.Helper()
	var conflict *eventstore.VersionConflict
	require.True(t, errors.As(err, &conflict), "got %v", err)
	require.Equal(t, want, *conflict)
}
