package eventstore_test

import (
	"cmp"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"tansu.cloud/eventstore"
	"tansu.cloud/eventstore/eventstoretest"
)

func TestCheckRefuses(t *testing.T) {
	t.Parallel()
	for i, b := range eventstoretest.OutOfBounds() {
		a := eventstoretest.ValidAppend(uuid.New())
		require.NoError(t, cmp.Or(a.Check(), a.CheckData()))
		b.Do(&a)
		var limit *eventstore.LimitError
		require.ErrorAs(t, cmp.Or(a.Check(), a.CheckData()), &limit, "case %d, %s", i, b.Field)
		require.Equal(t, b.Field, limit.Field, "case %d: %s", i, limit.Problem)
	}
}

func TestCheckMessages(t *testing.T) {
	t.Parallel()
	a := eventstoretest.ValidAppend(uuid.New())
	a.Writes[1].Events[1].Data = json.RawMessage(`"` + strings.Repeat("x", eventstore.MaxEventData) + `"`)
	require.EqualError(t, a.Check(), "writes[1].events[1].data: has 1048578 bytes, the limit is 1048576; store large content as an object and refer to it")
	a.Writes[1].Events = nil
	require.EqualError(t, a.Check(), "writes[1].events: is empty; leave the stream out of the append")
	a = eventstoretest.ValidAppend(uuid.New())
	a.EraseSubjects[0] = ""
	require.EqualError(t, a.Check(), "erase_subjects[0]: is empty")
}

// TestCheckAccepts: limits are inclusive.
func TestCheckAccepts(t *testing.T) {
	t.Parallel()
	for name, do := range map[string]func(*eventstore.Append){
		"data": func(a *eventstore.Append) {
			a.Writes[0].Events[0].Data = []byte(`"` + strings.Repeat("x", eventstore.MaxEventData-2) + `"`)
		},
		"name":          func(a *eventstore.Append) { a.Writes[0].Stream.Type = strings.Repeat("x", eventstore.MaxName) },
		"id":            func(a *eventstore.Append) { a.Writes[0].Stream.ID = strings.Repeat("x", eventstore.MaxStreamID) },
		"metadata":      func(a *eventstore.Append) { a.Metadata.Reason = strings.Repeat("x", eventstore.MaxMetadataField) },
		"response":      func(a *eventstore.Append) { a.Idempotency.Response = make([]byte, eventstore.MaxResponse) },
		"no events":     func(a *eventstore.Append) { a.Writes = nil },
		"nul escaped":   func(a *eventstore.Append) { a.Writes[0].Events[0].Data = []byte(`"\u0000"`) },
		"any version":   func(a *eventstore.Append) { a.Writes[0].Expected = eventstore.AnyVersion },
		"huge expected": func(a *eventstore.Append) { a.Writes[0].Expected = 1 << 62 },
	} {
		a := eventstoretest.ValidAppend(uuid.New())
		do(&a)
		require.NoError(t, a.Check(), name)
	}
}

func BenchmarkCheck(b *testing.B) {
	a := eventstoretest.ValidAppend(uuid.New())
	for b.Loop() {
		if err := a.Check(); err != nil {
			b.Fatal(err)
		}
	}
}
