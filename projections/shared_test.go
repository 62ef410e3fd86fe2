package projections

import (
	"testing"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

func TestProjectionsShareADecodedMessageWithoutDisturbingEachOther(t *testing.T) {
	t.Parallel()
	shared, err := newSharedRuns()
	require.NoError(t, err)
	tenant := uuid.New()
	events := someEvents(tenant, 7, 3, `{"a":1}`)
	m, err := encodeRun(&run{tenant: tenant, last: 9, events: events})
	require.NoError(t, err)

	one, err := shared.of(tenant, m)
	require.NoError(t, err)
	other, err := shared.of(tenant, m.Copy())
	require.NoError(t, err)
	require.Equal(t, events, one.events)
	require.Same(t, &one.events[0], &other.events[0], "decoded once")

	more := someEvents(tenant, 10, 1, `{"b":2}`)
	require.True(t, one.join(&run{tenant: tenant, last: 10, events: more}))
	one.drop(2)
	require.Equal(t, events, other.events)
	require.Len(t, one.events, 2)
	third := &run{tenant: tenant, last: 10, events: someEvents(tenant, 10, 1, `{"c":3}`)}
	require.True(t, other.join(third))
	require.Equal(t, more[0], one.events[1], "what one appends the other does not see")
}

func TestAMessageIsKnownByWhatItSays(t *testing.T) {
	t.Parallel()
	shared, err := newSharedRuns()
	require.NoError(t, err)
	tenant := uuid.New()
	first := someEvents(tenant, 1, 2, `{"a":1}`)
	m, err := encodeRun(&run{tenant: tenant, last: 2, events: first})
	require.NoError(t, err)
	second := someEvents(tenant, 1, 2, `{"a":2}`)
	sameID, err := encodeRun(&run{tenant: tenant, last: 2, events: second})
	require.NoError(t, err)
	sameID.UUID = m.UUID
	broken := message.NewMessage(m.UUID, []byte("[{]"))
	broken.Metadata = m.Metadata

	r, err := shared.of(tenant, m)
	require.NoError(t, err)
	require.Equal(t, first, r.events)
	r, err = shared.of(tenant, sameID)
	require.NoError(t, err)
	require.Equal(t, second, r.events)
	_, err = shared.of(tenant, broken)
	require.Error(t, err)
}
