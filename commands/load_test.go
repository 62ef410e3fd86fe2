package commands_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"tansu.cloud/commands"
	"tansu.cloud/domain/tenant"
	"tansu.cloud/eventstore"
)

func renamed(name string) tenant.Renamed {
	return tenant.Renamed{Name: name, At: time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)}
}

// barrier holds the first arrivals back until all of them are there.
type barrier struct {
	mu      sync.Mutex
	missing int
	open    chan struct{}
}

func (b *barrier) add(n int) { b.missing, b.open = n, make(chan struct{}) }

func (b *barrier) arrive() {
	b.mu.Lock()
	if b.missing--; b.missing == 0 {
		close(b.open)
	}
	b.mu.Unlock()
	<-b.open
}

func (f *fixture) rename(t *testing.T, id string, times int) {
	t.Helper()
	for i := range times {
		_, err := f.RenameTenant(t.Context(), request(id, commands.RenameTenant{Name: fmt.Sprint("name ", i)}))
		require.NoError(t, err)
	}
}

func TestSnapshotsSpareEvents(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	id := f.newTenant(t, "acme")
	stream := eventstore.Stream{Type: "tenant", ID: id}
	f.rename(t, id, 98)
	snap, err := f.memory.LoadSnapshot(t.Context(), eventstore.SystemTenant, stream, tenant.StateVersion)
	require.NoError(t, err)
	require.Nil(t, snap)

	f.rename(t, id, 31) // versions 100 to 130
	snap, err = f.memory.LoadSnapshot(t.Context(), eventstore.SystemTenant, stream, tenant.StateVersion)
	require.NoError(t, err)
	require.EqualValues(t, 100, snap.Version)

	f.store.streamEvents.Store(0)
	r, err := commands.New(f.deps()).SuspendTenant(t.Context(), request(id, commands.SuspendTenant{Reason: "unpaid"}))
	require.NoError(t, err)
	require.EqualValues(t, 131, r.Version)
	require.Equal(t, "name 30", r.State.Name)
	require.EqualValues(t, 30, f.store.streamEvents.Load())
}

func TestStateIsTheSameWithAndWithoutSnapshot(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	id := f.newTenant(t, "acme")
	_, err := f.ChangeTenantSettings(t.Context(), request(id, commands.ChangeTenantSettings{Settings: map[string]any{"a": []int{1}}}))
	require.NoError(t, err)
	f.rename(t, id, 110)
	same := request(id, commands.RenameTenant{Name: "name 109"})
	withSnapshot, err := f.RenameTenant(t.Context(), same)
	require.NoError(t, err)

	d := f.deps()
	d.Snapshots = noSnapshots{}
	without, err := commands.New(d).RenameTenant(t.Context(), same)
	require.NoError(t, err)
	require.Equal(t, without, withSnapshot)
}

func TestUnreadableSnapshotIsIgnored(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	id := f.newTenant(t, "acme")
	require.NoError(t, f.memory.SaveSnapshot(t.Context(), eventstore.SystemTenant, eventstore.Stream{Type: "tenant", ID: id},
		eventstore.Snapshot{StateVersion: tenant.StateVersion, Version: 1, State: []byte(`{"name": 7}`)}))
	r, err := f.RenameTenant(t.Context(), request(id, commands.RenameTenant{Name: "B"}))
	require.NoError(t, err)
	require.Equal(t, "acme", r.State.Slug)
}

func TestFailingSnapshotDoesNotFailTheCommand(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	d := f.deps()
	d.Snapshots = noSnapshots{errors.New("disk full")}
	f.Commands = commands.New(d)
	f.rename(t, f.newTenant(t, "acme"), 101)
}

func TestLongStreamsAreReadInPages(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	id := f.newTenant(t, "acme")
	codec := eventstore.NewCodec(commands.Registry(), f.memory)
	for range 3 {
		write := eventstore.StreamWrite{Stream: eventstore.Stream{Type: "tenant", ID: id}, Expected: eventstore.AnyVersion}
		for i := range 1000 {
			e, err := codec.Encode(t.Context(), eventstore.SystemTenant, renamed(fmt.Sprint("name ", i)))
			require.NoError(t, err)
			write.Events = append(write.Events, e)
		}
		_, err := f.memory.Append(t.Context(), eventstore.Append{Writes: []eventstore.StreamWrite{write}})
		require.NoError(t, err)
	}
	r, err := f.SuspendTenant(t.Context(), request(id, commands.SuspendTenant{Reason: "unpaid"}))
	require.NoError(t, err)
	require.EqualValues(t, 3002, r.Version)
	require.Equal(t, "name 999", r.State.Name)
}

func TestForeignEventIsAFault(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	id := f.newTenant(t, "acme")
	for typ, data := range map[string]string{"tenant.invented_later": `{}`, "projection.paused": `{"reason":""}`} {
		f := newFixture(t)
		_, err := f.memory.Append(t.Context(), eventstore.Append{Writes: []eventstore.StreamWrite{{
			Stream: eventstore.Stream{Type: "tenant", ID: id}, Expected: eventstore.AnyVersion,
			Events: []eventstore.NewEvent{{ID: [16]byte{1}, Type: typ, SchemaVersion: 1, Data: []byte(data)}},
		}}})
		require.NoError(t, err)
		_, err = f.RenameTenant(t.Context(), request(id, commands.RenameTenant{Name: "B"}))
		require.ErrorContains(t, err, typ)
		require.Len(t, f.events(t), 1)
	}
}

// noSnapshots keeps none, and perhaps complains.
type noSnapshots struct{ err error }

func (noSnapshots) LoadSnapshot(context.Context, uuid.UUID, eventstore.Stream, int) (*eventstore.Snapshot, error) {
	return nil, nil
}

func (n noSnapshots) SaveSnapshot(context.Context, uuid.UUID, eventstore.Stream, eventstore.Snapshot) error {
	return n.err
}
