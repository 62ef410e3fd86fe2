package projections_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tansu.cloud/domain/projection"
	"tansu.cloud/eventstore"
	"tansu.cloud/projections"
)

var errPoison = errors.New("this event is poison")

// poison fails on one version of one stream.
func poison(stream string, version int64) func(eventstore.Event) error {
	return func(e eventstore.Event) error {
		if e.Stream.ID == stream && e.Version == version {
			return errPoison
		}
		return nil
	}
}

// letter waits for the only open dead letter.
func (e *env) letter() (string, projection.DeadLetter) {
	e.t.Helper()
	e.eventually(func() bool { return len(e.desired().DeadLetters) == 1 }, "a stream must be parked")
	for id, letter := range e.desired().DeadLetters {
		return id, letter
	}
	return "", projection.DeadLetter{}
}

func (e *env) noLetters() {
	e.t.Helper()
	e.eventually(func() bool { return len(e.desired().DeadLetters) == 0 }, "no dead letter must be open")
}

func TestPoisonParksItsStreamOnlyAndRedriveAppliesTheRestInOrderOnce(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	id := uuid.New()
	e.failOn(poison("bad", 3))
	for i := range 10 { // before the start, so that they come in one batch
		e.append(id, "bad", added{1})
		e.append(id, fmt.Sprintf("good%d", i%3), added{1})
	}
	r := e.start()
	e.waitAll(r)
	key := id.String() + "/bad"
	require.Equal(t, counter{2, []int64{1, 2}}, e.rows()[key], "what came before the failing event is applied")
	for i := range 3 {
		good := id.String() + fmt.Sprintf("/good%d", i)
		require.Equal(t, e.expected()[good], e.rows()[good], "others go on")
	}
	letterID, letter := e.letter()
	require.Equal(t, projection.DeadLetter{
		Status: projection.StatusParked, Generation: 1, TenantID: id.String(), StreamType: "counter", StreamID: "bad",
		Position: 5, Version: 3, Attempts: 1,
	}, letter)
	require.Equal(t, 1, e.status(r).Parked)

	for range 250 { // more than two chunks wait behind it
		e.append(id, "bad", added{1})
	}
	e.waitAll(r)
	require.Equal(t, int64(2), e.rows()[key].total, "later events of the stream wait")

	e.failOn(nil)
	e.do(projection.RequestRedrive{DeadLetterID: letterID})
	e.noLetters()
	require.Equal(t, e.expected(), e.rows())
	e.wait(r, id, e.append(id, "bad", added{1}))
	require.Equal(t, e.expected(), e.rows())
	require.Zero(t, e.status(r).Parked)
}

func TestRedriveThatFailsAgainParksAtTheNewEvent(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	r := e.start()
	id := uuid.New()
	e.failOn(poison("bad", 2))
	for range 9 {
		e.append(id, "bad", added{1})
	}
	e.waitAll(r)
	letterID, _ := e.letter()

	e.failOn(poison("bad", 6))
	e.do(projection.RequestRedrive{DeadLetterID: letterID})
	e.eventually(func() bool { return e.desired().DeadLetters[letterID].Attempts == 2 }, "the re-drive must fail again")
	again := e.desired().DeadLetters[letterID]
	require.Equal(t, projection.StatusParked, again.Status)
	require.Equal(t, int64(6), again.Version)
	e.eventually(func() bool { return e.rows()[id.String()+"/bad"].total == 5 }, "what comes before it is applied")

	e.failOn(nil)
	e.do(projection.RequestRedrive{DeadLetterID: letterID})
	e.noLetters()
	require.Equal(t, e.expected(), e.rows())
}

func TestRedriveDuringLiveWritesAndRestarts(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	tenants := newTenants(2)
	r := e.start()
	e.failOn(func(event eventstore.Event) error {
		if event.Version%7 == 3 { // most streams have one
			return errPoison
		}
		return nil
	})
	e.fill(tenants, 4, 12)
	e.waitAll(r)
	e.eventually(func() bool { return len(e.desired().DeadLetters) == 8 }, "every stream must be parked")
	e.failOn(nil)
	writers := make(chan struct{})
	go func() {
		defer close(writers)
		e.fill(tenants, 4, 40)
	}()
	for id := range e.desired().DeadLetters {
		e.do(projection.RequestRedrive{DeadLetterID: id})
		stop(t, r)
		r = e.start()
	}
	<-writers
	e.noLetters()
	e.waitAll(r)
	require.Equal(t, e.expected(), e.rows())
}

