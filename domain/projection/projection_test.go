package projection_test

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"tansu.cloud/domain/domaintest"
	"tansu.cloud/domain/projection"
)

var (
	on       = projection.Activated{Name: "tenant_directory", Generation: 1, Version: 1}
	building = projection.RebuildStarted{Generation: 2, Version: 2, Reason: "new column"}
	parkX    = projection.ParkStream{
		DeadLetterID: "x", Generation: 1, TenantID: "t1", StreamType: "tenant", StreamID: "s1",
		Position: 10, Version: 3, EventID: "e1", EventType: "tenant.renamed", Error: "boom", Attempts: 5,
	}
	parkedX  = parked(parkX)
	redriveX = projection.RedriveRequested{DeadLetterID: "x"}
)

func parked(c projection.ParkStream) projection.StreamParked {
	return projection.StreamParked{
		DeadLetterID: c.DeadLetterID, Generation: c.Generation, TenantID: c.TenantID,
		StreamType: c.StreamType, StreamID: c.StreamID, Position: c.Position, Version: c.Version,
		FailedEventID: c.EventID, FailedEventType: c.EventType, Error: c.Error, Attempts: c.Attempts,
	}
}

// park is parkX with changes.
func park(change func(*projection.ParkStream)) projection.ParkStream {
	c := parkX
	change(&c)
	return c
}

type events = []projection.Event

func given(history ...projection.Event) projection.State {
	var s projection.State
	for _, e := range history {
		s = projection.Apply(s, e)
	}
	return s
}

