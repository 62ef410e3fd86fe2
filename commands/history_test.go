package commands_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"tansu.cloud/commands"
	"tansu.cloud/domain"
	"tansu.cloud/domain/tenant"
	"tansu.cloud/eventstore"
)

func TestStateAt(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	created := f.clock.Now()
	id := f.newTenant(t, "acme")
	stream := eventstore.Stream{Type: "tenant", ID: id}
	renamedAt := f.clock.advance(time.Hour)
	f.rename(t, id, 1)
	suspendedAt := f.clock.advance(time.Hour)
	_, err := f.SuspendTenant(t.Context(), request(id, commands.SuspendTenant{Reason: "unpaid"}))
	require.NoError(t, err)

	for _, tc := range []struct {
		name    string
		at      commands.Moment
		version int64
		time    time.Time
		status  tenant.Status
		called  string
	}{
		{"first version", commands.Moment{Version: 1}, 1, created, tenant.StatusActive, "Acme"},
		{"second version", commands.Moment{Version: 2}, 2, renamedAt, tenant.StatusActive, "name 0"},
		{"newest", commands.Moment{}, 3, suspendedAt, tenant.StatusSuspended, "name 0"},
		{"at the time of an event", commands.Moment{At: renamedAt}, 2, renamedAt, tenant.StatusActive, "name 0"},
		{"between events", commands.Moment{At: renamedAt.Add(-time.Second)}, 1, created, tenant.StatusActive, "Acme"},
		{"later", commands.Moment{At: suspendedAt.Add(time.Hour)}, 3, suspendedAt, tenant.StatusSuspended, "name 0"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			past, err := f.history.StateAt(t.Context(), eventstore.SystemTenant, stream, tc.at)
			require.NoError(t, err)
			require.Equal(t, tc.version, past.Version)
			require.Equal(t, tc.time, past.RecordedAt)
			var s tenant.State
			require.NoError(t, json.Unmarshal(past.State, &s))
			require.Equal(t, tc.status, s.Status)
			require.Equal(t, tc.called, s.Name)
			require.Equal(t, id, s.ID)
		})
	}

	for code, at := range map[string]commands.Moment{
		"stream.version_not_found": {Version: 4},
		"stream.not_found":         {At: created.Add(-time.Second)},
	} {
		_, err := f.history.StateAt(t.Context(), eventstore.SystemTenant, stream, at)
		requireRefused(t, err, domain.KindNotFound, code)
	}
	for _, at := range []commands.Moment{{Version: -1}, {Version: 1, At: created}} {
		_, err := f.history.StateAt(t.Context(), eventstore.SystemTenant, stream, at)
		requireRefused(t, err, domain.KindInvalid, "stream.moment_invalid")
	}
}

func TestStateAtOfNothing(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	id := f.newTenant(t, "acme")
	for _, stream := range []eventstore.Stream{
		{Type: "tenant", ID: uuid.NewString()}, {Type: "invention", ID: id}, {Type: "tenant", ID: "\x00"}, {},
	} {
		_, err := f.history.StateAt(t.Context(), eventstore.SystemTenant, stream, commands.Moment{})
		requireRefused(t, err, domain.KindNotFound, "stream.not_found")
	}
	_, err := f.history.StateAt(t.Context(), uuid.New(), eventstore.Stream{Type: "tenant", ID: id}, commands.Moment{})
	requireRefused(t, err, domain.KindNotFound, "stream.not_found")
}

func TestStateAtAroundASnapshot(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	id := f.newTenant(t, "acme")
	f.rename(t, id, 119)
	for _, version := range []int64{2, 99, 100, 101, 120} {
		past, err := f.history.StateAt(t.Context(), eventstore.SystemTenant, eventstore.Stream{Type: "tenant", ID: id}, commands.Moment{Version: version})
		require.NoError(t, err)
		var s tenant.State
		require.NoError(t, json.Unmarshal(past.State, &s))
		require.Equal(t, fmt.Sprint("name ", version-2), s.Name)
	}
}

func TestStateAtOfEveryAggregate(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.newProjection(t, "tenant_directory")
	_, err := f.EraseSubject(t.Context(), request("user-1", commands.EraseSubject{}))
	require.NoError(t, err)
	for stream, want := range map[eventstore.Stream]string{
		{Type: "projection", ID: "tenant_directory"}: `{"name":"tenant_directory","active":{"generation":1,"version":1},"last_generation":1,"paused":false}`,
		{Type: "subject", ID: "user-1"}:              `{"subject":"user-1","erased":true}`,
	} {
		past, err := f.history.StateAt(t.Context(), eventstore.SystemTenant, stream, commands.Moment{})
		require.NoError(t, err)
		require.JSONEq(t, want, string(past.State))
	}
}

func TestDiff(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	id := f.newTenant(t, "acme")
	stream := eventstore.Stream{Type: "tenant", ID: id}
	f.clock.advance(time.Hour)
	_, err := f.ChangeTenantSettings(t.Context(), request(id, commands.ChangeTenantSettings{
		Settings: map[string]any{"seats": 3, "nothing": nil},
	}))
	require.NoError(t, err)

	d, err := f.history.Diff(t.Context(), eventstore.SystemTenant, stream, commands.Moment{Version: 1}, commands.Moment{})
	require.NoError(t, err)
	require.EqualValues(t, 1, d.From.Version)
	require.EqualValues(t, 2, d.To.Version)
	var patch []map[string]any
	require.NoError(t, json.Unmarshal(d.Patch, &patch))
	require.ElementsMatch(t, []map[string]any{
		{"op": "add", "path": "/settings/seats", "value": 3.0},
		{"op": "add", "path": "/settings/nothing", "value": nil},
		{"op": "replace", "path": "/updated_at", "value": f.clock.Now().Format(time.RFC3339)},
	}, patch)

	d, err = f.history.Diff(t.Context(), eventstore.SystemTenant, stream, commands.Moment{Version: 2}, commands.Moment{At: f.clock.Now()})
	require.NoError(t, err)
	require.JSONEq(t, `[]`, string(d.Patch))

	_, err = f.history.Diff(t.Context(), eventstore.SystemTenant, stream, commands.Moment{Version: 1}, commands.Moment{Version: 3})
	requireRefused(t, err, domain.KindNotFound, "stream.version_not_found")
}
