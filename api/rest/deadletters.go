package rest

import (
	"context"
	"net/http"
	"time"

	"github.com/google/uuid"

	"tansu.cloud/domain/projection"
	"tansu.cloud/eventstore"
	"tansu.cloud/projections/readmodels/deadletters"
)

// DeadLetter is a stream that a projection has set aside.
type DeadLetter struct {
	ID         string    `json:"id" doc:"UUID of the dead letter." example:"01926a3d-1111-7c4b-9a51-3f0c1b2d4e5f"`
	Projection string    `json:"projection" doc:"Which projection set the stream aside." example:"tenant_directory"`
	Generation int       `json:"generation" doc:"In which filling of its tables." example:"1"`
	Status     string    `json:"status" enum:"parked,redriving,resolved,discarded" doc:"Where it stands." example:"parked"`
	TenantID   string    `json:"tenant_id" doc:"In whose log the stream is." example:"00000000-0000-0000-0000-000000000000"`
	StreamType string    `json:"stream_type" doc:"What kind of aggregate." example:"tenant"`
	StreamID   string    `json:"stream_id" doc:"Which one." example:"01926a3c-7d1e-7c4b-9a51-3f0c1b2d4e5f"`
	Position   int64     `json:"position" doc:"Of the event that failed." example:"42"`
	EventID    string    `json:"event_id" doc:"UUID of that event." example:"01926a3c-8a10-7f3e-b1c2-0a1b2c3d4e5f"`
	EventType  string    `json:"event_type" doc:"What that event is." example:"tenant.renamed"`
	Error      string    `json:"error" doc:"Why it failed." example:"value too long"`
	Attempts   int       `json:"attempts" doc:"How often it was tried." example:"5"`
	Reason     string    `json:"reason,omitempty" doc:"Why it was discarded." example:"Test data"`
	ParkedAt   time.Time `json:"parked_at" doc:"When the stream was set aside." example:"2026-01-31T12:00:00Z"`
	UpdatedAt  time.Time `json:"updated_at" doc:"When the dead letter last changed." example:"2026-01-31T12:00:00Z"`
}

// DeadLetterList is a page of dead letters.
type DeadLetterList struct {
	Items      []DeadLetter `json:"items" doc:"The dead letters."`
	NextCursor string       `json:"next_cursor,omitempty" doc:"Opens the next page; absent at the end." example:"Zm9v"`
}

type listDeadLettersInput struct {
	ReadHeaders
	Projection string `query:"projection" maxLength:"100" doc:"Only those of this projection." example:"tenant_directory"`
	Status     string `query:"status" enum:"parked,redriving,resolved,discarded" doc:"Only those with this status." example:"parked"`
	Sort       string `query:"sort" enum:"parked_at,-parked_at" default:"parked_at" doc:"Oldest first, or with - newest first." example:"parked_at"`
	PageQuery
}

type deadLetterOutput struct{ Body DeadLetter }

func (s *server) deadLetterRoutes() {
	read := route{permission: "dead_letters.read"}
	register(s, endpoint{
		route: read, id: "list-dead-letters", method: http.MethodGet, path: "/v1/dead-letters", tag: "Dead letters",
		summary: "List dead letters", description: "A page of the streams that projections have set aside, those that are dealt with included.",
	}, s.listDeadLetters)
	register(s, endpoint{
		route: read, id: "get-dead-letter", method: http.MethodGet, path: "/v1/dead-letters/{id}", tag: "Dead letters",
		summary: "Read a dead letter", description: "One dead letter.",
	}, func(ctx context.Context, in *struct {
		IDPath
		ReadHeaders
	}) (*deadLetterOutput, error) {
		if err := s.awaitReadModel(ctx, in.ReadHeaders, deadletters.Name, eventstore.SystemTenant); err != nil {
			return nil, err
		}
		letter, err := s.deadLetter(ctx, in.ID)
		return &deadLetterOutput{deadLetterJSON(letter)}, err
	})
	s.deadLetterCommands()
}

func (s *server) deadLetter(ctx context.Context, id string) (deadletters.Letter, error) {
	parsed, err := uuid.Parse(id)
	if err != nil {
		return deadletters.Letter{}, projection.ErrDeadLetterNotFound
	}
	letter, err := s.DeadLetters.Get(ctx, parsed)
	return letter, missingAs(err, projection.ErrDeadLetterNotFound)
}

func (s *server) listDeadLetters(ctx context.Context, in *listDeadLettersInput) (*listed[DeadLetterList], error) {
	if err := s.awaitReadModel(ctx, in.ReadHeaders, deadletters.Name, eventstore.SystemTenant); err != nil {
		return nil, err
	}
	c := callOf(ctx)
	query := []string{c.pattern, in.Projection, in.Status, in.Sort}
	from, err := s.from(in.PageQuery, query)
	if err != nil {
		return nil, err
	}
	letters, more, err := s.DeadLetters.List(ctx, deadletters.ListQuery{
		Projection: in.Projection, Status: in.Status, OldestFirst: in.Sort == "parked_at", After: from, Limit: in.Limit,
	})
	if err != nil {
		return nil, err
	}
	out := &listed[DeadLetterList]{PageHeaders: PageHeaders{Position: in.MinPosition}, Body: DeadLetterList{Items: []DeadLetter{}}}
	for _, l := range letters {
		out.Body.Items = append(out.Body.Items, deadLetterJSON(l))
	}
	out.Body.NextCursor, out.Link = following(s, c, letters, more, query)
	return out, nil
}

func deadLetterJSON(l deadletters.Letter) DeadLetter {
	return DeadLetter{
		ID: l.ID.String(), Projection: l.Projection, Generation: l.Generation, Status: l.Status,
		TenantID: l.TenantID.String(), StreamType: l.StreamType, StreamID: l.StreamID, Position: l.Position,
		EventID: l.EventID.String(), EventType: l.EventType, Error: l.Error, Attempts: l.Attempts, Reason: l.Reason,
		ParkedAt: l.ParkedAt.UTC(), UpdatedAt: l.UpdatedAt.UTC(),
	}
}
