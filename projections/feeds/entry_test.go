package feeds_test

import (
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tansu.cloud/domain/filter"
	"tansu.cloud/eventstore"
	"tansu.cloud/projections/feeds"
)

func event() eventstore.Event {
	return eventstore.Event{
		TenantID: uuid.MustParse("01926a3c-7d1e-7c4b-9a51-3f0c1b2d4e5f"), Position: 9007199254740993,
		Stream: eventstore.Stream{Type: "order", ID: "a/b \"ü\"\n"}, Version: 7, ID: uuid.MustParse("01926a3c-8a10-7f3e-b1c2-0a1b2c3d4e5f"),
		Type: "order.paid", SchemaVersion: 2, Data: json.RawMessage(`{ "total" : 1.50, "deep":{"n":9007199254740993},"text":"<&>" }`),
		Metadata:   json.RawMessage(`{"actor":"user:7","correlation_id":"c-1","causation_id":"k\\1","traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01","command_id":"m","address":"::1","reason":"why"}`),
		RecordedAt: time.Date(2026, 1, 31, 13, 0, 0, 123_456_000, time.FixedZone("CET", 3600)),
	}
}

func TestCloudEventsHaveEveryAttribute(t *testing.T) {
	t.Parallel()
	e := feeds.NewEntry(event())
	var got map[string]any
	require.NoError(t, json.Unmarshal(e.CloudEvent(), &got))
	data := got["data"]
	delete(got, "data")
	require.Equal(t, map[string]any{
		"specversion": "1.0", "id": "01926a3c-8a10-7f3e-b1c2-0a1b2c3d4e5f", "source": "/tenants/01926a3c-7d1e-7c4b-9a51-3f0c1b2d4e5f",
		"type": "order.paid", "subject": "order/a/b \"ü\"\n", "time": "2026-01-31T12:00:00.123456Z", "datacontenttype": "application/json",
		"tansuposition": "9007199254740993", "tansutenant": "01926a3c-7d1e-7c4b-9a51-3f0c1b2d4e5f",
		"tansustreamtype": "order", "tansustreamid": "a/b \"ü\"\n", "tansuversion": "7", "tansuschemaversion": 2.0,
		"tansuactor": "user:7", "tansucorrelation": "c-1", "tansucausation": "k\\1",
		"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
	}, got)
	for name := range got {
		require.Regexp(t, "^[a-z0-9]{1,20}$", name, "as the specification wants it")
	}
	require.NotNil(t, data)
	require.True(t, strings.HasSuffix(string(e.CloudEvent()), `"data":`+string(event().Data)+"}"), "the stored bytes")
	require.Same(t, &e.CloudEvent()[0], &e.CloudEvent()[0], "made once")
}

func TestCloudEventsLeaveOutWhatIsNotGiven(t *testing.T) {
	t.Parallel()
	for _, metadata := range []string{`{}`, `null`, `[`, ``} {
		raw := event()
		raw.Metadata = json.RawMessage(metadata)
		raw.Data = json.RawMessage("null")
		var got map[string]any
		require.NoError(t, json.Unmarshal(feeds.NewEntry(raw).CloudEvent(), &got))
		for _, name := range []string{"tansuactor", "tansucorrelation", "tansucausation", "traceparent"} {
			require.NotContains(t, got, name)
		}
		require.Contains(t, got, "data")
	}
}

func TestFieldsOfAnEvent(t *testing.T) {
	t.Parallel()
	e := feeds.NewEntry(event())
	for text, want := range map[string]bool{
		`type == "order.paid" && stream_type == "order" && stream_id.startsWith("a/b")`:       true,
		`version == 7 && schema_version == 2 && position == 9007199254740993`:                 true,
		`actor == "user:7" && metadata.actor == actor`:                                        true,
		`recorded_at > "2026-01-31T12:00:00Z" && recorded_at < "2026-02-01"`:                  true,
		`data.total == 1.5 && data.deep.n == 9007199254740993`:                                true,
		`data.deep.n.x == null && data.none.at.all == null && data.deep != null`:              true,
		`metadata.reason == "why" && metadata.address == "::1" && metadata.command_id == "m"`: true,
		`metadata.correlation_id == "c-1" && metadata.causation_id == "k\\1"`:                 true,
		`metadata.traceparent.contains("0af7651916cd43dd8448eb211c80319c")`:                   true,
		`data.total == "1.50"`: false,
	} {
		expr, err := feeds.ParseFilter(text)
		require.NoError(t, err, text)
		require.Equal(t, want, expr.Match(e.Field), text)
	}
	bare := event()
	bare.Data, bare.Metadata = json.RawMessage(`"text"`), json.RawMessage(`{}`)
	expr, err := feeds.ParseFilter(`data.x == null && actor == null && metadata.reason == null`)
	require.NoError(t, err)
	require.True(t, expr.Match(feeds.NewEntry(bare).Field))

	for text, want := range map[string]string{
		`typ == "x"`:          `at offset 0: events have no field "typ"; use type, stream_type,`,
		`true && data == "x"`: `at offset 8: events have no field "data"`,
		`metadata.password`:   `no field "metadata.password"`,
		`metadata == null`:    `no field "metadata"`,
		`@me == actor`:        `no field "@me"`,
		`type = "x"`:          `use "=="`,
	} {
		_, err := feeds.ParseFilter(text)
		require.ErrorAs(t, err, new(*filter.SyntaxError))
		require.ErrorContains(t, err, want)
	}
}

func TestEntriesAreSharedBetweenReaders(t *testing.T) {
	t.Parallel()
	e := feeds.NewEntry(event())
	expr, err := feeds.ParseFilter(`data.deep.n > 1 && actor != null`)
	require.NoError(t, err)
	var work sync.WaitGroup
	encoded := make([][]byte, 8)
	for i := range encoded {
		work.Go(func() {
			if expr.Match(e.Field) {
				encoded[i] = e.CloudEvent()
			}
		})
	}
	work.Wait()
	for _, b := range encoded {
		require.Same(t, &encoded[0][0], &b[0])
	}
}

func TestSpecsSayAllThatIsWrong(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	long := strings.Repeat("x", 2000)
	_, err := e.tryOpen(uuid.New(), feeds.Spec{
		Topics: []feeds.Topic{{Type: "fine"}, {StreamType: long, StreamID: long, Type: long, Actor: long}}, Filter: "a = 1", After: -1,
	})
	var spec *feeds.SpecError
	require.ErrorAs(t, err, &spec)
	var found []string
	for _, p := range spec.Problems {
		require.NotEmpty(t, p.Message)
		found = append(found, p.Pointer+" "+p.Code)
	}
	require.Equal(t, []string{
		"/topics/1/stream_type too_long", "/topics/1/stream_id too_long", "/topics/1/type too_long", "/topics/1/actor too_long",
		"/filter filter_invalid", "/from/after out_of_range",
	}, found)
	require.ErrorContains(t, err, `use "=="`)
	_, err = e.tryOpen(uuid.New(), feeds.Spec{Topics: make([]feeds.Topic, feeds.MaxTopics+1)})
	require.ErrorContains(t, err, "at most 50 are allowed")
	e.open(uuid.New(), feeds.Spec{Topics: make([]feeds.Topic, feeds.MaxTopics)})
}
