package commands_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"tansu.cloud/commands"
	"tansu.cloud/domain"
	"tansu.cloud/domain/tenant"
	"tansu.cloud/eventstore"
)

// twoProcesses share a log, and the second one remembers a tenant that has changed
// since.
func twoProcesses(t *testing.T) (f *fixture, other *commands.Commands, id string) {
	f = newFixture(t)
	other = commands.New(f.deps())
	id = f.newTenant(t, "acme")
	_, err := other.RenameTenant(t.Context(), request(id, commands.RenameTenant{Name: "B"}))
	require.NoError(t, err)
	f.rename(t, id, 1) // version 3, of which the other one does not know
	return f, other, id
}

func TestWhatWasLeftHereIsNotReadAgain(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	id := f.newTenant(t, "acme")
	f.store.streamEvents.Store(0)
	f.rename(t, id, 5)
	require.Zero(t, f.store.streamEvents.Load())
	require.EqualValues(t, 6, f.store.appends.Load(), "one append for each command")
}

func TestARefusalIsDecidedOnTheLog(t *testing.T) {
	t.Parallel()
	f, other, id := twoProcesses(t)
	_, err := f.ArchiveTenant(t.Context(), request(id, commands.ArchiveTenant{Reason: "over"}))
	require.NoError(t, err)
	_, err = other.SuspendTenant(t.Context(), request(id, commands.SuspendTenant{Reason: "unpaid"}))
	requireRefused(t, err, domain.KindConflict, tenant.ErrArchived.Code)

	f, other, id = twoProcesses(t)
	_, err = f.SuspendTenant(t.Context(), request(id, commands.SuspendTenant{Reason: "unpaid"}))
	require.NoError(t, err)
	result, err := other.ReactivateTenant(t.Context(), request(id, commands.ReactivateTenant{Reason: "paid"}))
	require.NoError(t, err, "it remembers a tenant that is active")
	require.EqualValues(t, 5, result.Version)
}

func TestNothingToChangeIsDecidedOnTheLog(t *testing.T) {
	t.Parallel()
	f, other, id := twoProcesses(t)
	result, err := other.RenameTenant(t.Context(), request(id, commands.RenameTenant{Name: "B"})) // the name that it remembers
	require.NoError(t, err)
	require.EqualValues(t, 4, result.Version)
	require.Equal(t, "B", result.State.Name)
	require.Equal(t, []string{"tenant.created", "tenant.renamed", "tenant.renamed", "tenant.renamed"}, f.types(t))
}

func TestAnExpectedVersionIsThatOfTheLog(t *testing.T) {
	t.Parallel()
	_, other, id := twoProcesses(t)
	r := request(id, commands.RenameTenant{Name: "C"})
	r.Expected = 2 // what it remembers
	_, err := other.RenameTenant(t.Context(), r)
	var conflict *eventstore.VersionConflict
	require.ErrorAs(t, err, &conflict)
	require.EqualValues(t, 3, conflict.Actual)

	r.Expected = 3
	result, err := other.RenameTenant(t.Context(), r)
	require.NoError(t, err)
	require.EqualValues(t, 4, result.Version)
}

func TestWhatIsPersonalIsNotRemembered(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	id := f.newUser(t)
	f.store.streamEvents.Store(0)
	_, err := f.RenameUser(t.Context(), request(id, commands.RenameUser{Name: "Ada"}))
	require.NoError(t, err)
	require.NotZero(t, f.store.streamEvents.Load())
}

// Commands on one aggregate at once, of two processes that each remember it: all
// take effect, each on top of the one before it.
func TestManyCommandsOnOneAggregate(t *testing.T) {
	t.Parallel()
	f, other, id := twoProcesses(t)
	const each = 20
	var work sync.WaitGroup
	for n, process := range []*commands.Commands{f.Commands, other, f.Commands, other} {
		work.Go(func() {
			for i := range each {
				for { // the tries of one command may be used up by the others
					_, err := process.ChangeTenantSettings(context.Background(),
						request(id, commands.ChangeTenantSettings{Settings: map[string]any{fmt.Sprint(n): i}}))
					if err == nil {
						break
					}
				}
			}
		})
	}
	work.Wait()
	result, err := commands.New(f.deps()).RenameTenant(t.Context(), request(id, commands.RenameTenant{Name: "last"}))
	require.NoError(t, err)
	require.EqualValues(t, 3+4*each+1, result.Version)
}
