package rest

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"tansu.cloud/api/problem"
	"tansu.cloud/commands"
	"tansu.cloud/eventstore"
)

// StreamState is an aggregate after one of its events.
type StreamState struct {
	StreamType string          `json:"stream_type" doc:"What kind of aggregate it is." example:"tenant"`
	StreamID   string          `json:"stream_id" doc:"Which one." example:"01926a3c-7d1e-7c4b-9a51-3f0c1b2d4e5f"`
	Version    int64           `json:"version" doc:"After this many events." example:"3"`
	RecordedAt time.Time       `json:"recorded_at" doc:"When the last of them was committed (UTC)." example:"2026-01-31T12:00:00.123456Z"`
	State      json.RawMessage `json:"state" doc:"The state, as the aggregate's decisions see it." example:"{\"name\":\"Acme Ltd\",\"status\":\"active\"}"`
}

// StreamDiff is what lies between two states.
type StreamDiff struct {
	From  StateAtVersion  `json:"from" doc:"The earlier state."`
	To    StateAtVersion  `json:"to" doc:"The later state."`
	Patch json.RawMessage `json:"patch" doc:"JSON patch (RFC 6902) that turns the first into the second." example:"[{\"op\":\"replace\",\"path\":\"/name\",\"value\":\"Acme Ltd\"}]"`
}

// StateAtVersion is a state in a comparison.
type StateAtVersion struct {
	Version    int64           `json:"version" doc:"After this many events." example:"3"`
	RecordedAt time.Time       `json:"recorded_at" doc:"When the last of them was committed (UTC)." example:"2026-01-31T12:00:00.123456Z"`
	State      json.RawMessage `json:"state" doc:"The state." example:"{\"name\":\"Acme Ltd\",\"status\":\"active\"}"`
}

// StreamPath names a stream.
type StreamPath struct {
	Type string `path:"type" maxLength:"200" doc:"What kind of aggregate." example:"tenant"`
	ID   string `path:"id" maxLength:"255" doc:"Which one." example:"01926a3c-7d1e-7c4b-9a51-3f0c1b2d4e5f"`
}

func (p StreamPath) stream() eventstore.Stream { return eventstore.Stream{Type: p.Type, ID: p.ID} }

type streamStateOutput struct {
	Status int
	ETag   string `header:"ETag" doc:"The version of the state, in quotes." example:"\"3\""`
	Body   StreamState
}

type streamDiffOutput struct{ Body StreamDiff }

func (s *server) streamRoutes() {
	access := route{permission: "events.read", tenant: true}
	register(s, endpoint{
		route: access, id: "list-stream-events", method: http.MethodGet, path: "/v1/streams/{type}/{id}/events", tag: "Streams",
		summary: "Read a stream", description: "A page of one aggregate's events; after and before are versions.",
	}, s.listStreamEvents)
	register(s, endpoint{
		route: access, id: "get-stream-state", method: http.MethodGet, path: "/v1/streams/{type}/{id}/state", tag: "Streams",
		also:    map[int]string{http.StatusNotModified: "If-None-Match holds the present ETag."},
		summary: "Read a state, past or present", description: "The state of an aggregate at a version or time, folded from its events. Without either it is the newest one.",
	}, s.getStreamState)
	register(s, endpoint{
		route: access, id: "diff-stream", method: http.MethodGet, path: "/v1/streams/{type}/{id}/diff", tag: "Streams",
		summary: "Compare two states", description: "The states of an aggregate at two versions, and the JSON patch between them.",
	}, s.diffStream)
}