func TestDecide(t *testing.T) {
	t.Parallel()
	again := park(func(c *projection.ParkStream) { c.Attempts, c.Position, c.Version, c.Error = 6, 12, 4, "still" })
	otherStream := park(func(c *projection.ParkStream) { c.DeadLetterID, c.StreamID = "y", "s2" })
	inBuilding := park(func(c *projection.ParkStream) { c.DeadLetterID, c.Generation = "z", 2 })

	for _, tc := range []struct {
		name  string
		given events
		when  projection.Command
		then  events
		code  string // of the refusal
	}{
		{"switch on", nil, projection.Switch{Name: "tenant_directory", Generation: 1, Version: 1}, events{on}, ""},
		{"switch on twice", events{on}, projection.Switch{Name: "tenant_directory", Generation: 1, Version: 1}, nil, ""},
		{"switch on with a bad name", nil, projection.Switch{Name: "a-b", Generation: 1, Version: 1}, nil, "projection.command_invalid"},
		{"switch to generation 0", nil, projection.Switch{Name: "a", Generation: 0, Version: 1}, nil, "projection.command_invalid"},
		{"switch to what is not built", events{on}, projection.Switch{Name: "tenant_directory", Generation: 2, Version: 2}, nil, "projection.generation_not_building"},
		{"switch to another version than is built", events{on, building}, projection.Switch{Name: "tenant_directory", Generation: 2, Version: 3}, nil, "projection.generation_not_building"},
		{"switch to what is built", events{on, building}, projection.Switch{Name: "tenant_directory", Generation: 2, Version: 2},
			events{projection.Activated{Name: "tenant_directory", Generation: 2, Version: 2}}, ""},
		{"a switch discards the dead letters of the old generation", events{on, building, parked(otherStream), parkedX, parked(inBuilding)},
			projection.Switch{Name: "tenant_directory", Generation: 2, Version: 2}, events{
				projection.DeadLetterDiscarded{DeadLetterID: "x", Reason: "generation 1 was replaced by 2"},
				projection.DeadLetterDiscarded{DeadLetterID: "y", Reason: "generation 1 was replaced by 2"},
				projection.Activated{Name: "tenant_directory", Generation: 2, Version: 2},
			}, ""},

		{"rebuild", events{on}, projection.StartRebuild{Version: 2, Reason: " new column"}, events{building}, ""},
		{"rebuild of the active version", events{on}, projection.StartRebuild{}, events{projection.RebuildStarted{Generation: 2, Version: 1}}, ""},
		{"a second rebuild", events{on, building}, projection.StartRebuild{}, nil, "projection.rebuild_running"},
		{"a rebuild after a cancelled one", events{on, building, projection.RebuildCancelled{Generation: 2}}, projection.StartRebuild{},
			events{projection.RebuildStarted{Generation: 3, Version: 1}}, ""},
		{"rebuild of a saga", events{on}, projection.StartRebuild{Saga: true}, nil, "projection.saga"},
		{"rebuild of nothing", nil, projection.StartRebuild{}, nil, "projection.not_found"},
		{"rebuild to a negative version", events{on}, projection.StartRebuild{Version: -1}, nil, "projection.command_invalid"},
		{"cancel", events{on, building, parked(inBuilding), parkedX}, projection.CancelRebuild{Reason: "wrong"}, events{
			projection.DeadLetterDiscarded{DeadLetterID: "z", Reason: "the rebuild of generation 2 was cancelled"},
			projection.RebuildCancelled{Generation: 2, Reason: "wrong"},
		}, ""},
		{"cancel nothing", events{on}, projection.CancelRebuild{}, nil, "projection.no_rebuild"},

		{"pause", events{on}, projection.Pause{Reason: "upgrade"}, events{projection.Paused{Reason: "upgrade"}}, ""},
		{"pause twice", events{on, projection.Paused{}}, projection.Pause{}, nil, ""},
		{"resume", events{on, projection.Paused{}}, projection.Resume{}, events{projection.Resumed{}}, ""},
		{"resume what runs", events{on}, projection.Resume{}, nil, ""},
		{"pause with too long a reason", events{on}, projection.Pause{Reason: strings.Repeat("x", 501)}, nil, "projection.command_invalid"},

		{"park", events{on}, parkX, events{parkedX}, ""},
		{"park, reported twice", events{on, parkedX}, parkX, nil, ""},
		{"park, reported late", events{on, parked(again)}, parkX, nil, ""},
		{"park again after a failed re-drive", events{on, parkedX, redriveX}, again, events{parked(again)}, ""},
		{"park another stream", events{on, parkedX}, otherStream, events{parked(otherStream)}, ""},
		{"park the same stream of the generation that is built", events{on, building, parkedX}, inBuilding, events{parked(inBuilding)}, ""},
		{"park a parked stream under another id", events{on, parkedX}, park(func(c *projection.ParkStream) { c.DeadLetterID = "y" }), nil, "projection.stream_already_parked"},
		{"park for a generation that is gone", events{on}, inBuilding, nil, "projection.generation_gone"},
		{"park without a position", events{on}, park(func(c *projection.ParkStream) { c.Position = 0 }), nil, "projection.command_invalid"},
		{"park without an event", events{on}, park(func(c *projection.ParkStream) { c.EventID = "" }), nil, "projection.command_invalid"},
		{"park for nothing", nil, parkX, nil, "projection.not_found"},

		{"re-drive", events{on, parkedX}, projection.RequestRedrive{DeadLetterID: "x"}, events{redriveX}, ""},
		{"re-drive twice", events{on, parkedX, redriveX}, projection.RequestRedrive{DeadLetterID: "x"}, nil, ""},
		{"re-drive nothing", events{on}, projection.RequestRedrive{DeadLetterID: "x"}, nil, "dead_letter.not_found"},
		{"resolve", events{on, parkedX, redriveX}, projection.ResolveStream{DeadLetterID: "x", Applied: 7},
			events{projection.StreamResolved{DeadLetterID: "x", Applied: 7}}, ""},
		{"resolve, reported twice", events{on, parkedX, projection.StreamResolved{DeadLetterID: "x"}}, projection.ResolveStream{DeadLetterID: "x"}, nil, ""},
		{"resolve with a negative count", events{on, parkedX}, projection.ResolveStream{DeadLetterID: "x", Applied: -1}, nil, "projection.command_invalid"},
		{"discard", events{on, parkedX}, projection.Discard{DeadLetterID: "x", Reason: " known "},
			events{projection.DeadLetterDiscarded{DeadLetterID: "x", Reason: "known"}}, ""},
		{"discard without a reason", events{on, parkedX}, projection.Discard{DeadLetterID: "x"}, nil, "projection.command_invalid"},
		{"discard nothing", events{on}, projection.Discard{DeadLetterID: "x", Reason: "known"}, nil, "dead_letter.not_found"},
		{"discard during a re-drive", events{on, parkedX, redriveX}, projection.Discard{DeadLetterID: "x", Reason: "known"}, nil, "dead_letter.redriving"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			decided, err := projection.Decide(given(tc.given...), tc.when)
			if tc.code != "" {
				domaintest.RequireRefused(t, err, tc.code)
				require.Empty(t, decided)
				return
			}
			require.NoError(t, err)
			require.Equal(t, tc.then, decided)
		})
	}
}

