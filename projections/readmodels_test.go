package projections_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tansu.cloud/domain/projection"
	"tansu.cloud/domain/tenant"
	"tansu.cloud/eventstore"
	"tansu.cloud/projections"
	"tansu.cloud/projections/readmodels/deadletters"
	"tansu.cloud/projections/readmodels/tenantdirectory"
)

func TestReadModelsOfTheSystemTenant(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	r := e.start(func(c *projections.Config) {
		c.Projections = append(c.Projections, tenantdirectory.New(), deadletters.New())
	})
	directory, letters := tenantdirectory.NewDirectory(e.pool), deadletters.NewLetters(e.pool)

	id := uuid.New()
	for _, payload := range []eventstore.Payload{
		tenant.Created{ID: id.String(), Slug: "acme", Name: "Acme"}, tenant.Renamed{Name: "Acme Ltd"},
	} {
		encoded, err := e.codec.Encode(t.Context(), eventstore.SystemTenant, payload)
		require.NoError(t, err)
		appended, err := e.store.Append(t.Context(), eventstore.Append{Writes: []eventstore.StreamWrite{{
			Stream: eventstore.Stream{Type: tenant.StreamType, ID: id.String()}, Expected: eventstore.AnyVersion, Events: []eventstore.NewEvent{encoded},
		}}})
		require.NoError(t, err)
		require.NoError(t, r.Wait(t.Context(), tenantdirectory.Name, eventstore.SystemTenant, appended.Position))
		row, err := directory.Get(t.Context(), "acme")
		require.NoError(t, err, "what was written is read")
		require.Equal(t, appended.Events[0].Version, row.Version)
	}
	require.NoError(t, r.Wait(t.Context(), tenantdirectory.Name, id, 1000), "it does not read that log")

	e.failOn(poison("bad", 1))
	e.wait(r, id, e.append(id, "bad", added{1}))
	letterID, _ := e.letter()
	status := func() string {
		letter, err := letters.Get(t.Context(), uuid.MustParse(letterID))
		if err != nil {
			return err.Error()
		}
		return letter.Status
	}
	e.eventually(func() bool { return status() == deadletters.StatusParked }, "the letter must be listed")
	e.failOn(nil)
	e.do(projection.RequestRedrive{DeadLetterID: letterID})
	e.eventually(func() bool { return status() == deadletters.StatusResolved }, "the letter must be resolved")
	require.Equal(t, e.expected(), e.rows())
}