func (s *server) listStreamEvents(ctx context.Context, in *struct {
	StreamPath
	ReadHeaders
	Range
}) (*listed[EventList], error) {
	c := callOf(ctx)
	if err := s.awaitLog(ctx, in.ReadHeaders, c.tenant); err != nil {
		return nil, err
	}
	query := []string{c.pattern, c.tenant.String(), in.Type, in.ID, in.Order, strconv.FormatInt(in.After, 10), strconv.FormatInt(in.Before, 10)}
	from, err := s.cursors.begin(in.Cursor, query...)
	if err != nil {
		return nil, err
	}
	events, err := s.Log.ReadStream(ctx, c.tenant, in.stream(), eventstore.StreamQuery{
		After: in.start(from), Backwards: in.backwards(), Limit: in.Limit,
	})
	if err == nil && len(events) == 0 {
		err = s.mustExist(ctx, in.StreamPath)
	}
	if err != nil {
		return nil, err
	}
	head, err := s.Log.Head(ctx, c.tenant)
	if err != nil {
		return nil, err
	}
	full := len(events) == in.Limit
	events, ended := in.trim(events, func(e eventstore.Event) int64 { return e.Version })
	out := &listed[EventList]{PageHeaders: PageHeaders{Position: head.Position}, Body: EventList{Items: eventsJSON(events)}}
	if full && !ended {
		if last := events[len(events)-1].Version; !in.exhausted(last) {
			out.Body.NextCursor = s.cursors.seal(bookmark{After: last}, query...)
			out.Link = nextLink(c, out.Body.NextCursor)
		}
	}
	return out, nil
}

// mustExist tells an empty page of a stream from a stream that is not there.
func (s *server) mustExist(ctx context.Context, path StreamPath) error {
	first, err := s.Log.ReadStream(ctx, callOf(ctx).tenant, path.stream(), eventstore.StreamQuery{Limit: 1})
	if err == nil && len(first) == 0 {
		err = problem.New(problem.NotFound, "The tenant's log has no such stream.")
	}
	return err
}

func (s *server) getStreamState(ctx context.Context, in *struct {
	StreamPath
	ReadHeaders
	ConditionalHeaders
	Version int64     `query:"version" minimum:"0" doc:"After this many events; 0 for the newest. Not together with at." example:"3"`
	At      time.Time `query:"at" doc:"At this time (RFC 3339). Not together with version." example:"2026-01-31T12:00:00Z"`
}) (*streamStateOutput, error) {
	tenant := callOf(ctx).tenant
	if err := s.awaitLog(ctx, in.ReadHeaders, tenant); err != nil {
		return nil, err
	}
	past, err := s.History.StateAt(ctx, tenant, in.stream(), commands.Moment{Version: in.Version, At: in.At})
	if err != nil {
		return nil, err
	}
	out := &streamStateOutput{Status: http.StatusOK, ETag: etag(past.Version), Body: StreamState{
		StreamType: in.Type, StreamID: in.ID, Version: past.Version, RecordedAt: past.RecordedAt.UTC(), State: past.State,
	}}
	unchanged, err := notModified(in.IfMatch, in.IfNoneMatch, out.ETag)
	if unchanged {
		out.Status = http.StatusNotModified
	}
	return out, err
}

func (s *server) diffStream(ctx context.Context, in *struct {
	StreamPath
	ReadHeaders
	From int64 `query:"from" required:"true" minimum:"1" doc:"The earlier version." example:"1"`
	To   int64 `query:"to" minimum:"0" doc:"The later version; 0 for the newest." example:"3"`
}) (*streamDiffOutput, error) {
	tenant := callOf(ctx).tenant
	if err := s.awaitLog(ctx, in.ReadHeaders, tenant); err != nil {
		return nil, err
	}
	diff, err := s.History.Diff(ctx, tenant, in.stream(), commands.Moment{Version: in.From}, commands.Moment{Version: in.To})
	if err != nil {
		return nil, err
	}
	return &streamDiffOutput{Body: StreamDiff{From: stateAtVersion(diff.From), To: stateAtVersion(diff.To), Patch: diff.Patch}}, nil
}

func stateAtVersion(p commands.PastState) StateAtVersion {
	return StateAtVersion{Version: p.Version, RecordedAt: p.RecordedAt.UTC(), State: p.State}
}
