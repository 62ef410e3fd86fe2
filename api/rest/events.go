package rest

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"tansu.cloud/api/problem"
	"tansu.cloud/eventstore"
)

// Event is a committed event as clients see it.
type Event struct {
	Position      int64           `json:"position" doc:"Its place in the tenant's log: 1, 2, 3 … without a hole." example:"42"`
	StreamType    string          `json:"stream_type" doc:"What kind of aggregate it belongs to." example:"tenant"`
	StreamID      string          `json:"stream_id" doc:"Which one." example:"01926a3c-7d1e-7c4b-9a51-3f0c1b2d4e5f"`
	Version       int64           `json:"version" doc:"Its place in the stream." example:"3"`
	EventID       string          `json:"event_id" doc:"UUID of the event." example:"01926a3c-8a10-7f3e-b1c2-0a1b2c3d4e5f"`
	Type          string          `json:"type" doc:"What happened." example:"tenant.renamed"`
	SchemaVersion int             `json:"schema_version" doc:"Of the data." example:"1"`
	Data          json.RawMessage `json:"data" doc:"What happened, in detail. Personal fields are sealed." example:"{\"name\":\"Acme Ltd\",\"at\":\"2026-01-31T12:00:00Z\"}"`
	Metadata      json.RawMessage `json:"metadata" doc:"Who caused it, why and in which trace." example:"{\"actor\":\"operator\",\"address\":\"192.0.2.1\"}"`
	RecordedAt    time.Time       `json:"recorded_at" doc:"When it was committed (UTC)." example:"2026-01-31T12:00:00.123456Z"`
	Hash          string          `json:"hash" doc:"Link of the hash chain, hexadecimal." example:"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"`
}

func eventJSON(e eventstore.Event) Event {
	return Event{
		Position: e.Position, StreamType: e.Stream.Type, StreamID: e.Stream.ID, Version: e.Version,
		EventID: e.ID.String(), Type: e.Type, SchemaVersion: e.SchemaVersion, Data: e.Data, Metadata: e.Metadata,
		RecordedAt: e.RecordedAt.UTC(), Hash: hex.EncodeToString(e.Hash[:]),
	}
}

// EventList is a page of a log or stream.
type EventList struct {
	Items      []Event `json:"items" doc:"The events. A filtered page may be empty although more follow: go on while there is a next_cursor."`
	NextCursor string  `json:"next_cursor,omitempty" doc:"Opens the next page; absent at the end." example:"Zm9v"`
}

type listEventsInput struct {
	ReadHeaders
	Range
	Type       string `query:"type" maxLength:"2000" doc:"Only events of these types, joined by commas." example:"tenant.created,tenant.renamed"`
	StreamType string `query:"stream_type" maxLength:"200" doc:"Only events of streams of this type." example:"tenant"`
	StreamID   string `query:"stream_id" maxLength:"255" doc:"Only events of streams with this id." example:"01926a3c-7d1e-7c4b-9a51-3f0c1b2d4e5f"`
	Actor      string `query:"actor" maxLength:"1024" doc:"Only events that this principal caused." example:"operator"`
}

type getEventInput struct {
	ReadHeaders
	Position int64 `path:"position" minimum:"1" doc:"Its place in the log." example:"42"`
}

type eventOutput struct {
	ETag string `header:"ETag" doc:"The hash of the event, in quotes." example:"\"9f86d081\""`
	Body Event
}

func (s *server) eventRoutes() {
	register(s, endpoint{
		route: route{permission: "events.read", tenant: true},
		id:    "list-events", method: http.MethodGet, path: "/v1/events", tag: "Events",
		summary:     "Read the log",
		description: "A page of a tenant's log. With a filter at most 20,000 positions are examined for a page.",
	}, s.listEvents)
	register(s, endpoint{
		route: route{permission: "events.read", tenant: true},
		id:    "get-event", method: http.MethodGet, path: "/v1/events/{position}", tag: "Events",
		summary:     "Read one event",
		description: "The event at a position of the log.",
	}, s.getEvent)
}

func (s *server) listEvents(ctx context.Context, in *listEventsInput) (*listed[EventList], error) {
	c := callOf(ctx)
	if err := s.awaitLog(ctx, in.ReadHeaders, c.tenant); err != nil {
		return nil, err
	}
	query := []string{c.pattern, c.tenant.String(), in.Order, strconv.FormatInt(in.After, 10), strconv.FormatInt(in.Before, 10),
		in.Type, in.StreamType, in.StreamID, in.Actor}
	from, err := s.cursors.begin(in.Cursor, query...)
	if err != nil {
		return nil, err
	}
	q := eventstore.LogQuery{
		After: in.start(from), Backwards: in.backwards(), Limit: in.Limit,
		StreamType: in.StreamType, StreamID: in.StreamID, Actor: in.Actor,
	}
	if in.Type != "" {
		q.Types = strings.Split(in.Type, ",")
	}
	page, err := s.Log.ReadLog(ctx, c.tenant, q)
	if err != nil {
		return nil, err
	}
	head, err := s.Log.Head(ctx, c.tenant)
	if err != nil {
		return nil, err
	}
	events, ended := in.trim(page.Events, func(e eventstore.Event) int64 { return e.Position })
	out := &listed[EventList]{PageHeaders: PageHeaders{Position: head.Position}, Body: EventList{Items: eventsJSON(events)}}
	if !page.Done && !ended && !in.exhausted(page.Next) {
		out.Body.NextCursor = s.cursors.seal(bookmark{After: page.Next}, query...)
		out.Link = nextLink(c, out.Body.NextCursor)
	}
	return out, nil
}

func eventsJSON(events []eventstore.Event) []Event {
	items := make([]Event, len(events))
	for i, e := range events {
		items[i] = eventJSON(e)
	}
	return items
}

func (s *server) getEvent(ctx context.Context, in *getEventInput) (*eventOutput, error) {
	tenant := callOf(ctx).tenant
	if err := s.awaitLog(ctx, in.ReadHeaders, tenant); err != nil {
		return nil, err
	}
	page, err := s.Log.ReadLog(ctx, tenant, eventstore.LogQuery{After: in.Position - 1, Limit: 1})
	if err != nil {
		return nil, err
	}
	if len(page.Events) == 0 || page.Events[0].Position != in.Position {
		return nil, problem.New(problem.NotFound, "The log does not reach this position yet.")
	}
	event := eventJSON(page.Events[0])
	return &eventOutput{ETag: `"` + event.Hash + `"`, Body: event}, nil
}
