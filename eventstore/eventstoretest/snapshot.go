package eventstoretest

import (
	"encoding/json"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"tansu.cloud/eventstore"
)

var snapshotTests = []test{
	{"the newest stays", snapshotNewest},
	{"another state version is ignored", snapshotStateVersion},
	{"streams and tenants are independent", snapshotKeys},
	{"savers race", snapshotRace},
}

func snapshotOf(stateVersion int, version int64, state string) eventstore.Snapshot {
	return eventstore.Snapshot{StateVersion: stateVersion, Version: version, State: json.RawMessage(state)}
}

func requireSnapshot(t T, f Fixture, tenant uuid.UUID, s eventstore.Stream, stateVersion int, want *eventstore.Snapshot) {
	t.Helper()
	got, err := f.Snapshots.LoadSnapshot(ctx, tenant, s, stateVersion)
	require.NoError(t, err)
	require.Equal(t, want, got)
}

func save(t T, f Fixture, tenant uuid.UUID, s eventstore.Stream, snap eventstore.Snapshot) {
	t.Helper()
	require.NoError(t, f.Snapshots.SaveSnapshot(ctx, tenant, s, snap))
}

func snapshotNewest(t *testing.T, f Fixture) {
	tenant, a := uuid.New(), account("a")
	requireSnapshot(t, f, tenant, a, 1, nil)
	older, newer := snapshotOf(1, 100, `{ "n" :100 }`), snapshotOf(1, 200, `{"n":200}`)
	save(t, f, tenant, a, older)
	requireSnapshot(t, f, tenant, a, 1, &older)
	save(t, f, tenant, a, newer)
	requireSnapshot(t, f, tenant, a, 1, &newer)
	save(t, f, tenant, a, older)
	requireSnapshot(t, f, tenant, a, 1, &newer)
}

func snapshotStateVersion(t *testing.T, f Fixture) {
	tenant, a := uuid.New(), account("a")
	save(t, f, tenant, a, snapshotOf(1, 200, `{}`))
	requireSnapshot(t, f, tenant, a, 2, nil)
	lifted := snapshotOf(2, 150, `{"lifted":true}`)
	save(t, f, tenant, a, lifted)
	requireSnapshot(t, f, tenant, a, 2, &lifted)
	requireSnapshot(t, f, tenant, a, 1, nil)
}

func snapshotKeys(t *testing.T, f Fixture) {
	one, two, a := uuid.New(), uuid.New(), account("a")
	first, second := snapshotOf(1, 1, `1`), snapshotOf(1, 2, `2`)
	save(t, f, one, a, first)
	save(t, f, two, a, second)
	requireSnapshot(t, f, one, a, 1, &first)
	requireSnapshot(t, f, two, a, 1, &second)
	requireSnapshot(t, f, one, account("b"), 1, nil)
	requireSnapshot(t, f, one, eventstore.Stream{Type: "order", ID: "a"}, 1, nil)
}

func snapshotRace(t *testing.T, f Fixture) {
	tenant, a := uuid.New(), account("a")
	errs := make([]error, 16)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() {
			errs[i] = f.Snapshots.SaveSnapshot(ctx, tenant, a, snapshotOf(1, int64(i+1), `{}`))
		})
	}
	wg.Wait()
	for _, err := range errs {
		require.NoError(t, err)
	}
	newest := snapshotOf(1, 16, `{}`)
	requireSnapshot(t, f, tenant, a, 1, &newest)
}