func TestApply(t *testing.T) {
	t.Parallel()
	s := given(on, building, projection.Paused{}, parkedX, redriveX)
	require.Equal(t, projection.State{
		Name: "tenant_directory", Active: projection.Build{Generation: 1, Version: 1},
		Building: &projection.Build{Generation: 2, Version: 2}, LastGeneration: 2, Paused: true,
		DeadLetters: map[string]projection.DeadLetter{"x": {
			Status: projection.StatusRedriving, Generation: 1, TenantID: "t1",
			StreamType: "tenant", StreamID: "s1", Position: 10, Version: 3, Attempts: 5,
		}},
	}, s)

	before := given(on, building, projection.Paused{}, parkedX, redriveX)
	projection.Apply(s, projection.StreamResolved{DeadLetterID: "x"})
	projection.Apply(s, parked(park(func(c *projection.ParkStream) { c.DeadLetterID = "y" })))
	require.Equal(t, before, s, "Apply must leave the state it is given alone")

	require.Empty(t, projection.Apply(s, projection.StreamResolved{DeadLetterID: "x"}).DeadLetters)
	require.Empty(t, projection.Apply(s, projection.DeadLetterDiscarded{DeadLetterID: "x"}).DeadLetters)
	require.Nil(t, projection.Apply(s, projection.RebuildCancelled{Generation: 2}).Building)
	require.False(t, projection.Apply(s, projection.Resumed{}).Paused)
}

func TestOpenDeadLettersAreBounded(t *testing.T) {
	t.Parallel()
	s := given(on, building)
	for i := range projection.MaxDeadLetters {
		decided, err := projection.Decide(s, park(func(c *projection.ParkStream) {
			c.DeadLetterID, c.StreamID = fmt.Sprint("letter-", i), fmt.Sprint("stream-", i)
		}))
		require.NoError(t, err)
		require.Len(t, decided, 1)
		s = projection.Apply(s, decided[0])
	}
	_, err := projection.Decide(s, park(func(c *projection.ParkStream) { c.StreamID = "one more" }))
	domaintest.RequireRefused(t, err, "projection.too_many_dead_letters")

	decided, err := projection.Decide(s, projection.Switch{Name: "tenant_directory", Generation: 2, Version: 2})
	require.NoError(t, err)
	require.Len(t, decided, projection.MaxDeadLetters+1)
	for _, e := range decided {
		s = projection.Apply(s, e)
	}
	require.Empty(t, s.DeadLetters)
}

func TestParkedErrorFitsATextColumn(t *testing.T) {
	t.Parallel()
	decided, err := projection.Decide(given(on), park(func(c *projection.ParkStream) {
		c.Error = "nul \x00, bad \xff, long " + strings.Repeat("漢", 5000)
	}))
	require.NoError(t, err)
	text := decided[0].(projection.StreamParked).Error
	require.True(t, utf8.ValidString(text))
	require.NotContains(t, text, "\x00")
	require.LessOrEqual(t, len(text), 4000)
	require.Greater(t, len(text), 3990)
}
