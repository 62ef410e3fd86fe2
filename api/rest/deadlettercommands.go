package rest

import (
	"context"
	"net/http"

	"tansu.cloud/commands"
	"tansu.cloud/domain/projection"
	"tansu.cloud/eventstore"
	"tansu.cloud/projections/readmodels/deadletters"
)

// DeadLetterOrder is what was decided about a dead letter.
type DeadLetterOrder struct {
	ID         string `json:"id" doc:"UUID of the dead letter." example:"01926a3d-1111-7c4b-9a51-3f0c1b2d4e5f"`
	Projection string `json:"projection" doc:"Which projection it belongs to." example:"tenant_directory"`
	Status     string `json:"status" enum:"redriving,discarded" doc:"Where it stands now." example:"redriving"`
}

// RedriveManyBody selects parked streams.
type RedriveManyBody struct {
	Projection string `json:"projection,omitempty" maxLength:"100" doc:"Only those of this projection." example:"tenant_directory"`
	Limit      int    `json:"limit,omitempty" minimum:"1" maximum:"200" doc:"The most to re-drive with this request; 50 if not given." example:"50"`
}

func (s *server) deadLetterCommands() {
	access := route{permission: commands.PermissionManageDeadLetters}
	register(s, endpoint{
		route: access, id: "redrive-dead-letter", method: http.MethodPost, path: "/v1/dead-letters/{id}/redrive", tag: "Dead letters",
		summary: "Re-drive a dead letter", description: "Applies the events of the parked stream again, in order. Use it after the cause is fixed.",
	}, func(ctx context.Context, in *struct {
		IDPath
		ChangeHeaders
	}) (*changed[DeadLetterOrder], error) {
		return sendToDeadLetter(ctx, s, s.Commands.RedriveDeadLetter, in.IDPath, in.ChangeHeaders,
			func(id string) commands.RedriveDeadLetter { return commands.RedriveDeadLetter{DeadLetterID: id} }, "redriving")
	})
	register(s, endpoint{
		route: access, id: "discard-dead-letter", method: http.MethodPost, path: "/v1/dead-letters/{id}/discard", tag: "Dead letters",
		summary: "Discard a dead letter", description: "Gives the parked events up for this projection; later ones flow again. They stay in the log.",
	}, func(ctx context.Context, in *struct {
		IDPath
		ChangeHeaders
		Body ReasonBody
	}) (*changed[DeadLetterOrder], error) {
		return sendToDeadLetter(ctx, s, s.Commands.DiscardDeadLetter, in.IDPath, in.ChangeHeaders,
			func(id string) commands.DiscardDeadLetter {
				return commands.DiscardDeadLetter{DeadLetterID: id, Reason: in.Body.Reason}
			}, "discarded")
	})
	register(s, endpoint{
		route: access, id: "redrive-dead-letters", method: http.MethodPost, path: "/v1/dead-letters/redrive", tag: "Dead letters",
		summary: "Re-drive many dead letters",
		description: "Asks for the re-drive of parked streams, oldest first, up to a limit. Each is a command of its own. " +
			"The body may be left out. Repeated with the same Idempotency-Key, the request starts no others but counts those of the first time.",
	}, s.redriveDeadLetters)
}

func sendToDeadLetter[C any](ctx context.Context, s *server, handler commands.Handler[C, projection.State],
	path IDPath, h ChangeHeaders, command func(id string) C, status string) (*changed[DeadLetterOrder], error) {
	letter, err := s.deadLetter(ctx, path.ID)
	if err != nil {
		return nil, err
	}
	sent, err := send(ctx, s, handler, h, http.StatusOK, deadLetterOrder(letter, command(letter.ID.String())))
	if err != nil {
		return nil, err
	}
	return &changed[DeadLetterOrder]{Status: sent.status, Written: sent.Written, Body: DeadLetterOrder{
		ID: letter.ID.String(), Projection: letter.Projection, Status: status,
	}}, nil
}

func deadLetterOrder[C any](letter deadletters.Letter, command C) order[C] {
	return order[C]{
		tenant:     eventstore.SystemTenant,
		stream:     eventstore.Stream{Type: projection.StreamType, ID: letter.Projection},
		command:    command,
		readModels: []string{deadletters.Name},
	}
}

func (s *server) redriveDeadLetters(ctx context.Context, in *struct {
	CommandHeaders
	Body *RedriveManyBody
}) (*redriveOutput, error) {
	selection := RedriveManyBody{Limit: redriveDefault}
	if in.Body != nil {
		selection.Projection = in.Body.Projection
		if in.Body.Limit > 0 {
			selection.Limit = in.Body.Limit
		}
	}
	return redrive[deadletters.Letter, commands.RedriveDeadLetter, projection.State]{
		tenant: eventstore.SystemTenant, limit: selection.Limit,
		find: func() ([]deadletters.Letter, bool, error) {
			return s.DeadLetters.List(ctx, deadletters.ListQuery{
				Projection: selection.Projection, Status: string(projection.StatusParked), OldestFirst: true, Limit: selection.Limit,
			})
		},
		handler: s.Commands.RedriveDeadLetter,
		order: func(l deadletters.Letter) order[commands.RedriveDeadLetter] {
			return deadLetterOrder(l, commands.RedriveDeadLetter{DeadLetterID: l.ID.String()})
		},
		readModel: deadletters.Name, gone: projection.ErrDeadLetterNotFound,
	}.send(ctx, s, in.CommandHeaders)
}