func TestDiscardLetsLaterEventsFlow(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	r := e.start()
	id := uuid.New()
	e.failOn(poison("bad", 2))
	for range 4 {
		e.append(id, "bad", added{1})
	}
	e.waitAll(r)
	letterID, _ := e.letter()
	e.do(projection.Discard{DeadLetterID: letterID, Reason: "a test"})
	e.eventually(func() bool {
		var rows int
		return e.pool.QueryRow(t.Context(), `SELECT count(*) FROM parked_streams`).Scan(&rows) == nil && rows == 0
	}, "the row must go")
	e.wait(r, id, e.append(id, "bad", added{10}))
	require.Equal(t, counter{11, []int64{1, 5}}, e.rows()[id.String()+"/bad"])
}

func TestFailureThatPassesDoesNotPark(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	r := e.start()
	id := uuid.New()
	calls := 0
	e.failOn(func(eventstore.Event) error {
		if calls++; calls < 3 {
			panic("not yet")
		}
		return nil
	})
	e.wait(r, id, e.append(id, "a", added{1}))
	require.Equal(t, e.expected(), e.rows())
	require.Empty(t, e.desired().DeadLetters)
}

// strange is an event of a handled type that this program cannot decode.
type strange struct {
	Unheard string `json:"unheard"`
}

func (strange) EventType() string  { return added{}.EventType() }
func (strange) SchemaVersion() int { return 1 }

func TestUndecodableEventOfAHandledTypeParks(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	r := e.start()
	id := uuid.New()
	newer := eventstore.NewCodec(eventstore.NewRegistry(strange{}), nil)
	encoded, err := newer.Encode(t.Context(), id, strange{"of"})
	require.NoError(t, err)
	future := encoded
	future.ID, future.SchemaVersion = uuid.New(), 9
	_, err = e.store.Append(t.Context(), eventstore.Append{TenantID: id, Writes: []eventstore.StreamWrite{
		{Stream: eventstore.Stream{Type: "counter", ID: "a"}, Expected: eventstore.AnyVersion, Events: []eventstore.NewEvent{encoded}},
		{Stream: eventstore.Stream{Type: "counter", ID: "b"}, Expected: eventstore.AnyVersion, Events: []eventstore.NewEvent{future}},
	}})
	require.NoError(t, err)
	e.wait(r, id, e.append(id, "c", added{1}))
	require.Len(t, e.rows(), 1)
	e.eventually(func() bool { return len(e.desired().DeadLetters) == 2 }, "both streams must be parked")
}

func TestParkedInTheLogButAppliedAfterAllIsResolved(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	r := e.start()
	id := uuid.New()
	position := e.append(id, "a", added{1})
	e.wait(r, id, position)
	// As after a crash between the report and the row, with the cause gone since.
	e.do(projection.ParkStream{
		DeadLetterID: uuid.NewString(), Generation: 1, TenantID: id.String(), StreamType: "counter", StreamID: "a",
		Position: position, Version: 1, EventID: uuid.NewString(), EventType: "counter.added", Error: "gone", Attempts: 1,
	})
	e.noLetters()
	require.Equal(t, e.expected(), e.rows())
}

func TestPauseAndResume(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	r := e.start()
	id := uuid.New()
	first := e.append(id, "a", added{1})
	e.wait(r, id, first)
	e.do(projection.Pause{})
	e.eventually(func() bool { return e.status(r).State == projections.StatePaused }, "it must pause")
	second := e.append(id, "a", added{1})
	e.wait(r, id, first)
	expired, cancel := contextFor(t, 300*time.Millisecond)
	defer cancel()
	require.Error(t, r.Wait(expired, countersName, id, second))
	require.Equal(t, int64(1), e.rows()[id.String()+"/a"].total)
	require.GreaterOrEqual(t, e.status(r).LagEvents, int64(1))

	e.do(projection.Resume{})
	e.wait(r, id, second)
	require.Equal(t, e.expected(), e.rows())
}
