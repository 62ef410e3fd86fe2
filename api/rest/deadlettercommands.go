package rest

import (
	"context"
	"errors"
	"net/http"
	"strconv"

	"github.com/google/uuid"

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

// RedriveManyResult counts.
type RedriveManyResult struct {
	Requested int  `json:"requested" doc:"How many re-drives were asked for." example:"50"`
	More      bool `json:"more" doc:"Whether more are parked; send another request, with another Idempotency-Key." example:"true"`
}

type redriveManyOutput struct {
	Status   int
	Position int64  `header:"Tansu-Position" doc:"The position in the system tenant's log from which on all of it can be read." example:"42"`
	Replayed string `header:"Idempotency-Replayed" doc:"true, if an earlier request with the same key asked for these." example:"true"`
	Applied  string `header:"Preference-Applied" doc:"Which preference of Prefer was followed." example:"wait=5"`
	Body     RedriveManyResult
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
	}, s.redriveMany)
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

type redriveManyInput struct {
	CommandHeaders
	Body *RedriveManyBody
}

const redriveDefault = 50

// redriveMany sends one command for each dead letter. Its idempotency key is
// numbered through for them, so a repeat recognises that the first one is done.
func (s *server) redriveMany(ctx context.Context, in *redriveManyInput) (*redriveManyOutput, error) {
	selection := RedriveManyBody{Limit: redriveDefault}
	if in.Body != nil {
		selection.Projection = in.Body.Projection
		if in.Body.Limit > 0 {
			selection.Limit = in.Body.Limit
		}
	}
	preferences, err := s.parsePrefer(in.Prefer)
	if err != nil {
		return nil, err
	}
	out := &redriveManyOutput{Status: http.StatusOK, Applied: preferences.applied()}
	if preferences.async {
		out.Status = http.StatusAccepted
	}
	before, position, err := s.sentBefore(ctx, in.IdempotencyKey, eventstore.SystemTenant, selection.Limit)
	if err != nil {
		return nil, err
	}
	letters, more, err := s.DeadLetters.List(ctx, deadletters.ListQuery{
		Projection: selection.Projection, Status: string(projection.StatusParked), OldestFirst: true, Limit: selection.Limit,
	})
	if err != nil {
		return nil, err
	}
	if before > 0 {
		out.Replayed, out.Position, out.Body = "true", position, RedriveManyResult{Requested: before, More: len(letters) > 0}
		return out, nil
	}
	out.Body.More = more
	headers := ChangeHeaders{CommandHeaders: CommandHeaders{IdempotencyKey: in.IdempotencyKey, Prefer: "respond-async"}}
	for _, letter := range letters {
		o := deadLetterOrder(letter, commands.RedriveDeadLetter{DeadLetterID: letter.ID.String()})
		o.part = strconv.Itoa(out.Body.Requested)
		sent, err := send(ctx, s, s.Commands.RedriveDeadLetter, headers, http.StatusOK, o)
		if errors.Is(err, projection.ErrDeadLetterNotFound) {
			continue // the read model was behind: somebody has dealt with it
		}
		if err != nil {
			return nil, err
		}
		out.Body.Requested++
		out.Position = max(out.Position, sent.Position)
	}
	if !preferences.async {
		s.settle(ctx, preferences, []string{deadletters.Name}, eventstore.SystemTenant, out.Position)
	}
	return out, nil
}

// sentBefore counts the commands of an earlier request with the same key, and
// tells the position of the last.
func (s *server) sentBefore(ctx context.Context, key string, tenant uuid.UUID, limit int) (n int, position int64, err error) {
	once, err := idempotencyOf(key, "", callOf(ctx))
	if err != nil || once.key == "" {
		return 0, 0, err
	}
	for i := range limit {
		record, err := s.Log.IdempotencyRecord(ctx, tenant, once.part(strconv.Itoa(i)).key)
		if err != nil || record == nil {
			return n, position, err
		}
		if record.Fingerprint != once.fingerprint {
			return 0, 0, &commands.IdempotencyMismatch{Key: key}
		}
		n, position = i+1, max(position, record.Position)
	}
	return n, position, nil
}
