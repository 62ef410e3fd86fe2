package rest

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	"tansu.cloud/eventstore"
)

// Activity is something that happened in a tenant, told for people.
type Activity struct {
	Position   int64     `json:"position" doc:"Of the event in the tenant's log." example:"42"`
	At         time.Time `json:"at" doc:"When it was committed." example:"2026-01-31T12:00:00Z"`
	Actor      string    `json:"actor" doc:"Who did it, as events name them." example:"user:01926a3e-5555-7c4b-9a51-3f0c1b2d4e5f"`
	ActorName  string    `json:"actor_name" doc:"Who did it, for people." example:"Ada Lovelace"`
	Text       string    `json:"text" doc:"What was done, in English: a sentence that begins with the actor." example:"Ada Lovelace created the API key “Nightly export”."`
	Type       string    `json:"type" doc:"Type of the event." example:"api_key.created"`
	StreamType string    `json:"stream_type" doc:"Type of the stream." example:"api_key"`
	StreamID   string    `json:"stream_id" doc:"Id of the stream." example:"01926a3e-7777-7c4b-9a51-3f0c1b2d4e5f"`
	Reason     string    `json:"reason,omitempty" doc:"Why, if a reason was given." example:"Left the company"`
	Address    string    `json:"address,omitempty" doc:"From where." example:"192.0.2.1"`
}

// ActivityList is a page of what happened.
type ActivityList struct {
	Items      []Activity `json:"items" doc:"What happened, the newest first. A filtered page may be empty although more follow: go on while there is a next_cursor."`
	NextCursor string     `json:"next_cursor,omitempty" doc:"Opens the next page; absent at the end." example:"Zm9v"`
}

func (s *server) activityRoutes() {
	register(s, endpoint{
		route: route{permission: "activity.read", tenant: true}, id: "list-activity", method: http.MethodGet, path: "/v1/activity", tag: "Activity",
		summary: "Read what happened", description: "A page of the tenant's log as sentences with the name of who acted, the newest first. With a filter at most 20,000 positions are examined for a page.",
	}, s.listActivity)
}

func (s *server) listActivity(ctx context.Context, in *struct {
	ReadHeaders
	PageQuery
	Actor      string `query:"actor" maxLength:"1024" doc:"Only what this principal did." example:"user:01926a3e-5555-7c4b-9a51-3f0c1b2d4e5f"`
	StreamType string `query:"stream_type" maxLength:"200" doc:"Only what happened to streams of this type." example:"member"`
	StreamID   string `query:"stream_id" maxLength:"255" doc:"Only what happened to streams with this id." example:"01926a3e-5555-7c4b-9a51-3f0c1b2d4e5f"`
}) (*listed[ActivityList], error) {
	c := callOf(ctx)
	if err := s.awaitLog(ctx, in.ReadHeaders, c.tenant); err != nil {
		return nil, err
	}
	query := []string{c.pattern, c.tenant.String(), in.Actor, in.StreamType, in.StreamID}
	q := eventstore.LogQuery{Backwards: true, Limit: in.Limit, Actor: in.Actor, StreamType: in.StreamType, StreamID: in.StreamID}
	from, err := s.cursors.begin(in.Cursor, query...)
	if err != nil {
		return nil, err
	}
	q.After = from.After
	page, err := s.Log.ReadLog(ctx, c.tenant, q)
	if err != nil {
		return nil, err
	}
	items, err := s.tell(ctx, c.tenant, page.Events)
	if err != nil {
		return nil, err
	}
	out := &listed[ActivityList]{PageHeaders{Position: in.MinPosition}, ActivityList{Items: items}}
	if !page.Done && page.Next > 1 {
		out.Body.NextCursor = s.cursors.seal(bookmark{After: page.Next}, query...)
		out.Link = nextLink(c, out.Body.NextCursor)
	}
	return out, nil
}

// tell turns events into sentences.
func (s *server) tell(ctx context.Context, tenant uuid.UUID, events []eventstore.Event) ([]Activity, error) {
	items, data := make([]Activity, len(events)), make([]map[string]any, len(events))
	var named []string
	for i, e := range events {
		var m eventstore.Metadata
		if err := json.Unmarshal(e.Metadata, &m); err != nil {
			return nil, err
		}
		if err := json.Unmarshal(e.Data, &data[i]); err != nil {
			return nil, err
		}
		items[i] = Activity{
			Position: e.Position, At: e.RecordedAt.UTC(), Actor: m.Actor, Type: e.Type,
			StreamType: e.Stream.Type, StreamID: e.Stream.ID, Reason: m.Reason, Address: m.Address,
		}
		named = append(named, m.Actor)
		if id, ok := data[i]["user_id"].(string); ok {
			named = append(named, "user:"+id)
		}
	}
	names, err := s.namesOf(ctx, tenant, named)
	if err != nil {
		return nil, err
	}
	for i := range items {
		items[i].ActorName = names[items[i].Actor]
		items[i].Text = sentence(items[i], data[i], names)
	}
	return items, nil
}

// namesOf finds out what principals are called. Who is not known any more goes
// by what they were.
func (s *server) namesOf(ctx context.Context, tenant uuid.UUID, actors []string) (map[string]string, error) {
	names := map[string]string{}
	var people []uuid.UUID
	for _, actor := range actors {
		if _, done := names[actor]; done {
			continue
		}
		kind, rest, _ := strings.Cut(actor, ":")
		names[actor] = capital(strings.ReplaceAll(actor, "_", " "))
		id, err := uuid.Parse(rest)
		if err != nil {
			continue
		}
		switch kind {
		case "user":
			names[actor] = "A former user"
			people = append(people, id)
		case "service_account":
			if a, err := s.Directory.ServiceAccount(ctx, tenant, id); err == nil {
				names[actor] = "The service account " + quoted(a.Name)
			} else if missingAs(err, nil) != nil {
				return nil, err
			} else {
				names[actor] = "A former service account"
			}
		case "api_key":
			if k, err := s.Directory.APIKey(ctx, tenant, id); err == nil {
				names[actor] = "The API key " + quoted(k.Name)
			} else if missingAs(err, nil) != nil {
				return nil, err
			}
		}
	}
	known, err := s.Users.ByIDs(ctx, people)
	for id, u := range known {
		if u.Name != "" {
			names["user:"+id.String()] = u.Name
		}
	}
	return names, err
}
